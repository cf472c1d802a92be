"""Rows of the machine about tools, hold, keys and last words; the rest is in test_table.py."""

import pytest

from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
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

DONE = inputs.ToolDone("r1", "found", True)
RUN = inputs.RunTool("r1", "look_up", {"id": 1})
HOLD = inputs.HoldTool("h1", 30.0)
LAST = [commands.SayLast("Time is up.", "spend_per_call"), commands.StartTimer("last", 20.0)]
DUE = inputs.WrapUpDue("spend_per_call")


def talking(*story: inputs.Input, fallback: bool = False) -> Call:
    plan = Plan(
        CALL,
        "inbound",
        CALLER,
        AgentPlan(
            SPEC,
            digits={"0": TARGET, "9": None},
            max_call=60.0,
            wrap_up="Time is up.",
            on_ai_failure=(SORRY, HUMAN) if fallback else (),
        ),
        {},
    )
    call = Call(plan, NOW)
    table.start(call)
    feed(call, inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing(), *story)
    return call


def answer(tool_call: str, *, ok: bool, respond: bool = True) -> tuple[str, bool, bool]:
    return tool_call, ok, respond


def answers(issued: list[commands.Command]) -> list[tuple[str, bool, bool]]:
    return [(c.tool_call, c.ok, c.respond) for c in issued if isinstance(c, commands.AnswerAiTool)]


# ---------------------------------------------------------------- tools


def test_nobody_is_hung_up_on_before_anything_was_said() -> None:
    call = talking()
    (refusal,) = feed(call, inputs.HangUpTool("t1"))
    assert isinstance(refusal, commands.AnswerAiTool)
    assert "nobody has said anything" in refusal.output
    assert commands.HangUp(CALLER) in feed(call, inputs.Conversed(), inputs.HangUpTool("t2"))
    assert call.ended_by == "agent"


def test_a_tool_is_asked_for_once_however_often_it_is_told() -> None:
    call = talking()
    assert feed(call, RUN) == [commands.StartTool("r1", "look_up", {"id": 1})]
    assert feed(call, RUN) == []
    assert answers(feed(call, DONE)) == [answer("r1", ok=True)]
    assert feed(call, RUN) == feed(call, DONE) == []


def test_tools_run_side_by_side_and_are_answered_as_they_end() -> None:
    call = talking(RUN, inputs.RunTool("r2", "look_up", {}))
    assert answers(feed(call, inputs.ToolDone("r2", "no", False))) == [answer("r2", ok=False)]
    assert answers(feed(call, DONE)) == [answer("r1", ok=True)]


def test_keys_are_pressed_and_a_failure_is_told_instead() -> None:
    call = talking()
    issued = feed(call, inputs.SendDigitsTool("d1", "12#"))
    assert issued[0] == commands.SendDigits(CALLER, "12#", "d1")
    assert answers(issued) == [answer("d1", ok=True, respond=False)]
    assert answers(feed(call, inputs.CommandFailed(commands.SendDigits(CALLER, "12#", "d1"), "500"))) == [
        answer("d1", ok=False)
    ]
    assert call.state is State.TALKING


def test_to_wait_is_answered_without_asking_for_a_reply() -> None:
    assert answers(feed(talking(), inputs.WaitTool("w1"))) == [answer("w1", ok=True, respond=False)]


def test_an_agent_that_is_gone_is_answered_nothing() -> None:
    call = talking(RUN, inputs.TransferAsked(TARGET, "ops"), inputs.LegEntered(IDS.target(1)))
    assert call.state is State.TRANSFERRED
    assert feed(call, DONE) == feed(call, inputs.WaitTool("w1")) == []


# ---------------------------------------------------------------- hold


def test_hold_is_music_until_its_time_is_up() -> None:
    call = talking()
    assert feed(call, HOLD) == [commands.PauseAi(), commands.StartMusic(CALLER), commands.StartTimer("hold", 30.0)]
    assert call.state.value == "holding"
    issued = feed(call, inputs.TimeUp("hold"))
    assert issued[:3] == [commands.StopTimer("hold"), commands.StopMusic(CALLER), commands.ResumeAi()]
    assert answers(issued) == [answer("h1", ok=True)]
    assert call.state is State.TALKING


