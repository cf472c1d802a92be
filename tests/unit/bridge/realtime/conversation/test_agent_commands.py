"""Orders of the controller, last words, the idle ladder, short speech, fillers, usage: on stage."""

import pytest

from bridge.contract import DigitPressed, FunctionTool, Hold, NoInput, Speak, ToolCalled, Used, WrapUp, WrapUpDone
from bridge.realtime.conversation.effects import CancelTimer, Note, Timer
from bridge.realtime.conversation.inputs import Digit, Greet, TimerFired, ToolAnswered
from bridge.realtime.conversation.responses import STUCK_S
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage

SPEECH, SILENCE = server_events.SpeechStarted("u", 0), server_events.SpeechStopped("u", 0)
WRAP_UP = WrapUp(call="call", text="Time is up. Goodbye.", why="max_length")
ON, OFF = Hold(call="call", on=True), Hold(call="call", on=False)


def instructions(stage: Stage) -> list[str]:
    return [create["response"].get("instructions", "") for create in stage.creates]


# ---------------------------------------------------------------- speak


def test_a_text_is_said_word_for_word_when_the_agent_is_done() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"), Speak(call="call", text="Please hold."))
    assert stage.creates == []
    stage.feed(server_events.ResponseDone("r1", "cancelled"))
    assert "Please hold." in instructions(stage)[0]


def test_an_answer_of_the_server_does_not_make_up_for_a_given_text() -> None:
    stage = Stage()
    stage.feed(SPEECH, Speak(call="call", text="Please hold."), SILENCE)
    stage.reply("r1", "i1", 100)
    assert "Please hold." in instructions(stage)[0]


def test_an_instruction_keeps_those_of_the_agent() -> None:
    stage = Stage(instructions="You are Ann.")
    stage.feed(Speak(call="call", text="Say that it takes longer.", exact=False))
    assert "You are Ann." in instructions(stage)[0]
    assert "Say that it takes longer." in instructions(stage)[0]


# ---------------------------------------------------------------- last words


def test_last_words_are_played_before_they_are_over_whatever_the_caller_does() -> None:
    stage = Stage()
    stage.feed(WRAP_UP, WRAP_UP)
    stage.reply("r1", "i1", 1000)
    stage.play(500)
    stage.feed(SPEECH, SILENCE, server_events.ResponseCreated("r2"))
    stage.play(480)
    assert stage.told_of(WrapUpDone) == []
    stage.speak("r2", "i2", 1000)
    stage.play(400)
    assert [each.why for each in stage.told_of(WrapUpDone)] == ["max_length"]
    assert ("i1", 0) not in stage.taken_back
    assert stage.taken_back == [("i2", 0)]
    assert len(stage.creates) == 1


def test_last_words_are_bounded_when_the_ai_says_nothing() -> None:
    stage = Stage()
    stage.feed(WRAP_UP)
    stage.wait(10.1)
    assert len(stage.told_of(WrapUpDone)) == 1


def test_last_words_cut_a_long_speech_short() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 60_000)
    stage.play(1000)
    stage.feed(WRAP_UP)
    assert stage.taken_back == [("i1", 1000)]
    (update,) = stage.sent_of("session.update")
    knobs = update["session"]["audio"]["input"]["turn_detection"]
    assert (knobs["interrupt_response"], knobs["create_response"]) == (False, False)


# ---------------------------------------------------------------- hold


def test_on_hold_the_agent_is_silent_at_once_and_goes_on_afterwards() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 2000)
    stage.play(600)
    stage.feed(ON)
    assert stage.tick() is None
    assert stage.taken_back == [("i1", 600)]
    assert len(stage.sent_of("response.cancel")) == 1
    stage.feed(server_events.ResponseDone("r1", "cancelled"), Digit("#"))
    assert stage.creates == []
    stage.feed(OFF)
    assert len(stage.creates) == 1


def test_a_tool_answered_on_hold_is_reacted_to_afterwards_and_a_note_is_told() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(server_events.ResponseDone("r1", "completed"), ON, ToolAnswered("c1", "out"))
    assert stage.outputs == [("c1", "out")]
    assert stage.creates == []
    stage.feed(Hold(call="call", on=False, note="Nobody answered."))
    assert len(stage.creates) == 1
    assert any("Nobody answered." in str(frame) for frame in stage.sent_of("conversation.item.create"))


def test_without_a_reason_the_agent_says_nothing_after_a_hold() -> None:
    stage = Stage()
    stage.feed(ON, OFF, OFF)
    assert stage.creates == []


# ---------------------------------------------------------------- short speech


@pytest.mark.parametrize(("lasts_ms", "cut"), [(200, False), (460, False), (700, True)])
def test_speech_has_to_last_before_it_counts(lasts_ms: int, cut: bool) -> None:
    """200 ms of speech, and the 300 ms of silence after which the server says that it stopped."""
    stage = Stage(min_speech_ms=200)
    stage.reply("r1", "i1", 3000)
    stage.play(100)
    stage.feed(SPEECH)
    stage.play(lasts_ms)
    stage.feed(SILENCE)
    assert bool(stage.taken_back) == cut
    assert (
        stage.conversation.parts.interruption_filter.false_barge_ins == 0
    )  # what did not interrupt is no interruption
    assert len(stage.creates) == cut
    assert not stage.server_answers


