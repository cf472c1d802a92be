"""Responses that stop in the middle, or are refused by a rate limit: on stage."""

import pytest
from hypothesis import given, strategies as st

from bridge.contract import AiWarning, NoInput, Speak, WrapUp, WrapUpDone
from bridge.realtime.conversation.continuation import rest_of
from bridge.realtime.conversation.inputs import Closing, Greet
from bridge.realtime.conversation.response_errors import MOST_CUTS, RATE_WAIT_S
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage

LIMITED = "Rate limit reached. Please try again in {}."
WORDS = "Thank you for calling us today. Goodbye, and have a nice day."


def instructions(stage: Stage) -> list[str]:
    return [create["response"].get("instructions", "") for create in stage.creates]


def stopped(stage: Stage, number: int, text: str, reason: str = "content_filter") -> None:
    """A response that stops after these words."""
    stage.feed(server_events.ResponseCreated(f"r{number}"))
    stage.speak(f"r{number}", f"i{number}", 200, text, done=True)
    stage.feed(server_events.ResponseDone(f"r{number}", "incomplete", reason))


def limited(stage: Stage, number: int, hint: str) -> None:
    stage.feed(server_events.ResponseCreated(f"r{number}"))
    message = LIMITED.format(hint)
    stage.feed(server_events.ResponseDone(f"r{number}", "failed", "", "tokens", "rate_limit_exceeded", message))


def warned(stage: Stage) -> list[tuple[str, str]]:
    return [(each.kind, each.code) for each in stage.told_of(AiWarning)]


# ---------------------------------------------------------------- in the middle of a sentence


@pytest.mark.parametrize("reason", ["content_filter", "max_output_tokens", ""])
def test_an_answer_that_stops_in_the_middle_is_told_and_goes_on_once(reason: str) -> None:
    stage = Stage(instructions="You are Ann.")
    stage.caller_turn()
    stopped(stage, 1, "It opens at", reason)
    assert warned(stage) == [("response_incomplete", reason)]
    assert "You are Ann." in instructions(stage)[0]
    assert "cut off" in instructions(stage)[0]
    stopped(stage, 2, "nine", reason)
    assert len(stage.creates) == 1
    stage.caller_turn()
    stopped(stage, 3, "And then", reason)
    assert len(stage.creates) == 2


def test_an_answer_that_the_caller_interrupted_does_not_go_on() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 2000, "It opens at")
    stage.play(200)
    stage.feed(server_events.SpeechStarted("u", 0), server_events.ResponseDone("r1", "incomplete", "max_output_tokens"))
    stage.feed(
        server_events.SpeechStopped("u", 0),
        server_events.ResponseCreated("r2"),
        server_events.ResponseDone("r2", "completed"),
    )
    assert not any("cut off" in text for text in instructions(stage))


def test_one_that_stops_before_its_first_sound_is_asked_for_again() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r1"), server_events.ResponseDone("r1", "incomplete", "content_filter"))
    assert len(stage.creates) == 1


@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_the_rest_of_a_given_text_is_said_before_all_else(status: str) -> None:
    stage = Stage()
    stage.feed(Speak(call="call", text=WORDS), Speak(call="call", text="Second."))
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 200, "Thank you for call", done=True)
    stage.feed(server_events.ResponseDone("r1", status, error_type="server_error"))
    stage.wait(2)
    assert instructions(stage)[1].endswith('"calling us today. Goodbye, and have a nice day."')
    stage.reply("r2", "i2", 100)
    assert "Second." in instructions(stage)[2]


def test_last_words_are_said_to_their_end_before_the_call_ends() -> None:
    stage = Stage()
    stage.feed(WrapUp(call="call", text=WORDS, why="max_length"))
    stopped(stage, 1, "Thank you for calling")
    stage.play(1000)
    stopped(stage, 2, "us today.", "max_output_tokens")
    stage.play(1000)
    assert stage.told_of(WrapUpDone) == []
    assert instructions(stage)[2].endswith('"Goodbye, and have a nice day."')
    stage.reply("r3", "i3", 200, "Goodbye, and have a nice day.")
    stage.play(600)
    assert len(stage.told_of(WrapUpDone)) == 1


