"""Greeting, turns and their latencies, digits, usage, transcripts of the caller: the rest of a conversation."""

from array import array

import pytest

from bridge.contract import DigitPressed, Hold, Said, SemanticVad, ServerVad, TurnMeasured
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.conversation.inputs import Closing, ConnectionLost, Digit, Greet
from bridge.realtime.conversation.turns import ENDLESS_S
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage, connection_opened

SPEECH = server_events.SpeechStarted("u", 0)
UPDATED = server_events.SessionUpdated("s", "m", None)

# ---------------------------------------------------------------- greeting


def test_the_greeting_is_asked_for_word_for_word_and_once() -> None:
    stage = Stage(greeting='Hello, "Acme" here.')
    stage.feed(Greet(), Greet())
    (create,) = stage.creates
    assert 'Hello, "Acme" here.' in create["response"]["instructions"]
    assert create["response"]["tool_choice"] == "none"


def test_without_a_greeting_the_agent_waits() -> None:
    stage = Stage()
    stage.feed(Greet())
    assert stage.sent == []


def test_an_agent_that_takes_over_goes_on_and_does_not_greet() -> None:
    stage = Stage(greeting="Hello.", protect_greeting=True)
    stage.conversation.parts.turn_detection.setup()
    stage.feed(Greet(resumed=True, said=("Hello.",)), Greet(resumed=True))
    (create,) = stage.creates
    assert create["response"] == {}
    (update,) = stage.sent_of("session.update")
    assert update["session"]["audio"]["input"]["turn_detection"]["interrupt_response"] is True


def test_an_agent_that_takes_over_on_hold_goes_on_when_the_hold_ends() -> None:
    stage = Stage(greeting="Hello.")
    stage.feed(Hold(call="call", on=True), Greet(resumed=True, said=("Hello.",)))
    assert stage.creates == []
    stage.feed(Hold(call="call", on=False))
    assert len(stage.creates) == 1


def test_a_protected_greeting_cannot_be_interrupted_until_it_was_heard() -> None:
    stage = Stage(greeting="Hello.", protect_greeting=True)
    session = stage.conversation.parts.turn_detection.setup().session
    assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is False
    stage.feed(Greet())
    stage.reply("r1", "i1", 500, "Hello.")
    stage.play(400)
    stage.feed(SPEECH, server_events.SpeechStopped("u", 0))
    assert stage.taken_back == []
    assert stage.sent_of("session.update") == []
    stage.play(200)
    (update,) = stage.sent_of("session.update")
    assert update["session"]["audio"]["input"]["turn_detection"]["interrupt_response"] is True
    stage.feed(UPDATED)
    stage.reply("r2", "i2", 500)
    stage.play(100)
    stage.feed(SPEECH)
    assert stage.taken_back == [("i2", 100)]


@pytest.mark.parametrize(("seconds", "creates"), [(0.4, 1), (2.5, 2)])
def test_a_caller_who_spoke_into_the_protected_greeting_is_answered(seconds: float, creates: int) -> None:
    """The greeting is the answer to a "hello?"; for more than that we ask, since the server is not to."""
    stage = Stage(greeting="Hello.", protect_greeting=True)
    stage.feed(Greet(), server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 8000, done=True)
    stage.feed(server_events.SpeechStarted("u", 0))
    stage.play(round(seconds * 1000) + 300)
    stage.feed(server_events.SpeechStopped("u", 0), server_events.ResponseDone("r1", "completed"))
    assert len(stage.creates) == creates
    assert [each["response"] for each in stage.creates[1:]] == [{}] * (creates - 1)


def test_a_protected_greeting_that_fails_is_repeated_and_still_protected() -> None:
    stage = Stage(greeting="Hello.", protect_greeting=True)
    stage.feed(Greet(), server_events.ResponseCreated("r1"), server_events.ResponseDone("r1", "failed"))
    stage.play(1500)
    assert len(stage.creates) == 2
    assert stage.sent_of("session.update") == []
    stage.reply("r2", "i2", 100)
    stage.play(200)
    assert len(stage.sent_of("session.update")) == 1


def test_protection_ends_also_when_there_will_be_no_greeting() -> None:
    stage = Stage(greeting="Hello.", protect_greeting=True)
    stage.feed(Greet())
    for number in range(2):
        stage.feed(server_events.ResponseCreated(f"r{number}"), server_events.ResponseDone(f"r{number}", "completed"))
    stage.play(100)
    assert len(stage.sent_of("session.update")) == 1


