"""What ops do to a conversation without ending it: mute, keys, words, another agent, the recording. [pure]

Rows of the call's table. None of them changes the call's state. Who is muted stays so through hold and transfer, until
it is taken back, the agent is gone, or it says its last words, which are heard in any case.
"""

from contextlib import suppress
from datetime import datetime

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from controller.calls.machine.row import Always, Row, Rows, Steps, in_states
from controller.calls.machine.types import RecordingState
from controller.calls.metadata import TooMuch, merged


def mute(call: Call, what: inputs.MuteAsked, _: datetime) -> Steps:
    """The same twice is sent twice: the first order may have been lost."""
    call.muted = call.muted | {what.side} if what.on else call.muted - {what.side}
    order = contract.Mute(call=call.plan.call, caller="caller" in call.muted, agent="agent" in call.muted)
    return _order(call, order)


def digits(call: Call, what: inputs.DigitsAsked, _: datetime) -> Steps:
    return [commands.SendDigits(call.plan.leg, what.digits)]


def say(call: Call, what: inputs.SayAsked, _: datetime) -> Steps:
    """On hold the worker waits with it until the hold ends."""
    return _order(call, contract.Speak(call=call.plan.call, text=what.text, exact=what.exact))


def switch(call: Call, what: inputs.SwitchAsked, _: datetime) -> Steps:
    if not call.with_agent:
        return []
    call.plan = what.plan
    call.fallback_steps = list(what.plan.agent.on_ai_failure)
    return _order(call, contract.SwitchAgent(call=call.plan.call, spec=what.plan.agent.spec))


AFTER: dict[tuple[str, inputs.RecordAction], RecordingState] = {
    ("off", "start"): "on",
    ("on", "pause"): "paused",
    ("paused", "resume"): "on",
    ("on", "stop"): "off",
    ("paused", "stop"): "off",
}
"""What the recording is after an action. All other pairs change nothing."""


def record(call: Call, what: inputs.RecordAsked, _: datetime) -> Steps:
    after = AFTER.get((call.recording, what.action))
    if after is None or call.plan.agent.recording is None or not call.with_agent:
        return []
    call.recording = after
    wanted = call.plan.agent.recording if what.action == "start" else None
    return _order(call, contract.Record(call=call.plan.call, action=what.action, recording=wanted))


def recording_told(call: Call, what: inputs.RecordingTold, _: datetime) -> Steps:
    """It differs from what the call knows only after an earlier controller was killed right behind an order."""
    call.recording = what.state
    return []


def metadata(call: Call, what: inputs.MetadataAsked, _: datetime) -> Steps:
    """More than a call may have was refused when it was asked; what came in between may leave no room for it."""
    with suppress(TooMuch):
        call.metadata = merged(call.metadata, what.changes)
    return []


def unmute_all(call: Call) -> Steps:
    """What comes now must be heard."""
    if not call.muted:
        return []
    call.muted = frozenset()
    return _order(call, contract.Mute(call=call.plan.call, caller=False, agent=False))


def _order(call: Call, order: contract.AgentCommand | contract.Record) -> Steps:
    """The command for the worker; none if the call goes on without an agent."""
    return [commands.OrderAi(order)] if call.with_agent and call.session_open else []


ROWS: Rows = {
    **in_states(
        [State.TALKING, State.HOLDING, State.TRANSFERRING],
        {
            inputs.MuteAsked: Row(mute),
            inputs.DigitsAsked: Row(digits),
            inputs.SayAsked: Row(say),
            inputs.SwitchAsked: Row(switch),
            inputs.RecordAsked: Row(record),
        },
    ),
    **in_states([State.CLOSING, State.TRANSFERRED], {inputs.DigitsAsked: Row(digits)}),
}
ALWAYS: Always = {inputs.RecordingTold: Row(recording_told), inputs.MetadataAsked: Row(metadata)}