def test_last_words_that_always_stop_come_to_an_end() -> None:
    stage = Stage()
    stage.feed(WrapUp(call="call", text=WORDS, why="max_length"))
    for number in range(MOST_CUTS + 1):
        stopped(stage, number, "Something else.")
        stage.play(600)
    assert len(stage.told_of(WrapUpDone)) == 1
    assert len(stage.creates) == MOST_CUTS + 1


@given(st.lists(st.sampled_from(["Good", "day.", "and", "Bye", "Ann"]), max_size=8), st.integers(0, 8))
def test_what_was_said_and_its_rest_are_the_text(words: list[str], count: int) -> None:
    said = words[:count]
    assert rest_of(" ".join(words), " ".join(said)).split() == words[count:]


# ---------------------------------------------------------------- rate limits


@pytest.mark.parametrize(("hint", "seconds"), [("10 s", 10), ("350ms", 0.35), ("0m25s", 25)])
def test_the_wait_of_a_rate_limit_is_kept_on_one_connection(hint: str, seconds: float) -> None:
    stage = Stage(greeting="Hello.")
    stage.feed(Greet())
    limited(stage, 1, hint)
    assert stage.conversation.parts.responses.backing_off
    stage.wait(seconds - 0.01)
    assert len(stage.creates) == 1
    stage.wait(0.5)
    assert (len(stage.creates), stage.ended) == (2, [])
    assert stage.creates[1]["response"] == stage.creates[0]["response"]
    assert warned(stage) == [("rate_limited", "rate_limit_exceeded")]
    assert not stage.conversation.parts.responses.backing_off


def test_a_rate_limit_that_stays_ends_the_connection_for_another_provider() -> None:
    stage = Stage()
    stage.caller_turn()
    for number in range(3):
        limited(stage, number, "10s")
        stage.wait(10.2)
    end = stage.ended[0]
    assert (end.kind, end.again) == ("transient", False)


def test_a_wait_that_no_caller_would_bear_is_not_begun() -> None:
    stage = Stage()
    stage.caller_turn()
    limited(stage, 1, "1m2s")
    assert [end.again for end in stage.ended] == [False]
    assert RATE_WAIT_S < 62


def test_a_refused_request_waits_as_well() -> None:
    stage = Stage(greeting="Hello.")
    stage.feed(Greet())
    created = stage.creates[0]["event_id"]
    stage.feed(server_events.ServerError("", "rate_limit_exceeded", LIMITED.format("5s"), "", created))
    assert len(stage.creates) == 1
    stage.wait(5.2)
    assert (len(stage.creates), stage.ended) == (2, [])


def test_many_warnings_of_one_kind_become_a_total() -> None:
    stage = Stage()
    for number in range(12):
        stage.caller_turn()
        stopped(stage, number, "It is")
        stage.reply(f"x{number}", f"y{number}", 100, "nine.")
    stage.feed(Closing())
    assert [each.times for each in stage.told_of(AiWarning)] == [1, 1, 1, 1, 1, 7]


# ---------------------------------------------------------------- last words after an idle goodbye


def abandoned_goodbye() -> Stage:
    stage = Stage(no_input=NoInput(after_s=3, prompts=(), goodbye="Bye."))
    stage.feed(Greet())
    stage.play(3100)
    stage.reply("r1", "i1", 1000)
    stage.play(500)
    stage.caller_turn()
    return stage


@pytest.mark.parametrize("late_ms", [0, 20, 120, 240, 300])
def test_last_words_right_after_an_answer_are_said_though_a_goodbye_was_abandoned(late_ms: int) -> None:
    stage = abandoned_goodbye()
    stage.reply("r2", "i2", 400)
    stage.play(400 + late_ms)
    stage.feed(WrapUp(call="call", text="Time is up.", why="max_length"))
    stage.play(1000)
    assert stage.told_of(WrapUpDone) == []
    stage.reply("r3", "i3", 400)
    stage.play(900)
    assert [each.why for each in stage.told_of(WrapUpDone)] == ["max_length"]