def test_until_the_server_interrupts_by_itself_again_we_cancel() -> None:
    stage = Stage(greeting="Hello.", protect_greeting=True)
    stage.feed(Greet())
    stage.reply("r1", "i1", 100)
    stage.play(200)
    stage.feed(server_events.ResponseCreated("r2"))
    stage.speak("r2", "i2", 500)
    stage.feed(SPEECH)
    assert [frame["response_id"] for frame in stage.sent_of("response.cancel")] == ["r2"]
    stage.feed(server_events.ResponseDone("r2", "cancelled"), UPDATED, server_events.ResponseCreated("r3"))
    stage.speak("r3", "i3", 500)
    stage.feed(SPEECH)
    assert len(stage.sent_of("response.cancel")) == 1


# ---------------------------------------------------------------- turns


def test_a_turn_is_measured_from_the_end_of_speech() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.now += 0.3
    stage.feed(server_events.ResponseCreated("r1"))
    stage.now += 0.1
    stage.speak("r1", "i1", 500)
    stage.now += 0.015
    stage.play(100)
    (turn,) = stage.told_of(TurnMeasured)
    assert turn.turn == 1
    assert turn.first_delta_ms == pytest.approx(400)
    assert turn.first_frame_ms == pytest.approx(415)


@pytest.mark.parametrize(
    ("vad", "end_ms", "told_ms"),
    [
        (ServerVad(silence_duration_ms=300), 1300, 345),  # the last sound was the thousandth millisecond
        (ServerVad(silence_duration_ms=300), None, None),
        (ServerVad(silence_duration_ms=300), 200, None),
        (ServerVad(silence_duration_ms=300), 2000, None),  # never sent
        (SemanticVad(type="semantic_vad"), 1000, 345),
    ],
)
def test_how_long_after_the_last_sound_we_are_told(
    vad: ServerVad | SemanticVad, end_ms: int | None, told_ms: float | None
) -> None:
    stage = Stage(turn_detection=vad)
    for number in range(66):
        stage.conversation.parts.turns.appended.add(20, 100.02 + number / 50)
    stage.feed(SPEECH)
    stage.now = 101.345
    stage.feed(server_events.SpeechStopped("u", end_ms), Closing())
    (turn,) = stage.told_of(TurnMeasured)
    assert turn.endpointing_ms == (told_ms and pytest.approx(told_ms))


def test_a_new_connection_counts_anew() -> None:
    stage = Stage()
    stage.conversation.parts.turns.appended.add(5000, 100.0)
    stage.feed(ConnectionLost(), connection_opened(), SPEECH, server_events.SpeechStopped("u", 4000), Closing())
    assert [turn.endpointing_ms for turn in stage.told_of(TurnMeasured)] == [None]


def test_a_turn_that_is_unanswered_when_the_call_ends_is_told() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 100)
    stage.feed(Closing(), Closing())
    (turn,) = stage.told_of(TurnMeasured)
    assert (turn.turn, turn.first_delta_ms, turn.first_frame_ms) == (1, 0, None)


def test_the_answer_after_a_tool_belongs_to_the_turn() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.now += 1
    stage.reply("r2", "i2", 100)
    stage.tick()
    assert [turn.first_delta_ms for turn in stage.told_of(TurnMeasured)] == [pytest.approx(1000)]


def test_a_turn_without_answer_is_told_as_such() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.caller_turn()
    assert [(turn.turn, turn.first_delta_ms) for turn in stage.told_of(TurnMeasured)] == [(1, None)]
    assert stage.conversation.parts.turns.count == 2


def test_speech_without_end_does_not_silence_the_agent_for_ever() -> None:
    stage = Stage()
    stage.feed(SPEECH, Digit("#"))
    stage.wait(59)
    assert stage.creates == []
    stage.wait(2)
    assert "did not say that the caller stopped" in stage.notes[0].text
    stage.wait(5)  # the server does not answer either
    assert len(stage.creates) == 1
    stage.reply("r1", "i1", 100, "Yes?")
    stage.play(200)
    assert not stage.timers
    assert stage.conversation.at_rest


def still_speaking(stage: Stage, seconds: float, pcm: bytes) -> None:
    """The session hands over the caller's frames like this."""
    for _ in range(round(seconds / 0.02)):
        stage.conversation.parts.turns.caller_sound.heard(pcm, stage.now)
        stage.tick()


@pytest.mark.parametrize("seconds", [61, 90, 200])
@pytest.mark.parametrize("amplitude", [200, 3000])
def test_a_turn_of_minutes_is_not_spoken_into(seconds: float, amplitude: int) -> None:
    stage = Stage()
    stage.feed(SPEECH, Digit("#"))
    still_speaking(stage, seconds, array("h", [amplitude, -amplitude] * 240).tobytes())
    assert stage.creates == []
    assert stage.conversation.parts.turns.speaking
    still_speaking(stage, 2.0, bytes(960))  # a pause to breathe
    assert stage.creates == []
    stage.feed(server_events.SpeechStopped("u", 0))
    stage.wait(5)
    assert len(stage.creates) == 1  # the watchdog of answers still works


