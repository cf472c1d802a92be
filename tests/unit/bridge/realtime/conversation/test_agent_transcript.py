"""What was said, when its transcript fails, comes late, or never; and sound without words, words without sound."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from bridge.contract import NOT_TRANSCRIBED, AiWarning, Said, ServerVad, Transcription
from bridge.realtime.conversation.history import UNWRITTEN, History
from bridge.realtime.conversation.inputs import Closing, ConnectionLost
from bridge.realtime.protocol import server_events
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from tests.unit.bridge.realtime.conversation.stage import Stage, make_spec


def turn(stage: Stage, item: str, seconds: float = 1.0) -> None:
    stage.feed(server_events.SpeechStarted(item, 0))
    stage.now += seconds
    stage.feed(server_events.SpeechStopped(item, 0))


def failed(item: str, code: str = "") -> server_events.TranscriptionFailed:
    return server_events.TranscriptionFailed(item, code, "server_error", "The model does not exist")


def told(stage: Stage) -> list[tuple[str, str, str]]:
    return [(each.who, each.item, each.text) for each in stage.told_of(Said)]


def test_turns_that_cannot_be_transcribed_are_told_and_one_warning_says_why() -> None:
    stage = Stage(transcription=Transcription())
    for number in range(6):
        turn(stage, f"u{number}")
        stage.feed(failed(f"u{number}"))
    stage.feed(Closing())
    assert told(stage) == [("caller", f"u{number}", NOT_TRANSCRIBED) for number in range(6)]
    first, total = stage.told_of(AiWarning)
    assert (first.kind, first.code, first.times, total.times) == ("transcription_failed", "server_error", 1, 5)
    assert "`transcription`" in first.detail


def test_a_turn_of_which_the_text_never_comes_is_told_at_the_end() -> None:
    stage = Stage(transcription=Transcription())
    turn(stage, "u1")
    turn(stage, "u2")
    stage.feed(server_events.CallerTranscribed("u2", "", {}))  # noise
    stage.now += 3
    stage.feed(Closing())
    (said,) = stage.told_of(Said)
    assert (said.item, said.text, said.ago_ms) == ("u1", NOT_TRANSCRIBED, 4000)


def test_transcripts_that_never_come_are_told_while_the_call_goes_on() -> None:
    """Neither a text nor a failure: the cause is told as loudly, and a last turn that is just being written is none."""
    stage = Stage(transcription=Transcription())
    for number in range(4):
        turn(stage, f"u{number}")
        stage.now += 9
    first = stage.told_of(AiWarning)
    assert [(each.kind, each.code) for each in first] == [("transcription_failed", "missing")]
    stage.feed(server_events.CallerTranscribed("u1", "yes", {}))
    stage.feed(Closing())
    assert [each.times for each in stage.told_of(AiWarning)] == [1, 2]
    assert told(stage) == [
        ("caller", "u1", "yes"),
        *(("caller", f"u{number}", NOT_TRANSCRIBED) for number in (0, 2, 3)),
    ]


def test_without_transcription_none_is_missing() -> None:
    stage = Stage()
    for number in range(4):
        turn(stage, f"u{number}", 30.0)
    stage.feed(Closing())
    assert (stage.told_of(AiWarning), told(stage)) == ([], [])


@given(st.permutations(["u0", "u1", "u2", "u3"]), st.lists(st.floats(0, 5), min_size=4, max_size=4))
def test_what_comes_out_of_order_can_be_put_in_order(order: list[str], delays: list[float]) -> None:
    stage = Stage()
    for number in range(4):
        turn(stage, f"u{number}")
    over: list[tuple[float, str]] = []
    for item, delay in zip(order, delays, strict=True):
        stage.now += delay
        stage.feed(server_events.CallerTranscribed(item, item, {}))
        over.append((stage.now - stage.told_of(Said)[-1].ago_ms / 1000, item))
    assert [item for _, item in sorted(over)] == ["u0", "u1", "u2", "u3"]


@pytest.mark.parametrize("late_s", [0.5, 4.0])
def test_an_interrupted_reply_whose_words_come_late_is_before_the_interruption(late_s: float) -> None:
    """In the record, in the events' `spoken_at`, and in what another worker would be told."""
    stage = Stage(transcription=Transcription())
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 3000, "one two three four five six seven eight nine ten")
    stage.play(1000)
    turn(stage, "u1")
    stage.feed(server_events.CallerTranscribed("u1", "stop", {}))
    stage.now += late_s
    stage.feed(server_events.TranscriptDone("r1", "i1", "one two three four five six seven eight nine ten"))
    stage.feed(server_events.AudioDone("i1"), server_events.ResponseDone("r1", "cancelled"))
    assert told(stage) == [("caller", "u1", "stop"), ("agent", "i1", "one two three")]
    record, recollection = CallLog(), ConversationMemory()
    begin = datetime(2026, 11, 30, tzinfo=UTC)
    for at, event in [(1.0, stage.told_of(Said)[0]), (1.0 + late_s, stage.told_of(Said)[1])]:
        record.take(event, begin + timedelta(seconds=at))
        recollection.take(event, make_spec(), begin + timedelta(seconds=at))
    assert [each.who for each in record.transcript] == ["agent", "caller"]
    assert [each.role for each in recollection.turns()] == ["assistant", "user"]


