"""Barge-in: silence at once, the model's memory cut at what was heard, the next response unharmed."""

import pytest

from bridge.contract import BargedIn, Said, ServerVad
from bridge.realtime.conversation.agent_transcript import cut_text
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage

SPEECH = server_events.SpeechStarted("u", 0)


def test_a_partly_played_item_is_truncated_at_what_was_handed_to_asterisk() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 2000)
    stage.play(460)
    stage.feed(SPEECH)
    assert stage.taken_back == [("i1", 460)]
    assert stage.tick() is None
    assert stage.sent_of("response.cancel") == []  # the server did it


def test_a_finished_reply_that_still_plays_is_interrupted_as_well() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 2000)
    stage.play(100)
    stage.feed(SPEECH)
    assert stage.taken_back == [("i1", 100)]
    assert stage.tick() is None


def test_an_item_of_which_nothing_was_heard_is_deleted() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 2000)
    stage.feed(SPEECH)
    assert stage.sent_of("conversation.item.delete")[0]["item_id"] == "i1"
    assert stage.sent_of("conversation.item.truncate") == []


def test_several_items_one_heard_one_cut_one_queued() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    for item in ("i1", "i2", "i3"):
        stage.speak("r1", item, 200, done=True)
    stage.play(300)
    stage.feed(SPEECH)
    assert stage.taken_back == [("i2", 100), ("i3", 0)]


def test_a_reply_heard_to_its_end_is_left_alone() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 200)
    stage.play(200)
    stage.feed(SPEECH)
    assert stage.taken_back == []
    assert stage.told_of(BargedIn) == []


def test_an_item_still_being_generated_is_truncated_even_when_all_of_it_was_heard() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 200)
    stage.play(200)
    stage.feed(SPEECH)
    assert stage.taken_back == [("i1", 200)]


def test_late_deltas_are_dropped_and_the_next_response_is_heard() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 1000)
    stage.play(100)
    stage.feed(SPEECH)
    stage.speak("r1", "i1", 1000)
    assert stage.tick() is None
    stage.feed(server_events.ResponseDone("r1", "cancelled", "turn_detected"), server_events.SpeechStopped("u", 0))
    stage.feed(server_events.ResponseCreated("r2"))
    stage.speak("r2", "i2", 200)
    stage.speak("r1", "i1", 200)  # a straggler after its response, in the middle of the next one
    stage.play(400)
    assert len([frame for frame in stage.frames if frame]) == 5 + 10
    assert stage.taken_back == [("i1", 100)]


def test_an_item_that_begins_after_the_interruption_is_taken_out_of_the_models_memory() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 100)
    stage.feed(SPEECH)
    stage.speak("r1", "i2", 100)
    stage.speak("r1", "i2", 100)
    assert stage.taken_back == [("i1", 0), ("i2", 0)]
    assert stage.tick() is None


def test_a_second_speech_start_takes_nothing_back_twice() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 1000)
    stage.play(100)
    stage.feed(SPEECH, SPEECH)
    assert stage.taken_back == [("i1", 100)]


@pytest.mark.parametrize(("delay_ms", "left"), [(60, 240), (300, 0), (400, 0)])
def test_what_the_way_to_the_ear_still_holds_was_not_heard(delay_ms: int, left: int) -> None:
    stage = Stage(playout_delay_ms=delay_ms)
    stage.reply("r1", "i1", 1000)
    stage.play(300)
    stage.feed(SPEECH)
    assert stage.taken_back == [("i1", left)]


def test_the_controller_is_told_with_the_time_until_silence() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 1000)
    stage.play(100)
    stage.feed(SPEECH)
    stage.now += 0.013
    stage.tick()
    (event,) = stage.told_of(BargedIn)
    assert (event.item, event.heard_ms) == ("i1", 100)
    assert event.latency_ms == pytest.approx(13)
    assert stage.conversation.parts.interruption.count == 1


def test_an_agent_that_is_not_interruptible_goes_on() -> None:
    stage = Stage(turn_detection=ServerVad(type="server_vad", interrupt_response=False))
    stage.reply("r1", "i1", 1000)
    stage.play(100)
    stage.feed(SPEECH)
    assert stage.taken_back == []
    assert stage.tick() is not None


# ---------------------------------------------------------------- what is recorded


def test_a_reply_is_reported_once_when_it_has_been_heard() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 200, "Good morning.")
    assert stage.told_of(Said) == []
    stage.play(400)
    (said,) = stage.told_of(Said)
    assert (said.who, said.text, said.heard_ms, said.interrupted) == ("agent", "Good morning.", 200, False)


def test_an_interrupted_reply_is_reported_as_heard() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 1000, "one two three four five six seven eight nine ten")
    stage.play(500)
    stage.feed(SPEECH)
    (said,) = stage.told_of(Said)
    assert (said.text, said.heard_ms, said.interrupted) == ("one two three four five", 500, True)


def test_the_words_of_an_interrupted_reply_may_come_later() -> None:
    """A server that sends the transcript at the end of the sound: it is known when the response is over."""
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 500)
    stage.play(250)
    stage.feed(SPEECH)
    assert stage.told_of(Said) == []
    stage.speak("r1", "i1", 500)
    stage.feed(server_events.TranscriptDone("r1", "i1", "one two three four"))
    stage.feed(server_events.ResponseDone("r1", "cancelled", "turn_detected"))
    (said,) = stage.told_of(Said)
    assert (said.text, said.heard_ms, said.interrupted) == ("one", 240, True)


