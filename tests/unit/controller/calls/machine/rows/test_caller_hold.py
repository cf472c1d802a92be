"""The telephone of the caller (callee, target) puts us on hold: the agent is paused, whatever state the call is in."""

from datetime import timedelta
from typing import Any

import pytest

from bridge import contract
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import caller_hold
from controller.calls.machine.types import Target
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.diff import changes, observed
from controller.calls.reporting.lifecycle import ControlChanged
from controller.calls.reporting.view import view_of
from tests.unit.controller.calls.machine.test_table import (
    CALL,
    CALLER,
    HUMAN,
    IDS,
    NOW,
    OVER,
    SORRY,
    SPEC,
    TARGET,
    feed,
)
from tests.unit.controller.calls.runtime.test_recovery import known, talking as adoptable

HELD, BACK = inputs.SipHold(CALLER, on=True), inputs.SipHold(CALLER, on=False)
LIMIT = commands.StartTimer("caller_hold_s", 600.0)
READY: tuple[inputs.Input, ...] = (inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing())
TARGET_LEG = IDS.target(1)
ATTENDED = Target(TARGET.dial, TARGET.shown, kind="attended")


def ringing(**more: Any) -> Call:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC, max_call=60.0, max_caller_hold=600.0, **more), {}), NOW)
    table.start(call)
    return call


def talking(*story: inputs.Input, **more: Any) -> Call:
    call = ringing(**more)
    feed(call, *READY, *story)
    return call


def later(call: Call, seconds: float, *story: inputs.Input) -> list[commands.Command]:
    return [each for what in story for each in table.handle(call, what, NOW + timedelta(seconds=seconds))]


def resumes(issued: list[commands.Command]) -> list[str | None]:
    return [each.note for each in issued if isinstance(each, commands.ResumeAi)]


def told(issued: list[commands.Command]) -> list[str]:
    orders = [each.order for each in issued if isinstance(each, commands.OrderAi)]
    return [each.text for each in orders if isinstance(each, contract.AddMessage) and not each.respond]


def test_the_agent_is_paused_without_music_and_goes_on_and_is_told() -> None:
    call = talking()
    assert feed(call, HELD) == [commands.PauseAi(), LIMIT]
    assert feed(call, HELD) == [], "told twice: telephones change their music"
    assert (call.state, call.music) == (State.TALKING, False)
    issued = later(call, 43, BACK)
    assert issued[0] == commands.StopTimer("caller_hold_s")
    assert resumes(issued) == [None], "it speaks only if something was unfinished"
    assert "for 42 seconds" in told(issued)[0]
    assert later(call, 44, BACK) == []


def test_of_a_moment_the_model_is_not_told() -> None:
    call = talking(HELD)
    issued = later(call, 1.7, BACK)
    assert (resumes(issued), told(issued)) == ([None], [])


def test_who_holds_for_too_long_is_hung_up_on_and_the_record_says_why() -> None:
    call = talking(HELD)
    assert commands.HangUp(CALLER) in later(call, 600, inputs.TimeUp("caller_hold_s"))
    assert (call.outcome, call.ended_by, call.detail) == (Outcome.ANSWERED, "system", "caller_hold_s")


def test_the_limit_that_comes_late_or_is_not_set_ends_nothing() -> None:
    call = talking(HELD, BACK)
    assert feed(call, inputs.TimeUp("caller_hold_s")) == []
    unlimited = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {}), NOW)
    table.start(unlimited)
    feed(unlimited, *READY)
    assert feed(unlimited, HELD) == [commands.PauseAi()]


@pytest.mark.parametrize("channel", [IDS.media, TARGET_LEG, "another"])
def test_other_legs_that_hold_are_nobodys_business(channel: str) -> None:
    call = talking()
    assert feed(call, inputs.SipHold(channel, on=True)) == []


# ---------------------------------------------------------------- whatever else happens


@pytest.mark.parametrize("before", range(len(READY) + 1))
def test_a_hold_before_the_greeting_keeps_it_until_the_caller_is_there(before: int) -> None:
    call = ringing()
    issued = later(call, 1, *READY[:before], HELD, *READY[before:])
    assert call.state is State.TALKING
    greeted = issued.index(commands.GreetCaller())
    assert (issued.index(commands.PauseAi()) > greeted) == (before == len(READY))
    assert resumes(feed(call, BACK)) == [None]


def test_a_hold_of_ours_within_theirs_and_theirs_within_ours() -> None:
    call = talking(HELD)
    feed(call, inputs.HoldAsked("ops"))
    issued = feed(call, inputs.ResumeAsked("ops"))
    assert commands.StopMusic(CALLER) in issued
    assert resumes(issued) == []
    assert resumes(feed(call, BACK)) == [None]

    call = talking(inputs.HoldAsked("ops"), HELD)
    assert resumes(feed(call, BACK)) == []
    assert resumes(feed(call, inputs.ResumeAsked("ops"))) == [None]