def test_a_short_word_into_the_agents_last_syllable_is_a_turn() -> None:
    stage = Stage(min_speech_ms=500)
    stage.reply("r1", "i1", 300)
    stage.feed(SPEECH)
    stage.play(400)
    stage.feed(SILENCE)
    assert len(stage.creates) == 1


@pytest.mark.parametrize(("after_s", "text", "count"), [(0.35, "yes", 1), (1.0, "", 1), (1.0, "stop", 0), (0.3, "", 1)])
def test_interruptions_for_nothing_are_counted_once(after_s: float, text: str, count: int) -> None:
    stage = Stage()
    stage.reply("r1", "i1", 3000)
    stage.play(100)
    stage.feed(SPEECH)
    stage.now += after_s
    stage.feed(SILENCE, server_events.CallerTranscribed("u", text, {}))
    assert stage.conversation.parts.interruption_filter.false_barge_ins == count


@pytest.mark.parametrize("text", ["", "stop"])
def test_speech_that_lasted_and_had_no_words_was_an_interruption_for_nothing(text: str) -> None:
    """Whether it counts is decided while it lasts: its transcript is still the one of that item."""
    stage = Stage(min_speech_ms=200)
    stage.reply("r1", "i1", 5000)
    stage.play(100)
    stage.feed(SPEECH)
    stage.play(1200)
    assert stage.taken_back
    stage.feed(SILENCE, server_events.CallerTranscribed("u", text, {}), server_events.CallerTranscribed("u", text, {}))
    assert stage.conversation.parts.interruption_filter.false_barge_ins == (not text)


def test_a_transcript_counts_for_its_own_turn_however_late_it_comes() -> None:
    stage = Stage()
    for number in range(3):
        stage.reply(f"r{number}", f"i{number}", 3000)
        stage.play(100)
        stage.feed(server_events.SpeechStarted(f"u{number}", 0))
        stage.now += 1
        stage.feed(SILENCE)
    stage.feed(server_events.SpeechStarted("u3", 0), SILENCE)  # over silence: nothing was cut
    for item, text in (("u2", ""), ("u3", ""), ("u0", ""), ("u1", "no")):
        stage.feed(server_events.CallerTranscribed(item, text, {}))
    assert stage.conversation.parts.interruption_filter.false_barge_ins == 2


def test_an_empty_transcript_before_the_end_of_a_click_counts_once() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 3000)
    stage.play(100)
    stage.feed(SPEECH, server_events.CallerTranscribed("u", "", {}), SILENCE)
    assert stage.conversation.parts.interruption_filter.false_barge_ins == 1


# ---------------------------------------------------------------- the idle ladder


def climb(stage: Stage, number: int) -> None:
    stage.play(3100)
    stage.reply(f"p{number}", f"q{number}", 100)


def test_a_silent_caller_is_prompted_and_then_left() -> None:
    stage = Stage(no_input=NoInput(after_s=3, prompts=("Hello?", "Anyone?"), goodbye="Bye."))
    stage.feed(Greet())
    for number in range(3):
        climb(stage, number)
    assert [text.rsplit(": ")[-1] for text in instructions(stage)] == ['"Hello?"', '"Anyone?"', '"Bye."']
    stage.play(400)
    assert [each.why for each in stage.told_of(WrapUpDone)] == ["idle"]


def test_who_speaks_begins_at_the_bottom_and_stops_the_goodbye() -> None:
    stage = Stage(no_input=NoInput(after_s=3, prompts=("Hello?",), goodbye="Bye."))
    stage.feed(Greet())
    climb(stage, 0)
    climb(stage, 1)
    stage.feed(SPEECH, SILENCE)
    assert any("not hanging up" in str(frame) for frame in stage.sent_of("conversation.item.create"))
    stage.reply("r9", "i9", 100)
    climb(stage, 2)
    assert '"Hello?"' in instructions(stage)[-1]
    assert stage.told_of(WrapUpDone) == []


def test_on_hold_or_before_the_greeting_nobody_is_idle() -> None:
    stage = Stage(no_input=NoInput(after_s=3))
    stage.play(4000)
    stage.feed(Greet(), ON)
    stage.play(4000)
    assert stage.creates == []


def test_a_prompt_of_the_server_is_a_rung() -> None:
    stage = Stage(no_input=NoInput(after_s=3, prompts=("Hello?",), goodbye="Bye."))
    stage.feed(Greet(), server_events.CallerIdle())
    stage.play(3100)
    assert '"Bye."' in instructions(stage)[0]


# ---------------------------------------------------------------- tools, digits, usage