def test_a_result_ends_the_hold() -> None:
    call = talking(RUN, HOLD)
    issued = feed(call, DONE)
    assert issued[:3] == [commands.StopTimer("hold"), commands.StopMusic(CALLER), commands.ResumeAi()]
    assert answers(issued) == [answer("h1", ok=True, respond=False), answer("r1", ok=True)]


def test_from_hold_to_a_transfer_the_music_goes_on_and_all_comes_back_if_nobody_answers() -> None:
    call = talking(HOLD)
    issued = feed(call, inputs.TransferAsked(TARGET, "ops"))
    assert commands.StopMusic(CALLER) not in issued
    assert answers(issued) == [answer("h1", ok=True, respond=False)]
    issued = feed(call, inputs.LegGone(IDS.target(1), 17, 486))
    assert commands.StopMusic(CALLER) in issued
    assert [c.note is not None for c in issued if isinstance(c, commands.ResumeAi)] == [True]


@pytest.mark.parametrize("what", [inputs.HangUpTool("t1"), inputs.HoldTool("t1", 5.0), inputs.ToolRefused("t1", "no")])
def test_on_hold_other_tools_are_refused(what: inputs.Input) -> None:
    call = talking(inputs.Conversed(), HOLD)
    assert answers(feed(call, what)) == [answer("t1", ok=False)]
    assert call.state is State.HOLDING


def test_an_agent_lost_on_hold_is_a_fallback_without_music() -> None:
    call = talking(HOLD, fallback=True)
    issued = feed(call, inputs.AiFailed("transient", "gone"))
    assert commands.StopMusic(CALLER) in issued
    assert commands.Play(CALLER, IDS.sound(1), (SORRY.media,)) in issued
    assert commands.Join(IDS.bridge, (CALLER,)) not in issued


# ---------------------------------------------------------------- transfer


def test_a_transfer_by_tool_pauses_the_agent_and_one_by_ops_does_not() -> None:
    dial = commands.Dial(IDS.target(1), TARGET, {"VOICEAI_CALL": CALL})
    assert feed(talking(), inputs.TransferAsked(TARGET, "agent", "t1"))[:3] == [
        commands.PauseAi(),
        commands.StartMusic(CALLER),
        dial,
    ]
    assert feed(talking(), inputs.TransferAsked(TARGET, "ops"))[0] == dial


def test_a_failed_transfer_by_tool_gives_everything_back_and_tells_why_once() -> None:
    call = talking(inputs.TransferAsked(TARGET, "agent", "t1"))
    issued = feed(call, inputs.LegGone(IDS.target(1), 17, 486))
    assert issued[1:4] == [commands.HangUp(IDS.target(1)), commands.StopMusic(CALLER), commands.ResumeAi(None)]
    assert answers(issued) == [answer("t1", ok=False)]


def test_a_target_that_vanishes_while_it_joins_gives_everything_back_too() -> None:
    call = talking(inputs.TransferAsked(TARGET, "agent", "t1"), inputs.LegEntered(IDS.target(1)))
    issued = feed(call, inputs.CommandFailed(commands.Join(IDS.bridge, (IDS.target(1),)), "404", gone=True))
    assert commands.ResumeAi(None) in issued
    assert answers(issued) == [answer("t1", ok=False)]
    assert call.state is State.TALKING


# ---------------------------------------------------------------- keys of the caller's telephone


def test_a_key_transfers_and_the_agent_is_told_if_that_fails() -> None:
    call = talking()
    issued = feed(call, inputs.DigitPressed("0"))
    assert issued[:2] == [commands.PauseAi(), commands.StartMusic(CALLER)]
    assert call.transfer is not None
    assert (call.transfer.by, call.state) == ("digit", State.TRANSFERRING)
    assert feed(call, inputs.DigitPressed("0")) == []
    (note,) = [c.note for c in feed(call, inputs.TimeUp("transfer")) if isinstance(c, commands.ResumeAi)]
    assert note is not None
    assert "no answer" in note
    assert "pressing a key" in note


@pytest.mark.parametrize("before", [(), (HOLD,), (inputs.TransferAsked(TARGET, "ops"),)])
def test_a_key_hangs_up(before: tuple[inputs.Input, ...]) -> None:
    call = talking(*before)
    assert commands.HangUp(CALLER) in feed(call, inputs.DigitPressed("9"))
    assert (call.ended_by, call.outcome) == ("caller", Outcome.ANSWERED)