@pytest.mark.parametrize("pcm", [bytes(960), array("h", [40, -40] * 240).tobytes()])
def test_after_a_minute_a_caller_who_is_not_heard_any_more_is_answered(pcm: bytes) -> None:
    stage = Stage()
    stage.feed(SPEECH, Digit("#"))
    still_speaking(stage, 40, array("h", [3000, -3000] * 240).tobytes())
    still_speaking(stage, 21, pcm)
    assert "did not say that the caller stopped" in stage.notes[0].text
    assert not stage.conversation.parts.turns.speaking


def test_noise_that_never_ends_does_not_silence_the_agent_for_ever() -> None:
    stage = Stage()
    stage.feed(SPEECH, Digit("#"))
    still_speaking(stage, ENDLESS_S + 10, array("h", [3000, -3000] * 240).tobytes())
    assert "did not say that the caller stopped" in stage.notes[0].text
    assert not stage.conversation.parts.turns.speaking


@pytest.mark.parametrize(("item", "stopped"), [("u", True), ("another", False)])
def test_what_is_written_down_has_been_said(item: str, stopped: bool) -> None:
    stage = Stage()
    stage.feed(SPEECH, server_events.CallerTranscribed(item, "Hello?", {}))
    assert stage.conversation.parts.turns.speaking != stopped
    assert stage.conversation.parts.turns.count == stopped
    assert stage.running(Timer.ANSWER) == stopped


@pytest.mark.parametrize("ends", ["stopped", "dismissed", "lost", "held"])
def test_the_end_of_speech_ends_its_watch(ends: str) -> None:
    stage = Stage(min_speech_ms=200)
    stage.reply("r1", "i1", 60_000)
    stage.feed(SPEECH)
    if ends == "stopped":
        stage.play(1000)
    if ends in ("stopped", "dismissed"):
        stage.feed(server_events.SpeechStopped("u", 0))
    else:
        stage.feed(ConnectionLost() if ends == "lost" else Hold(call="call", on=True))
    assert not stage.running(Timer.STOPPED)


def test_what_was_being_said_already_is_not_the_answer() -> None:
    stage = Stage(turn_detection=ServerVad(type="server_vad", interrupt_response=False))
    stage.feed(server_events.ResponseCreated("r1"))
    stage.caller_turn()
    stage.speak("r1", "i1", 100)
    stage.play(100)
    assert stage.told_of(TurnMeasured) == []


def test_the_callers_words_are_told() -> None:
    stage = Stage()
    stage.feed(
        server_events.CallerTranscribed("u1", " Hello there. ", {}), server_events.CallerTranscribed("u2", "  ", {})
    )
    assert [(said.who, said.text, said.item) for said in stage.told_of(Said)] == [("caller", "Hello there.", "u1")]


def test_usage_adds_up() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseDone("r1", "completed", usage={"total": 10, "input_audio": 4}))
    stage.feed(server_events.ResponseDone("r2", "cancelled", usage={"total": 5}))
    stage.feed(server_events.CallerTranscribed("u1", "x", {"transcription_ms": 1200}))
    assert stage.conversation.parts.usage_meter.sums == {"total": 15, "input_audio": 4, "transcription_ms": 1200}


# ---------------------------------------------------------------- digits


def texts(stage: Stage) -> list[str]:
    return [frame["item"]["content"][0]["text"] for frame in stage.sent_of("conversation.item.create")]


def test_digits_are_collected_until_the_hash() -> None:
    stage = Stage()
    stage.feed(*(Digit(digit) for digit in "12#"))
    assert texts(stage) == ["[DTMF] 12#"]
    assert len(stage.creates) == 1
    assert [event.digit for event in stage.told_of(DigitPressed)] == ["1", "2", "#"]
    stage.wait(5)
    assert len(texts(stage)) == 1


def test_digits_are_collected_until_a_pause() -> None:
    stage = Stage()
    stage.feed(Digit("1"))
    stage.wait(1.4)
    stage.feed(Digit("2"))
    stage.wait(1.4)
    assert texts(stage) == []
    stage.wait(0.2)
    assert texts(stage) == ["[DTMF] 12"]


# ---------------------------------------------------------------- the end


def test_at_the_end_what_was_being_said_is_reported_as_heard() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 1000, "one two three four")
    stage.play(600)
    stage.feed(Closing(), Closing())
    (said,) = stage.told_of(Said)
    assert (said.text, said.heard_ms, said.interrupted) == ("one two", 600, True)
    assert stage.tick() is None


def test_events_of_no_use_change_nothing() -> None:
    stage = Stage()
    stage.feed(server_events.Ignored("rate_limits.updated"), server_events.Unknown("new"))
    stage.feed(server_events.SessionCreated("s", "m", None))
    assert (stage.sent, stage.told, stage.ended) == ([], [], [])


def test_a_conversation_can_be_read_in_a_debugger() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    assert "ACTIVE r1" in repr(stage.conversation)