def test_a_slow_tool_is_covered_once_and_answered_after_it() -> None:
    slow = FunctionTool(name="slow", description="d", parameters={"type": "object"}, filler="One moment.", timeout_s=5)
    stage = Stage(tools=(slow,))
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "slow")
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.play(800)
    assert "One moment." in instructions(stage)[0]
    stage.feed(server_events.ResponseCreated("r2"), ToolAnswered("c1", "out"), ToolAnswered("c1", "again"))
    stage.speak("r2", "i2", 100, done=True)
    assert len(stage.creates) == 1
    stage.feed(server_events.ResponseDone("r2", "completed"))
    assert (len(stage.creates), stage.outputs) == (2, [("c1", "out")])


def test_a_fast_tool_needs_no_filler_and_a_dead_one_is_told() -> None:
    slow = FunctionTool(name="slow", description="d", parameters={"type": "object"}, filler="One moment.", timeout_s=2)
    stage = Stage(tools=(slow,))
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "slow")
    stage.tool("r1", "c2", "slow")
    stage.feed(ToolAnswered("c1", "out"))
    stage.wait(2.1)
    stage.feed(ToolAnswered("c2", "late"), server_events.ResponseDone("r1", "completed"))
    assert stage.outputs == [("c1", "out"), ("c2", "The tool did not answer in time.")]


def test_hanging_up_as_the_first_act_is_refused() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "hang_up")
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.wait(1)
    assert stage.told_of(ToolCalled) == []
    assert "nothing has been said" in stage.outputs[0][1]


def test_digits_of_the_controller_are_not_told_to_the_model() -> None:
    stage = Stage(digit_actions=("0",))
    stage.feed(Digit("0"))
    stage.wait(3)
    assert [event.digit for event in stage.told_of(DigitPressed)] == ["0"]
    assert stage.sent == []


def test_usage_is_told_as_it_comes() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseDone("r1", "completed", usage={"total": 3}))
    stage.feed(server_events.CallerTranscribed("u", "x", {"transcription_ms": 1200}))
    first, second = stage.told_of(Used)
    assert (first.provider, first.model, first.usage) == ("openai", "gpt-realtime-2.1-mini", {"total": 3})
    assert (second.kind, second.usage, second.seconds) == ("transcription", {}, 1.2)


# ---------------------------------------------------------------- watchdogs


def test_a_call_of_a_remote_tool_is_no_stuck_response() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"), server_events.RemoteTool(over=False))
    stage.wait(40)
    assert stage.sent_of("response.cancel") == []
    stage.wait(60)
    assert len(stage.sent_of("response.cancel")) >= 1


def test_a_watchdog_that_is_a_hair_early_waits_a_whole_moment() -> None:
    """Once it started itself again for 1e-15 s, at which the clock does not move: for ever."""
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.now += STUCK_S - 1e-12
    stage.feed(TimerFired(Timer.PROGRESS))
    assert stage.timers[Timer.PROGRESS, ""] - stage.now >= 0.09


@pytest.mark.parametrize(("heard_ms", "again"), [(0, True), (400, True), (2000, False)])
@pytest.mark.parametrize("generated", [True, False])
def test_a_greeting_that_a_hold_cut_early_is_said_again(heard_ms: int, again: bool, generated: bool) -> None:
    stage = Stage(greeting="Good day, this is the bakery. Hello!")
    stage.feed(Greet())
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 2400, done=generated)
    stage.play(heard_ms)
    stage.feed(*([server_events.ResponseDone("r1", "completed")] if generated else []), ON)
    stage.feed(*([] if generated else [server_events.ResponseDone("r1", "cancelled")]))
    assert len(stage.creates) == 1
    stage.feed(OFF)
    assert len(stage.creates) == 2
    assert ("bakery" in instructions(stage)[1]) == again


def test_how_much_of_a_greeting_was_heard_before_a_hold_is_measured_by_its_sound() -> None:
    """And not by its text, once all of its sound is there."""
    stage = Stage(greeting="Hello.")
    stage.feed(Greet())
    stage.reply("r1", "i1", 3000)
    stage.play(1000)
    stage.feed(ON, OFF)
    assert "Hello." in instructions(stage)[1]


def test_a_greeting_that_was_heard_before_the_hold_is_not_said_again() -> None:
    stage = Stage(greeting="Good day!")
    stage.feed(Greet())
    stage.reply("r1", "i1", 600)
    stage.play(700)
    stage.feed(ON, OFF)
    assert len(stage.creates) == 1


@pytest.mark.parametrize("timer", [each for each in Timer if each is not Timer.SESSION])
def test_a_timer_that_fires_late_does_nothing(timer: Timer) -> None:
    stage = Stage()
    done = stage.conversation.handle(TimerFired(timer), stage.now)
    assert [each for each in done if not isinstance(each, CancelTimer | Note)] == []


def test_what_is_playing_when_the_time_for_last_words_is_up_may_end_once() -> None:
    stage = Stage()
    stage.feed(WRAP_UP, server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 60_000)
    stage.feed(TimerFired(Timer.LAST))
    assert (stage.told_of(WrapUpDone), (Timer.LAST, "") in stage.timers) == ([], True)
    stage.feed(TimerFired(Timer.LAST))
    assert [each.why for each in stage.told_of(WrapUpDone)] == ["max_length"]
