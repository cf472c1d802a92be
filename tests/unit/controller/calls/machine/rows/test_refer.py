"""Transfers by SIP REFER: what the far end says, or does not say."""

import pytest

from bridge.contract import Counters
from controller.calls.machine import commands, inputs
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import FallbackStep, State
from tests.unit.controller.calls.machine.rows.test_attended_transfer import GONE, REFER
from tests.unit.controller.calls.machine.test_table import (
    CALLER,
    ENTERED,
    FLOWS,
    IDS,
    READY,
    SORRY,
    feed,
    talking,
    without_ai,
)


def test_by_refer_the_leg_leaves_and_that_is_no_end() -> None:
    call = talking()
    assert feed(call, REFER)[-1] == commands.Refer(CALLER, "PJSIP/sip:4930@carrier", IDS.target(1), None)
    assert feed(call, GONE) == []
    assert call.state is State.REFERRING


def test_the_far_end_has_done_it_and_the_call_is_over() -> None:
    call = talking()
    feed(call, REFER, GONE, inputs.LegReturned(CALLER, "SUCCESS", 200))
    assert call.transfer is not None
    assert (call.state, call.transfer.outcome, call.ended_by) == (State.ENDING, Outcome.ANSWERED, "transfer")


@pytest.mark.parametrize(
    ("sip", "outcome"), [(486, Outcome.BUSY), (603, Outcome.DECLINED), (480, Outcome.NO_ANSWER), (None, Outcome.FAILED)]
)
def test_the_far_end_could_not_and_the_caller_is_back(sip: int | None, outcome: Outcome) -> None:
    call = talking()
    issued = feed(call, REFER, GONE, inputs.LegReturned(CALLER, "FAILURE", sip))
    assert commands.Join(IDS.bridge, (CALLER,)) in issued
    assert isinstance(issued[-1], commands.ResumeAi)
    assert call.transfer is not None
    assert (call.state, call.transfer.outcome) == (State.TALKING, outcome)


def test_without_the_context_in_the_dialplan_the_caller_stays() -> None:
    call = talking()
    feed(call, REFER)
    issued = feed(call, inputs.CommandFailed(commands.Refer(CALLER, "x"), "no such context"))
    assert isinstance(issued[-1], commands.ResumeAi)
    assert call.state is State.TALKING


def test_a_refer_for_which_the_trunk_has_no_room_is_not_sent() -> None:
    call = talking()
    (*_, refer) = feed(call, REFER)
    feed(call, inputs.CommandFailed(refer, "As many calls as allowed (trunks.<name>.max_calls).", full=True))
    assert call.transfer is not None
    assert (call.state, call.transfer.outcome) == (State.TALKING, Outcome.NO_ROOM)
    assert "max_calls" in str(call.transfer.detail)


@pytest.mark.parametrize("what", [inputs.LegGone(CALLER, 16), inputs.TimeUp("transfer"), inputs.LegHungUp(CALLER, 16)])
def test_a_caller_who_does_not_come_back_ends_the_call(what: inputs.Input) -> None:
    call = talking()
    assert commands.HangUp(CALLER) in feed(call, REFER, GONE, what)
    assert call.state is State.ENDING


def test_a_caller_who_hangs_up_meanwhile_ends_the_call_before_asterisk_lets_the_leg_go() -> None:
    call = talking()
    feed(call, REFER, GONE, inputs.LegHungUp(CALLER, 16))
    assert (call.state, call.ended_by, call.cause) == (State.ENDING, "caller", 16)
    assert call.detail == "hung up before the far end had said what became of the REFER"


@pytest.mark.parametrize("before", [(), (REFER,)])
def test_a_leg_that_is_hung_up_is_reported_by_its_end_elsewhere(before: tuple[inputs.Input, ...]) -> None:
    call = talking()
    feed(call, *before)
    state = call.state
    assert feed(call, inputs.LegHungUp(IDS.media if before else CALLER, 16)) == []
    assert call.state is state


@pytest.mark.parametrize(
    ("steps", "after"), [((), State.ENDED), ((SORRY,), State.FALLBACK)], ids=["hung up on", "sorry"]
)
def test_a_caller_who_comes_back_to_no_agent_has_the_fallback(steps: tuple[FallbackStep, ...], after: State) -> None:
    call = without_ai(*steps, before=(READY, ENTERED, FLOWS))
    issued = feed(call, REFER, GONE, inputs.MediaLost("reset"))
    assert issued[-2:] == [commands.HangUp(IDS.media), commands.CloseAi("reset")]
    assert feed(call, inputs.SessionOver("closed", Counters()), inputs.MediaLost("again")) == []
    issued = feed(call, inputs.LegReturned(CALLER, "FAILURE", 486))
    assert (call.state, commands.Join(IDS.bridge, (CALLER,)) in issued) == (after, bool(steps))


def test_a_silent_caller_who_comes_back_has_heard_the_last_words() -> None:
    call = talking()
    feed(call, REFER, GONE, inputs.LastSaid("silence"), inputs.LegReturned(CALLER, "FAILURE", 486))
    assert (call.state, call.detail) == (State.ENDING, "silence")


def test_a_caller_who_has_gone_before_the_refer_has_ended_the_call() -> None:
    call = talking()
    feed(call, REFER, inputs.CommandFailed(commands.Refer(CALLER, "x"), "no such channel", gone=True))
    assert (call.state, call.ended_by) == (State.ENDING, "caller")


def test_other_deadlines_do_not_end_a_refer() -> None:
    call = talking()
    assert feed(call, REFER, GONE, inputs.TimeUp("length")) == []
    assert call.state is State.REFERRING