def test_a_reply_whose_words_come_after_the_callers_next_turn_is_before_it() -> None:
    stage = Stage(transcription=Transcription())
    stage.feed(server_events.ResponseCreated("r1"), server_events.AudioDelta("r1", "i1", 0, bytes(48 * 400)))
    stage.feed(server_events.AudioDone("i1"))
    stage.play(600)
    turn(stage, "u1", 2.0)
    stage.feed(server_events.CallerTranscribed("u1", "yes", {}))
    stage.feed(server_events.TranscriptDone("r1", "i1", "Good morning."), server_events.ResponseDone("r1", "completed"))
    caller, agent = stage.told_of(Said)
    assert (caller.text, agent.text) == ("yes", "Good morning.")
    assert agent.ago_ms == 2220  # 220 ms were played after it


def test_sound_that_goes_on_after_a_pause_ends_when_it_ends() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 400, "one two")
    stage.play(2000)
    stage.speak("r1", "i1", 400, " three four")
    stage.play(400)
    stage.feed(server_events.AudioDone("i1"), server_events.TranscriptDone("r1", "i1", "one two three four"))
    assert [(each.text, each.ago_ms) for each in stage.told_of(Said)] == [("one two three four", 20)]


def test_each_utterance_says_when_it_began() -> None:
    """Of the agent when its first sound was heard, though all of it came at once; of the caller when speech began, and
    not when it was noticed."""
    stage = Stage(transcription=Transcription(), turn_detection=ServerVad(prefix_padding_ms=500))
    begin = stage.now
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 1000, "one two three four five")
    stage.feed(server_events.AudioDone("i1"), server_events.TranscriptDone("r1", "i1", "one two three four five"))
    stage.speak("r1", "i2", 600, "six seven")
    stage.feed(server_events.AudioDone("i2"), server_events.TranscriptDone("r1", "i2", "six seven"))
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.play(2000)
    appended = stage.conversation.parts.turns.appended
    appended.add(10_000, stage.now)  # up to now; the caller has spoken for 800 ms
    stage.feed(server_events.SpeechStarted("u1", 10_000 - 800 - 500))
    stage.now += 2.0
    stage.feed(server_events.SpeechStopped("u1", 11_000), server_events.CallerTranscribed("u1", "yes", {}))
    stage.feed(server_events.SpeechStarted("u2", None))
    stage.now += 1.0
    stage.feed(server_events.SpeechStopped("u2", None), server_events.CallerTranscribed("u2", "no", {}))
    said = stage.told_of(Said)
    assert [each.item for each in said] == ["i1", "i2", "u1", "u2"]
    assert [each.took_ms for each in said[2:]] == [2800, 1000]
    heard_at = [stage.told_at(each) - ((each.ago_ms + (each.took_ms or 0)) / 1000) for each in said[:2]]
    assert heard_at == pytest.approx([begin, begin + 1.0], abs=0.05)