def test_other_keys_do_nothing_here() -> None:
    assert feed(talking(), inputs.DigitPressed("5")) == []


# ---------------------------------------------------------------- last words


def test_the_longest_call_begins_with_the_answer_and_ends_with_last_words() -> None:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC, max_call=60.0, wrap_up="Time is up."), {}), NOW)
    table.start(call)
    assert commands.StartTimer("length", 60.0) in feed(call, inputs.AiReady())
    feed(call, inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    assert feed(call, inputs.TimeUp("length")) == [
        commands.SayLast("Time is up.", "max_call_s"),
        commands.StartTimer("last", 20.0),
    ]
    assert commands.HangUp(CALLER) in feed(call, inputs.LastSaid("max_call_s"))
    assert (call.ended_by, call.detail, call.outcome) == ("system", "max_call_s", Outcome.ANSWERED)


def test_last_words_that_do_not_end_are_cut() -> None:
    call = talking(DUE)
    assert call.state is State.CLOSING
    assert commands.HangUp(CALLER) in feed(call, inputs.TimeUp("last"))


@pytest.mark.parametrize("what", [OVER, inputs.MediaLost("gone"), inputs.AiFailed("transient", "gone")])
def test_an_agent_lost_in_its_last_words_has_no_fallback(what: inputs.Input) -> None:
    call = talking(DUE, fallback=True)
    assert commands.HangUp(CALLER) in feed(call, what)
    assert call.outcome is Outcome.ANSWERED


def test_on_hold_the_caller_is_fetched_back_for_the_last_words() -> None:
    call = talking(HOLD)
    issued = feed(call, DUE)
    assert issued[1:3] == [commands.StopMusic(CALLER), commands.ResumeAi()]
    assert issued[-2:] == LAST


def test_a_transfer_under_way_is_waited_for() -> None:
    call = talking(inputs.TransferAsked(TARGET, "ops"))
    assert feed(call, DUE) == []
    assert feed(call, inputs.LegGone(IDS.target(1), 17, 486))[-2:] == LAST
    call = talking(inputs.TransferAsked(TARGET, "ops"), inputs.TimeUp("length"), inputs.LegEntered(IDS.target(1)))
    assert feed(call, inputs.TimeUp("length"), DUE) == []
    assert call.state is State.TRANSFERRED


def test_money_that_is_spent_before_the_first_word() -> None:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC, wrap_up="Time is up."), {}), NOW)
    table.start(call)
    issued = feed(call, inputs.AiReady(), DUE, inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    assert issued[-3:] == [commands.GreetCaller(), *LAST]


def test_the_ladder_for_silent_callers_ends_the_call_unless_a_transfer_rings() -> None:
    assert commands.HangUp(CALLER) in feed(talking(), inputs.LastSaid("idle"))
    call = talking(inputs.TransferAsked(TARGET, "ops"))
    assert feed(call, inputs.LastSaid("idle")) == []
    assert commands.HangUp(CALLER) in feed(call, inputs.TimeUp("transfer"))
    assert call.detail == "idle"


def test_during_the_last_words_tools_still_get_an_answer() -> None:
    call = talking(RUN, DUE)
    assert answers(feed(call, DONE)) == [answer("r1", ok=True, respond=False)]
    assert answers(feed(call, inputs.TransferAsked(TARGET, "agent", "t1"))) == [answer("t1", ok=False)]
    assert commands.HangUp(CALLER) in feed(call, inputs.HangUpTool("t2"))


# ---------------------------------------------------------------- what is told twice


def test_a_worker_that_repeats_itself_after_its_link_broke_changes_nothing() -> None:
    call = talking()
    assert feed(call, inputs.AiReady()) == feed(call, inputs.MediaFlowing()) == []
    feed(call, inputs.LegGone(CALLER), OVER)
    assert feed(call, OVER) == feed(call, inputs.MediaLost("gone")) == []
    assert call.state is State.ENDED


@pytest.mark.parametrize(
    "command", [commands.GreetCaller(), commands.AnswerAiTool("t", "x", True), commands.SayLast("x", "y")]
)
def test_a_worker_that_cannot_be_told_is_a_lost_agent(command: commands.Command) -> None:
    call = talking(fallback=True)
    feed(call, inputs.CommandFailed(command, "the worker does not read its link"))
    assert call.state is State.FAILOVER
