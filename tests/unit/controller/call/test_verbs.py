"""What ops may ask of a live call: which state says yes, what the call's queue gets, and what is said otherwise."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from controller import limits
from controller.call import messages as m
from controller.call import view
from controller.call.machine import Call
from controller.call.plan import State
from controller.call.record import Record
from controller.call.verbs import Verbs
from tests.unit.controller.call.test_machine import CALL, inbound
from tests.unit.controller.configs import config

STATES = [each for each in State if each is not State.ENDED]


@dataclass
class Living:
    call: Call = field(default_factory=inbound)
    record: Record = field(default_factory=Record)
    got: list[m.Input] = field(default_factory=list)

    def put(self, what: m.Input) -> None:
        self.got.append(what)

    def find(self, call: str) -> "Living":
        if call != CALL:
            raise view.UnknownCall("There is no such call.")
        return self


Verb = Callable[[Verbs, str], view.CallView]


def hang_up(verbs: Verbs, call: str) -> view.CallView:
    return verbs.hang_up(call, by="ops")


def transfer(verbs: Verbs, call: str) -> view.CallView:
    return verbs.transfer(call, to="4930123", by="ops")


ALL: dict[Verb, tuple[type[m.Input], set[State]]] = {
    hang_up: (m.HangUpAsked, set(STATES)),
    transfer: (m.TransferAsked, {State.TALKING, State.HOLDING}),
}


@pytest.fixture
def living() -> Living:
    return Living()


@pytest.fixture
def verbs(living: Living) -> Verbs:
    return Verbs(config(), living.find)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", ALL)
def test_every_verb_has_an_answer_in_every_state(verbs: Verbs, living: Living, verb: Verb, state: State) -> None:
    what, states = ALL[verb]
    living.call.state = state
    if state in states:
        assert verb(verbs, CALL).id == CALL
        assert [type(each) for each in living.got] == [what]
    else:
        with pytest.raises(view.WrongState, match=state.value):
            verb(verbs, CALL)
        assert living.got == []


@pytest.mark.parametrize("verb", ALL)
def test_an_unknown_call_is_said_to_be_unknown(verbs: Verbs, verb: Verb) -> None:
    with pytest.raises(view.UnknownCall):
        verb(verbs, "nobody")


@pytest.mark.parametrize("to", ["112", "4930/x", "s@inside", "+49301&SIP/4930", "sip:me@there"])
def test_nobody_is_dialled_whom_the_config_does_not_allow(verbs: Verbs, living: Living, to: str) -> None:
    living.call.state = State.TALKING
    with pytest.raises(limits.NotAllowed):
        verbs.transfer(CALL, to=to, by="ops")
    assert living.got == []