def test_the_news_of_a_failed_transfer_waits_for_the_caller() -> None:
    call = talking(inputs.TransferAsked(TARGET, "agent", "t1"), HELD)
    issued = feed(call, inputs.LegGone(TARGET_LEG, 17, 486))
    assert resumes(issued) == []
    assert (
        commands.AnswerAiTool("t1", "The transfer did not succeed: busy. The caller is still with you.", False)
        in issued
    )
    call = talking(inputs.DigitPressed("0"), HELD, digits={"0": TARGET})
    assert resumes(feed(call, inputs.LegGone(TARGET_LEG, 17, 486))) == []
    (note,) = resumes(feed(call, BACK))
    assert "busy" in (note or "")


def test_who_is_transferred_meanwhile_is_under_no_such_limit() -> None:
    call = talking(inputs.TransferAsked(TARGET, "ops"), HELD)
    assert commands.StopTimer("caller_hold_s") in feed(call, inputs.LegEntered(TARGET_LEG))
    assert (call.state, feed(call, inputs.TimeUp("caller_hold_s"), BACK, HELD)) == (State.TRANSFERRED, [])


def test_in_a_consultation_it_is_the_target_that_counts() -> None:
    call = talking(inputs.TransferAsked(ATTENDED, "ops"), HELD)
    assert resumes(feed(call, inputs.LegEntered(TARGET_LEG))) != [], "the agent talks to somebody else"
    assert feed(call, BACK, HELD) == []
    assert feed(call, inputs.SipHold(TARGET_LEG, on=True)) == [commands.PauseAi()], "`decide` limits it"
    assert resumes(later(call, 5, inputs.SipHold(TARGET_LEG, on=False))) == [None]
    issued = feed(call, inputs.LegGone(TARGET_LEG, 16))
    assert (call.state, resumes(issued)) == (State.TALKING, [])
    assert resumes(feed(call, BACK)) != []


def test_last_words_that_nobody_would_hear_are_not_said() -> None:
    call = talking(HELD)
    issued = feed(call, inputs.TimeUp("length"))
    assert not [each for each in issued if isinstance(each, commands.SayLast)]
    assert commands.HangUp(CALLER) in issued
    assert (call.state, call.detail) == (State.ENDING, "max_call_s")


def test_another_worker_starts_paused() -> None:
    call = talking(HELD)
    feed(call, inputs.WorkerLost("killed"))
    issued = later(call, 101, inputs.AiReady(), inputs.LegEntered(IDS.later_media(2)), inputs.MediaFlowing())
    assert call.state is State.TALKING
    assert issued.index(commands.PauseAi()) < issued.index(commands.GreetCaller())
    assert commands.StartTimer("caller_hold_s", 500.0) in issued
    assert resumes(later(call, 101, BACK)) == [None]


def test_others_in_the_call_hear_the_agent() -> None:
    joined: list[inputs.Input] = [
        inputs.ParticipantAsked("p1", TARGET, "ops"),
        inputs.LegEntered("p1"),
        inputs.LegJoined("p1"),
    ]
    call = talking(HELD)
    issued = later(call, 60, *joined)
    assert (call.other_parties, resumes(issued)) == ({"p1"}, [None])
    assert not [each for each in told(issued) if "are back" in each], "the caller is not"
    assert commands.PauseAi() in feed(call, inputs.LegGone("p1", 16))


def test_a_lost_agent_and_an_ended_call_ask_nothing_of_anybody() -> None:
    call = talking(HELD, on_ai_failure=(SORRY, HUMAN))
    feed(call, inputs.AiFailed("transient", "gone"))
    assert resumes(feed(call, BACK, HELD, BACK)) == []
    call = talking(HELD, inputs.HangUpAsked("ops"))
    assert feed(call, BACK, HELD) == []
    feed(call, OVER)
    assert feed(call, HELD) == []


# ---------------------------------------------------------------- those who watch


def test_it_is_shown_and_told() -> None:
    call = talking()
    before = observed(call)
    feed(call, HELD)
    assert view_of(call, CallLog()).caller_hold
    assert changes(call, before) == [ControlChanged(CALL, SPEC.agent, None, (), "off", caller_hold=True)]
    feed(call, BACK)
    assert not view_of(call, CallLog()).caller_hold


def test_the_next_controller_knows() -> None:
    call = adoptable()
    feed(call, HELD)
    found = known(call, 101)
    assert found.timers[caller_hold.LIMIT] == 500.0
    assert caller_hold.shown(found.call)
    assert feed(found.call, HELD) == [], "the worker is paused"
    assert resumes(later(found.call, 200, BACK)) == [None]