@pytest.mark.parametrize("played_ms", [0, 200, 1000, 1100, 1200])
def test_last_words_take_the_place_of_an_idle_goodbye_that_is_being_said(played_ms: int) -> None:
    stage = Stage(no_input=NoInput(after_s=3, prompts=(), goodbye="Bye."))
    stage.feed(Greet())
    stage.play(3100)
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 1000, done=True)
    if played_ms >= 1000:
        stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.play(played_ms)
    stage.feed(WrapUp(call="call", text="Time is up.", why="max_length"))
    if played_ms < 1000:
        stage.feed(server_events.ResponseDone("r1", "cancelled"))
    stage.play(2000)
    assert stage.told_of(WrapUpDone) == []
    assert "Time is up." in instructions(stage)[-1]
    stage.reply("r2", "i2", 400)
    stage.play(900)
    assert [each.why for each in stage.told_of(WrapUpDone)] == ["max_length"]


# ---------------------------------------------------------------- what others do


CONSENT = "This call is recorded for quality and training, and is kept for ninety days."


@pytest.mark.parametrize("played_first", [True, False])
def test_words_that_run_ahead_of_the_sound_were_not_said(played_first: bool) -> None:
    """The server had written all of the consent and said a bit of it: nothing may be recorded yet."""
    stage = Stage(consent=CONSENT, greeting="Hello there.")
    stage.feed(Greet(), server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 600, CONSENT, done=True)
    if played_first:
        stage.play(1000)
    stage.feed(server_events.ResponseDone("r1", "incomplete", "content_filter"))
    stage.play(1000)
    assert not stage.conversation.parts.greeting.consented
    assert instructions(stage)[1].endswith('"is recorded for quality and training, and is kept for ninety days."')
    stage.reply("r2", "i2", 4000, "is recorded for quality and training, and is kept for ninety days.")
    stage.play(4200)
    assert stage.conversation.parts.greeting.consented
    assert "Hello there." in instructions(stage)[2]


def refuse(hint: str, event_id: str = "") -> server_events.ServerError:
    return server_events.ServerError("tokens", "rate_limit_exceeded", LIMITED.format(hint), "", event_id)


@pytest.mark.parametrize(("hint", "by"), [("6ms", 0.7), ("2s", 2.2)])
def test_a_rate_limit_that_names_no_request_is_about_the_one_of_which_nothing_came(hint: str, by: float) -> None:
    stage = Stage(greeting="Hello.")
    stage.feed(Greet(), refuse(hint))
    stage.wait(by)
    assert len(stage.creates) == 2
    stage.reply("r1", "i1", 400, "Hello.")
    stage.wait(20)
    assert (len(stage.creates), stage.ended) == (2, [])


@pytest.mark.parametrize("must", [True, False])
def test_a_request_that_was_only_slow_is_not_made_twice(must: bool) -> None:
    stage = Stage(greeting="Hello." if must else None)
    stage.feed(Greet() if must else server_events.SpeechStarted("u", 0))
    if not must:
        stage.caller_turn()
        stage.wait(5)
    stage.feed(refuse("6ms"))
    stage.wait(0.7)
    second = stage.creates[1]["event_id"]
    stage.feed(server_events.ResponseCreated("r1"))  # of the first request
    stage.feed(server_events.ServerError("", "conversation_already_has_active_response", "", "", second))
    stage.speak("r1", "i1", 400, "Hello.", done=True)
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.wait(20)
    assert len(stage.creates) == 2


@pytest.mark.parametrize(("hint", "by"), [("6ms", 0.7), ("2s", 2.3)])
def test_a_rate_limit_instead_of_the_servers_own_answer(hint: str, by: float) -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(refuse(hint))
    stage.wait(by)
    assert len(stage.creates) == 1


def test_an_answer_that_comes_after_the_rate_limit_all_the_same_is_the_only_one() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(refuse("2s"))
    stage.wait(1)
    stage.reply("r1", "i1", 400, "Yes.")
    stage.wait(20)
    assert stage.creates == []


