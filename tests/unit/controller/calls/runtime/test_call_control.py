"""What ops may ask of a live call: which state says yes, what the call's queue gets, and what is said otherwise."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bridge import contract
from controller.calls import errors
from controller.calls.machine import inputs
from controller.calls.machine.call import Call
from controller.calls.machine.ids import Ids
from controller.calls.machine.plan import Participant, State, Supervision
from controller.calls.machine.types import RecordingState
from controller.calls.reporting.call_log import CallLog
from controller.calls.runtime.call_control import CallControl
from controller.dialing import numbers
from tests.unit.controller.calls.machine.test_table import CALL, IDS, TARGET, inbound, of_agent
from tests.unit.controller.configs import current

STATES = [each for each in State if each is not State.ENDED]


@dataclass
class Living:
    id: str = CALL
    call: Call = field(default_factory=inbound)
    call_log: CallLog = field(default_factory=CallLog)
    got: list[inputs.Input] = field(default_factory=list)

    def put(self, what: inputs.Input) -> None:
        self.got.append(what)

    def verbs(self, **changes: Any) -> CallControl:
        """With a config that is changed like this, with which the call began."""
        made = current(**changes)
        self.begun = made.config
        return CallControl(made, self.find)

    def find(self, call: str) -> "Living":
        if call != CALL:
            raise errors.UnknownCall("There is no such call.")
        return self


PARTY = IDS.participant("one")
AGENT = {State.TALKING, State.HOLDING, State.TRANSFERRING}
ALL: dict[str, tuple[dict[str, Any], type[inputs.Input], set[State]]] = {
    "hang_up": ({}, inputs.HangUpAsked, set(STATES)),
    "transfer": ({"to": "4930123"}, inputs.TransferAsked, {State.TALKING, State.HOLDING}),
    "hold": ({}, inputs.HoldAsked, {State.TALKING, State.HOLDING}),
    "resume": ({}, inputs.ResumeAsked, {State.HOLDING}),
    "mute": ({"side": "caller", "on": True}, inputs.MuteAsked, AGENT),
    "say": ({"text": "Hello.", "exact": True}, inputs.SayAsked, AGENT),
    "send_digits": ({"digits": "1#"}, inputs.DigitsAsked, {*AGENT, State.CLOSING, State.TRANSFERRED}),
    "switch": ({"agent": "night"}, inputs.SwitchAsked, AGENT),
    "record": ({"action": "start"}, inputs.RecordAsked, AGENT),
    "add_participant": ({"to": "4930123"}, inputs.ParticipantAsked, {State.TALKING, State.HOLDING, State.TRANSFERRED}),
    "drop_participant": ({"leg": PARTY}, inputs.ParticipantDropped, set(STATES)),
    "cancel_transfer": ({}, inputs.TransferCancelled, {State.TRANSFERRING, State.CONSULTING}),
    "decide_transfer": ({"accept": True}, inputs.TransferDecided, {State.CONSULTING}),
    "supervise": (
        {"to": "ada", "mode": "listen"},
        inputs.SuperviseAsked,
        {*AGENT, State.CONSULTING, State.TRANSFERRED},
    ),
}
"""By method of CallControl: its arguments, what it puts into the call's queue, and in which states."""
WATCHED = {"supervisor": {"extensions": {"ada": "4930999"}}}
NEEDS_AGENT = ["mute", "say", "switch", "record"]


def ask(verbs: CallControl, verb: str, call: str = CALL) -> object:
    return getattr(verbs, verb)(call, **ALL[verb][0], by="ops")


@pytest.fixture
def living() -> Living:
    made = Living()
    made.call.plan = of_agent(
        made.call.plan, recording=contract.Recording(path="/srv/calls"), template_vars={"name": "Ann"}
    )
    made.call.participants[PARTY] = Participant(PARTY, TARGET, "ops")
    return made


@pytest.fixture
def verbs(living: Living) -> CallControl:
    return living.verbs(**WATCHED)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", ALL)
def test_every_verb_has_an_answer_in_every_state(verbs: CallControl, living: Living, verb: str, state: State) -> None:
    _, what, states = ALL[verb]
    living.call.state = state
    if state in states:
        ask(verbs, verb)
        assert [type(each) for each in living.got] == [what]
    else:
        with pytest.raises(errors.WrongState, match=state.value):
            ask(verbs, verb)
        assert living.got == []


