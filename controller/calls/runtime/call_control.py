"""What operators may ask of one live call. [pure]

Owns the first answer: finds the call, checks its state and the arguments, and puts an input into its queue. Each method
returns at once with the view of the call as it is; what it starts shows in later views. All raise `errors.UnknownCall`,
and `errors.WrongState` with the name of the state. The call's state may have changed by the time the input is handled:
the machine's rows are for that.
"""

from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from controller.calls import errors
from controller.calls.machine import inputs
from controller.calls.machine.plan import Participant, State
from controller.calls.machine.rows import agent_control, participants
from controller.calls.metadata import merged
from controller.calls.planning import planner
from controller.calls.reporting import view
from controller.calls.runtime.call_control_transfer import TransferControl, put
from controller.calls.runtime.ports import LiveCall
from controller.dialing import numbers

WITH_AGENT = (State.TALKING, State.HOLDING, State.TRANSFERRING)
"""States in which there is an agent, unless its worker was lost."""


class CallControl(TransferControl):
    """`by`: who asks, for records and events."""

    # ------------------------------------------------------------ the end

    def hang_up(self, call: str, *, by: str) -> view.CallView:
        """In any state."""
        return put(self._find(call), inputs.HangUpAsked(by))

    # ------------------------------------------------------------ who hears whom

    def hold(self, call: str, *, by: str) -> view.CallView:
        """Holds until `resume`, also if the agent has put the caller on hold already."""
        return put(self._in(call, "put on hold", State.TALKING, State.HOLDING), inputs.HoldAsked(by))

    def resume(self, call: str, *, by: str) -> view.CallView:
        return put(self._in(call, "resumed", State.HOLDING), inputs.ResumeAsked(by))

    def mute(self, call: str, *, side: inputs.Side, on: bool, by: str) -> view.CallView:
        """`side` is not heard by the other, or (`on` False) is again."""
        return put(self._of_agent(call, "muted"), inputs.MuteAsked(side, on, by))

    # ------------------------------------------------------------ what is said

    def say(self, call: str, *, text: str, exact: bool, by: str) -> view.CallView:
        """The agent says it: word for word, or in its own words. On hold it waits until the hold ends."""
        return put(self._of_agent(call, "spoken in"), inputs.SayAsked(text, exact, by))

    def send_digits(self, call: str, *, digits: str, by: str) -> view.CallView:
        """Sends keys to the person's telephone."""
        live = self._in(call, "sent keys", *WITH_AGENT, State.CLOSING, State.TRANSFERRED)
        return put(live, inputs.DigitsAsked(digits, by))

    def switch(
        self,
        call: str,
        *,
        agent: str | None = None,
        instructions: str | None = None,
        variables: Mapping[str, str] | None = None,
        by: str,
    ) -> view.CallView:
        """Another agent, other instructions, or both. Raises `errors.UnknownName` too."""
        live = self._of_agent(call, "given to another agent")
        begun = self._current.during(live.begun)
        plan = planner.with_agent(
            begun, live.call.plan, agent_name=agent, instructions=instructions, variables=variables or {}
        )
        return put(live, inputs.SwitchAsked(plan, by, instructions))

    def record(self, call: str, *, action: inputs.RecordAction, by: str) -> view.CallView:
        live = self._of_agent(call, "recorded")
        if live.call.plan.agent.recording is None:
            raise errors.WrongState("Calls of this agent are not recorded; `agents.*.recording` in the config says so.")
        if (live.call.recording, action) not in agent_control.AFTER:
            raise errors.WrongState(f"The recording can't {action} now: it is {live.call.recording}.")
        return put(live, inputs.RecordAsked(action, by))

    def set_metadata(self, call: str, changes: Mapping[str, str | None], *, by: str) -> view.CallView:
        """In any state. The view has them already. Raises `TooMuch` too."""
        live = self._find(call)
        after = merged(live.call.metadata, changes)
        return replace(put(live, inputs.MetadataAsked(changes, by)), metadata=after)

    # ------------------------------------------------------------ who is there

    def add_participant(self, call: str, *, to: str, by: str) -> view.ParticipantView:
        """Dial somebody into the call. Raises `numbers.NotAllowed` too."""
        live = self._in(call, "joined", *participants.OPEN)
        if len(live.call.present_participants()) >= participants.MOST:
            raise errors.WrongState(f"No more than {participants.MOST} participants can be in one call.")
        where = numbers.telephone(self._current.config, to, live.call.plan.trunk)
        target = planner.target_of(self._current.config, where)
        leg = live.call.ids.participant(uuid4().hex[:12])
        live.put(inputs.ParticipantAsked(leg, target, by))
        return view.participant_view(Participant(leg, target, by))

    def drop_participant(self, call: str, *, leg: str, by: str) -> view.ParticipantView:
        """Raises `errors.UnknownParticipant` too."""
        live = self._find(call)
        found = live.call.participants.get(leg)
        if found is None:
            raise errors.UnknownParticipant("This call has no such participant.")
        if found.state in ("left", "failed"):
            raise errors.WrongState(f"This participant is not there any more: {found.state}.")
        live.put(inputs.ParticipantDropped(leg, by))
        return view.participant_view(found)

    def _of_agent(self, call: str, done: str) -> LiveCall:
        """The call, if there is an agent in it, heard or not."""
        live = self._in(call, done, *WITH_AGENT)
        if not live.call.with_agent:
            raise errors.WrongState(f"This call can't be {done} now: its agent is gone ({live.call.state.value}).")
        return live