def test_sound_without_words_is_marked() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"), server_events.AudioDelta("r1", "i1", 0, bytes(48 * 400)))
    stage.feed(server_events.AudioDone("i1"), server_events.ResponseDone("r1", "completed"))
    stage.play(5600)
    assert told(stage) == [("agent", "i1", NOT_TRANSCRIBED)]
    assert 5000 <= stage.told_of(Said)[0].ago_ms <= 5200
    assert [each.kind for each in stage.told_of(AiWarning)] == ["audio_without_transcript"]
    memory = History()
    memory.heard(server_events.AudioDelta("r1", "i1", 0, b"\1\2"))
    memory.said(stage.told_of(Said)[0])
    assert UNWRITTEN in str(memory.replay(dropped=False))


def test_words_without_sound_were_not_said() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"), server_events.TranscriptDone("r1", "i1", "Hello there."))
    stage.feed(server_events.ResponseDone("r1", "completed"))
    assert told(stage) == []
    assert "transcript_without_audio" in [each.kind for each in stage.told_of(AiWarning)]


def test_words_beyond_the_end_of_the_sound_were_not_heard() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 400, "one two three four five " * 10)
    stage.play(600)
    (said,) = stage.told_of(Said)
    assert said.text.startswith("one")
    assert len(said.text) < 40


@pytest.mark.parametrize("again", ["yes", "no", ""])
def test_a_text_that_comes_twice_is_told_once(again: str) -> None:
    stage = Stage(transcription=Transcription())
    turn(stage, "u1")
    stage.feed(server_events.CallerTranscribed("u1", "yes", {"transcription_ms": 1000}))
    turn(stage, "u2")
    stage.feed(server_events.CallerTranscribed("u1", again, {"transcription_ms": 1000}), failed("u1"))
    stage.wait(20)
    stage.feed(server_events.CallerTranscribed("u2", "no", {}), Closing())
    assert told(stage) == [("caller", "u1", "yes"), ("caller", "u2", "no")]
    assert stage.conversation.parts.usage_meter.sums["transcription_ms"] == 1000


def test_a_text_that_comes_after_a_failure_takes_its_place() -> None:
    stage = Stage(transcription=Transcription())
    turn(stage, "u1")
    stage.feed(failed("u1"), failed("u1"))
    stage.wait(1)
    stage.feed(server_events.CallerTranscribed("u1", "yes", {}))
    stage.wait(20)
    stage.feed(Closing())
    (said,) = stage.told_of(Said)
    assert (said.text, said.ago_ms) == ("yes", 1000)


def test_a_text_that_comes_before_the_end_of_its_turn_is_not_missing() -> None:
    stage = Stage(transcription=Transcription())
    stage.feed(server_events.SpeechStarted("u1", 0), server_events.CallerTranscribed("u1", "yes", {}))
    stage.feed(server_events.SpeechStopped("u1", 0))
    stage.now += 20
    turn(stage, "u2")
    stage.feed(server_events.CallerTranscribed("u2", "no", {}), Closing())
    assert told(stage) == [("caller", "u1", "yes"), ("caller", "u2", "no")]
    assert stage.told_of(AiWarning) == []