@pytest.mark.parametrize("verb", ALL)
def test_an_unknown_call_is_said_to_be_unknown(verbs: CallControl, verb: str) -> None:
    with pytest.raises(errors.UnknownCall):
        ask(verbs, verb, "nobody")


@pytest.mark.parametrize("to", ["112", "4930/x", "s@inside", "+49301&SIP/4930", "sip:me@there"])
def test_nobody_is_dialled_whom_the_config_does_not_allow(verbs: CallControl, living: Living, to: str) -> None:
    living.call.state = State.TALKING
    for verb in (verbs.transfer, verbs.add_participant):
        with pytest.raises(numbers.NotAllowed):
            verb(CALL, to=to, by="ops")
    assert living.got == []


@pytest.mark.parametrize("verb", NEEDS_AGENT)
def test_a_lost_agent_takes_no_orders(verbs: CallControl, living: Living, verb: str) -> None:
    living.call.state, living.call.media_lost = State.TRANSFERRING, True
    with pytest.raises(errors.WrongState, match="agent is gone"):
        ask(verbs, verb)


@pytest.mark.parametrize(
    ("state", "action"),
    [("off", "pause"), ("off", "stop"), ("on", "start"), ("on", "resume"), ("paused", "start"), ("paused", "pause")],
)
def test_a_recording_says_what_it_is(
    verbs: CallControl, living: Living, state: RecordingState, action: inputs.RecordAction
) -> None:
    living.call.state, living.call.recording = State.TALKING, state
    with pytest.raises(errors.WrongState, match=state):
        verbs.record(CALL, action=action, by="ops")


def test_a_call_that_the_config_does_not_record_is_not(verbs: CallControl, living: Living) -> None:
    living.call.state, living.call.plan = State.TALKING, of_agent(living.call.plan, recording=None)
    with pytest.raises(errors.WrongState, match=r"agents.\*.recording"):
        verbs.record(CALL, action="start", by="ops")


def test_participants_are_counted_and_known(verbs: CallControl, living: Living) -> None:
    living.call.state = State.TALKING
    with pytest.raises(errors.UnknownParticipant):
        verbs.drop_participant(CALL, leg=IDS.target(1), by="ops")
    living.call.participants[PARTY].state = "left"
    with pytest.raises(errors.WrongState, match="left"):
        verbs.drop_participant(CALL, leg=PARTY, by="ops")
    for number in range(8):
        leg = IDS.participant(str(number))
        living.call.participants[leg] = Participant(leg, TARGET, "ops")
    with pytest.raises(errors.WrongState, match="No more than 8"):
        verbs.add_participant(CALL, to="4930123", by="ops")
    assert living.got == []


def test_each_participant_has_a_leg_of_its_own(verbs: CallControl, living: Living) -> None:
    living.call.state = State.TALKING
    legs = {verbs.add_participant(CALL, to="4930123", by="ops").leg for _ in range(2)}
    assert len(legs) == 2
    assert {Ids.call_of(leg) for leg in legs} == {CALL}


def test_another_agent_gets_what_is_known_of_the_call(living: Living) -> None:
    night = {"instructions": "Be quiet, {{name}} of {{town}}.", "dtmf": {"9": "hang_up"}, "wrap_up": "Bye {{name}}."}
    verbs = living.verbs(agents__night=night)
    living.call.state = State.TALKING
    verbs.switch(CALL, agent="night", variables={"town": "Bonn"}, by="ops")
    verbs.switch(CALL, instructions="Be {{loud}}.", by="ops")
    first, second = (each.plan for each in living.got if isinstance(each, inputs.SwitchAsked))
    assert (first.agent.name, first.agent.spec.instructions) == ("night", "Be quiet, Ann of Bonn.")
    assert (first.agent.wrap_up, dict(first.agent.digits), first.call, first.leg) == (
        "Bye Ann.",
        {"9": None},
        CALL,
        second.leg,
    )
    assert (second.agent.name, second.agent.spec.instructions) == ("reception", "Be {{loud}}.")


def test_an_agent_that_the_config_does_not_have(verbs: CallControl, living: Living) -> None:
    living.call.state = State.TALKING
    with pytest.raises(errors.UnknownName):
        verbs.switch(CALL, agent="nobody", by="ops")