def test_words_that_were_not_heard_are_not_reported() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 1000, "nobody hears this")
    stage.feed(SPEECH)
    stage.feed(
        server_events.TranscriptDelta("r1", "i1", "too late"), server_events.TranscriptDone("r1", "i1", "too late")
    )
    stage.play(100)
    assert stage.told_of(Said) == []


def test_two_items_are_reported_in_order_and_the_heard_one_is_whole() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 200, "Let me see.", done=True)
    stage.speak("r1", "i2", 200, "It is noon.", done=True)
    stage.play(300)
    stage.feed(SPEECH)
    reported = {said.item: (said.text, said.interrupted) for said in stage.told_of(Said)}
    assert reported == {"i1": ("Let me see.", False), "i2": ("It is", True)}


@pytest.mark.parametrize(
    ("text", "heard", "generated", "expected"),
    [
        ("hello big world", 0, 1000, ""),
        ("hello big world", 1000, 1000, "hello big world"),
        ("hello big world", 1200, 1000, "hello big world"),
        ("hello big world", 999, 1000, "hello big"),
        ("hello big world", 334, 1000, "hello"),
        ("hello big world", 300, 1000, ""),
        ("hello big world", 400, 1000, "hello"),
        ("你好世界", 500, 1000, "你好"),
        ("Hello!", 500, 1000, ""),
        ("", 500, 1000, ""),
        ("x", 0, 0, "x"),
    ],
)
def test_cutting_text(text: str, heard: int, generated: int, expected: str) -> None:
    assert cut_text(text, heard, generated) == expected


# ---------------------------------------------------------------- words that run ahead of the sound


SENTENCE = "one two three four five six seven eight nine ten eleven twelve"


def test_of_words_that_ran_ahead_of_a_sound_that_was_stopped_only_the_heard_ones_count() -> None:
    """All of the text, a second of its sound, half a second heard: about eight characters and not half of the text."""
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 1000, SENTENCE)
    stage.play(500)
    stage.feed(SPEECH, server_events.AudioDone("i1"), server_events.TranscriptDone("r1", "i1", SENTENCE))
    (said,) = stage.told_of(Said)
    assert (said.text, said.heard_ms) == ("one two", 500)


def test_the_agents_own_pace_is_learned() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 12_400, SENTENCE)  # 200 ms a character
    stage.play(12_400)
    stage.feed(server_events.ResponseCreated("r2"))
    stage.speak("r2", "i2", 1000, SENTENCE)
    stage.play(900)
    stage.feed(SPEECH, server_events.ResponseDone("r2", "cancelled"))
    assert [said.text for said in stage.told_of(Said)] == [SENTENCE, "one"]


def test_words_of_a_sound_that_was_complete_are_cut_by_it() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 1000, SENTENCE)
    stage.play(500)
    stage.feed(SPEECH)
    assert stage.told_of(Said)[0].text == "one two three four five six"


# ---------------------------------------------------------------- several content parts in one item


TO_FIVE = "one two three four five"


def in_parts(stage: Stage, *milliseconds: int) -> None:
    stage.feed(server_events.ResponseCreated("r1"))
    for part, (length, text) in enumerate(zip(milliseconds, ("one two", "three four", "five six"), strict=False)):
        stage.feed(server_events.TranscriptDelta("r1", "i1", text, part))
        stage.feed(server_events.AudioDelta("r1", "i1", part, b"\1\2" * (24 * length)), server_events.AudioDone("i1"))
        stage.feed(server_events.TranscriptDone("r1", "i1", text, part))


@pytest.mark.parametrize(
    ("heard_ms", "part", "end_ms", "text"),
    [(100, 0, 100, "one"), (300, 1, 100, "one two three"), (200, 1, 0, "one two"), (580, 2, 180, TO_FIVE)],
)
def test_an_item_is_truncated_in_the_part_in_which_the_cut_fell(
    heard_ms: int, part: int, end_ms: int, text: str
) -> None:
    stage = Stage()
    in_parts(stage, 200, 200, 200)
    stage.play(heard_ms)
    stage.feed(SPEECH)
    (cut,) = stage.sent_of("conversation.item.truncate", "conversation.item.delete")
    assert (cut["type"], cut["content_index"], cut["audio_end_ms"]) == ("conversation.item.truncate", part, end_ms)
    (said,) = stage.told_of(Said)
    assert (said.text, said.heard_ms) == (text, heard_ms)


def test_an_item_of_which_no_part_was_heard_is_deleted() -> None:
    stage = Stage()
    in_parts(stage, 200, 200)
    stage.feed(SPEECH)
    (cut,) = stage.sent_of("conversation.item.truncate", "conversation.item.delete")
    assert cut["type"] == "conversation.item.delete"


def test_all_parts_of_an_item_are_one_utterance() -> None:
    stage = Stage()
    in_parts(stage, 200, 200, 200)
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.play(700)
    (said,) = stage.told_of(Said)
    assert (said.text, said.heard_ms, said.interrupted) == ("one two three four five six", 600, False)


@pytest.mark.parametrize(("part", "end_ms"), [(0, 200), (1, 0)])
def test_an_item_that_goes_on_after_its_end_and_an_interruption_ends_where_it_was_heard(part: int, end_ms: int) -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 200, "one", done=True)
    stage.play(300)
    stage.feed(SPEECH)
    assert stage.taken_back == []
    for _ in range(2):
        stage.feed(server_events.AudioDelta("r1", "i1", part, b"\1\2" * 2400))
    (cut,) = stage.sent_of("conversation.item.truncate")
    assert (cut["content_index"], cut["audio_end_ms"]) == (part, end_ms)
    assert stage.tick() is None