@pytest.mark.parametrize("cut", [True, False])
def test_words_of_the_agent_that_come_after_the_end_of_the_response_are_taken(cut: bool) -> None:
    """Before what the caller said then, in the order of moments."""
    stage = Stage(transcription=Transcription())
    stage.feed(server_events.ResponseCreated("r1"), server_events.AudioDelta("r1", "i1", 0, bytes(48 * 3000)))
    if not cut:
        stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.play(1000 if cut else 3000)
    turn(stage, "u1")
    stage.feed(server_events.ResponseDone("r1", "cancelled"), server_events.CallerTranscribed("u1", "stop", {}))
    stage.feed(server_events.TranscriptDone("r1", "i1", "one two three four five six seven eight nine ten"))
    stage.feed(Closing())
    caller, agent = stage.told_of(Said)
    assert (agent.text, caller.text) == (
        "one two three" if cut else "one two three four five six seven eight nine ten",
        "stop",
    )
    assert agent.ago_ms >= caller.ago_ms + 1000
    assert [each.kind for each in stage.told_of(AiWarning)] == []


def test_words_beyond_the_sound_are_known_by_the_agents_pace() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 3600, "word " * 12)
    stage.play(3800)
    stage.reply("r2", "i2", 1000, "word " * 20)
    stage.play(1200)
    first, second = stage.told_of(Said)
    assert len(first.text) == 59
    assert 10 <= len(second.text) <= 20


@pytest.mark.parametrize("reply_ms", [1000, 3600])
def test_an_agent_who_speaks_fast_keeps_its_words(reply_ms: int) -> None:
    stage = Stage()
    for number in range(3):
        stage.reply(f"r{number}", f"i{number}", reply_ms, "word " * 20)
        stage.play(reply_ms + 200)
    assert [len(each.text) for each in stage.told_of(Said)] == [99] * 3


def test_a_cough_is_no_turn_of_which_the_text_is_missing() -> None:
    """Whoever takes the call over is not told that the caller said something."""
    stage = Stage(transcription=Transcription())
    turn(stage, "u1")
    stage.feed(server_events.CallerTranscribed("u1", "", {}))
    turn(stage, "u2")
    stage.feed(Closing())
    recollection = ConversationMemory()
    for event in stage.told:
        recollection.take(event, make_spec(transcription=Transcription()))
    assert [each.text for each in recollection.turns()] == ["[the caller spoke; no transcript]"]


def test_a_turn_whose_text_comes_before_its_beginning_is_told_once() -> None:
    stage = Stage(transcription=Transcription())
    stage.feed(server_events.CallerTranscribed("u1", "yes", {}), server_events.SpeechStopped("u1", 0))
    turn(stage, "u1")
    stage.wait(20)
    stage.feed(Closing())
    assert told(stage) == [("caller", "u1", "yes")]


def test_a_connection_is_not_exchanged_while_words_are_likely_to_come() -> None:
    stage = Stage(transcription=Transcription())
    turn(stage, "u1")
    stage.reply("r1", "i1", 400, "Yes.")
    stage.play(600)
    assert not stage.conversation.at_rest
    stage.feed(server_events.CallerTranscribed("u1", "yes", {}))
    assert stage.conversation.at_rest
    turn(stage, "u2")
    stage.reply("r2", "i2", 400)
    stage.play(600)
    stage.feed(server_events.CallerTranscribed("u2", "no", {}))
    assert not stage.conversation.at_rest
    stage.feed(server_events.TranscriptDone("r2", "i2", "No?"))
    assert stage.conversation.at_rest


@pytest.mark.parametrize("how", ["failed", "never"])
def test_words_that_do_not_come_do_not_keep_a_connection(how: str) -> None:
    stage = Stage(transcription=Transcription())
    turn(stage, "u1")
    stage.reply("r1", "i1", 400)
    stage.feed(*[failed("u1")] * (how == "failed"))
    stage.play(6000)
    assert stage.conversation.at_rest


def test_words_that_were_to_come_on_a_lost_line_are_not_waited_for() -> None:
    """The next connection is told at once that the agent spoke."""
    stage = Stage(transcription=Transcription())
    stage.feed(server_events.ResponseCreated("r1"), server_events.AudioDelta("r1", "i1", 0, bytes(48 * 3000)))
    stage.play(1000)
    stage.feed(server_events.SpeechStarted("u1", 0))
    stage.feed(ConnectionLost())
    assert told(stage) == [("agent", "i1", NOT_TRANSCRIBED)]