# ---------------------------------------------------------------- transfers and supervision


def test_the_kind_is_what_was_asked_or_what_the_config_says(living: Living) -> None:
    living.call.state = State.TALKING
    verbs = living.verbs(
        agents__reception={"instructions": "x", "transfer_kind": "attended"},
        transfer__targets={"desk": "4930123", "shop": "4930124"},
        transfer__kinds={"shop": "blind"},
    )
    for to, kind in (("4930123", None), ("desk", None), ("shop", None), ("shop", "attended"), ("desk", "blind")):
        verbs.transfer(CALL, to=to, kind=kind, by="ops")  # type: ignore[arg-type]
    kinds = [each.target.kind for each in living.got if isinstance(each, inputs.TransferAsked)]
    assert kinds == ["attended", "attended", "blind", "attended", "blind"]


def test_a_refer_goes_where_the_trunk_of_the_call_says(living: Living) -> None:
    living.call.state, living.call.plan = State.TALKING, replace(living.call.plan, trunk="main")
    living.verbs(trunks__main__refer="sip:{number}@carrier:5070").transfer(CALL, to="4930123", kind="refer", by="ops")
    (what,) = living.got
    assert isinstance(what, inputs.TransferAsked)
    assert (what.target.kind, what.target.dial) == ("refer", "PJSIP/sip:4930123@carrier:5070")


def test_a_refer_that_can_not_be_is_refused(verbs: CallControl, living: Living) -> None:
    living.call.state, living.call.plan = State.TALKING, replace(living.call.plan, trunk="main")
    with pytest.raises(numbers.NotAllowed):
        verbs.transfer(CALL, to="4930123", kind="refer", by="ops")


def test_only_an_attended_transfer_has_something_to_announce(verbs: CallControl, living: Living) -> None:
    living.call.state = State.TALKING
    with pytest.raises(errors.WrongState):
        verbs.transfer(CALL, to="4930123", announce="Hello.", by="ops")


@pytest.mark.parametrize("to", ["bob", "4930999", "ada "])
def test_only_who_the_config_names_may_supervise(verbs: CallControl, living: Living, to: str) -> None:
    living.call.state = State.TALKING
    with pytest.raises(numbers.NotAllowed):
        verbs.supervise(CALL, to=to, mode="listen", by="ops")


def test_a_supervisor_who_is_there_is_changed_and_let_go(verbs: CallControl, living: Living) -> None:
    call = living.call
    call.state = State.TALKING
    with pytest.raises(errors.WrongState, match="Nobody supervises"):
        verbs.supervise(CALL, to=None, mode="listen", by="ops")
    with pytest.raises(errors.WrongState, match="Nobody supervises"):
        verbs.leave(CALL, by="ops")
    call.supervision = Supervision(IDS.supervisor(1), TARGET, "listen", "ops", "on")
    with pytest.raises(errors.WrongState, match="already"):
        verbs.supervise(CALL, to="ada", mode="listen", by="ops")
    with pytest.raises(errors.WrongState, match="no colleague"):
        verbs.supervise(CALL, to=None, mode="whisper", by="ops")
    verbs.supervise(CALL, to=None, mode="take_over", by="ops")
    verbs.leave(CALL, by="ops")
    assert [type(each) for each in living.got] == [inputs.SupervisionChanged, inputs.SupervisionEnded]


def test_who_has_taken_over_does_not_leave_the_caller_alone(verbs: CallControl, living: Living) -> None:
    living.call.state, living.call.other_parties = State.TRANSFERRED, {IDS.supervisor(1)}
    living.call.supervision = Supervision(IDS.supervisor(1), TARGET, "take_over", "ops", "on")
    with pytest.raises(errors.WrongState, match="alone"):
        verbs.supervise(CALL, to=None, mode="listen", by="ops")


@pytest.mark.parametrize("state", [State.TALKING, State.HOLDING])
def test_a_call_that_is_being_taken_over_is_not_transferred(verbs: CallControl, living: Living, state: State) -> None:
    living.call.state, living.call.other_parties = state, {IDS.supervisor(1)}
    living.call.supervision = Supervision(IDS.supervisor(1), TARGET, "take_over", "ops", "on")
    with pytest.raises(errors.WrongState, match="taking it over"):
        verbs.transfer(CALL, to="4930123", by="ops")
    assert living.got == []