def test_a_hint_that_is_always_too_short_is_not_believed_for_ever() -> None:
    stage = Stage(greeting="Hello.")
    stage.feed(Greet())
    for number in range(100):
        if stage.ended:
            break
        limited(stage, number, "6ms")
        stage.wait(0.02)
        while len(stage.creates) == number + 1 and stage.timers:
            stage.wait(0.1)
    assert len(stage.creates) <= 9
    assert not stage.ended[0].again
    assert stage.now <= 131
    assert len(warned(stage)) == 1


@pytest.mark.parametrize("status", ["completed", "cancelled", "incomplete"])
@pytest.mark.parametrize("begun", [True, False])
def test_the_end_of_a_response_that_nobody_has_seen_ends_no_other_one(status: str, begun: bool) -> None:
    stage = Stage(no_input=NoInput(after_s=3, prompts=(), goodbye="Bye now."))
    stage.feed(Greet())
    stage.caller_turn()
    stage.reply("r0", "i0", 400, "Hello.")
    stage.play(3700)
    stage.feed(*[server_events.ResponseCreated("r2")] * begun, server_events.ResponseDone("x", status))
    stage.play(100)
    stage.feed(server_events.ResponseCreated("r2"))
    stage.speak("r2", "i2", 400, "Bye now.", done=True)
    stage.feed(server_events.ResponseDone("r2", "completed"))
    stage.play(1500)
    assert [text.count("Bye now.") for text in instructions(stage)] == [1]
    assert [each.why for each in stage.told_of(WrapUpDone)] == ["idle"]


@pytest.mark.parametrize("opening", ["consent", "greeting"])
def test_first_words_that_the_server_cancels_by_itself_are_said(opening: str) -> None:
    stage = Stage(**{opening: "Hello there."})
    stage.feed(
        Greet(), server_events.ResponseCreated("r1"), server_events.ResponseDone("r1", "cancelled", "client_cancelled")
    )
    stage.wait(1)
    assert [text.count("Hello there.") for text in instructions(stage)] == [1, 1]
    stage.reply("r2", "i2", 800, "Hello there.")
    stage.play(1000)
    assert len(stage.creates) == 2


def test_a_response_cancelled_for_a_caller_who_is_told_of_later_is_not_asked_for_again() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.wait(5)
    stage.feed(server_events.ResponseCreated("r1"), server_events.ResponseDone("r1", "cancelled", "turn_detected"))
    stage.feed(server_events.SpeechStarted("u2", 0))
    stage.wait(2)
    stage.feed(server_events.SpeechStopped("u2", 0))
    stage.reply("r2", "i2", 200, "Yes.")
    stage.wait(20)
    assert len(stage.creates) == 1


def test_a_failure_without_a_word_is_told_in_words() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"), server_events.ResponseDone("r1", "failed"))
    assert [each.detail for each in stage.told_of(AiWarning)] == ["an error without a code: no message"]


def test_a_refusal_that_is_told_twice_is_one() -> None:
    """As an error that names the request, and as a response that failed."""
    stage = Stage(greeting="Hello.")
    stage.feed(Greet())
    stage.feed(refuse("700ms", stage.creates[0]["event_id"]))
    limited(stage, 1, "700ms")
    stage.wait(4)
    assert [text.count("Hello.") for text in instructions(stage)] == [1, 1]
    stage.reply("r2", "i2", 400, "Hello.")
    stage.play(1000)
    stage.wait(20)
    assert len(stage.creates) == 2


def test_an_answer_of_the_server_during_a_refusal_is_no_greeting() -> None:
    stage = Stage()
    stage.feed(Speak(call="call", text="Please hold."))
    stage.feed(refuse("2s", stage.creates[0]["event_id"]))
    stage.caller_turn()
    stage.reply("r1", "i1", 400, "Yes.")
    stage.play(3000)
    assert [text.count("Please hold.") for text in instructions(stage)] == [1, 1]
