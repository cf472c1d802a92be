"""A model that repeats itself without end: what it makes us keep, tell and log is bounded."""

import pytest

from bridge.contract import DigitPressed, Said, Used
from bridge.media.playout import LONGEST_QUEUE, MOST_CHUNKS, Playout
from bridge.realtime.conversation import event_budget
from bridge.realtime.conversation.agent_transcript import MOST_OPEN, MOST_PARTS
from bridge.realtime.conversation.core import TOO_MUCH
from bridge.realtime.conversation.dtmf import MOST
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.conversation.inputs import Digit, Greet
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.json_fields import LONGEST_TEXT
from tests.unit.bridge.realtime.conversation.stage import Stage

MANY = 5 * event_budget.BURST


@pytest.mark.parametrize(
    "event",
    [
        lambda n: server_events.CallerTranscribed(f"u{n}", "Again.", {}),
        lambda n: server_events.CallerTranscribed("u", "", {"total": 1}),
        lambda n: server_events.SpeechStopped(f"u{n}", n),
        lambda n: server_events.ResponseDone(f"r{n}", "completed", usage={"total": 1}),
        lambda n: server_events.ServerError("x", f"c{n}", "Again.", "", ""),
    ],
    ids=["transcripts", "bills of transcripts", "turns", "bills", "errors"],
)
def test_a_server_that_makes_us_tell_without_end_loses_its_connection(event: object) -> None:
    assert callable(event)
    stage = Stage()
    for number in range(MANY):
        stage.now += 0.001
        if not stage.ended:
            stage.feed(event(number))
    assert {each.message for each in stage.ended} == {TOO_MUCH}
    assert {each.kind for each in stage.ended} == {"transient"}
    assert len(stage.told) + len(stage.notes) < 1.2 * event_budget.BURST


def test_a_talkative_call_of_hours_is_none_of_them() -> None:
    stage = Stage()
    for number in range(2000):
        stage.caller_turn()
        stage.feed(server_events.CallerTranscribed("u", "And then?", {"transcription_ms": 900}))
        stage.reply(f"r{number}", f"i{number}", 400, "Then it rained.")
        stage.play(1000)
    assert stage.ended == []
    assert len(stage.told_of(Said)) == 4000


def test_sound_and_words_that_are_not_told_do_not_count() -> None:
    stage = Stage()
    for _ in range(MANY):
        stage.feed(server_events.AudioDelta("r", "i", 0, b"\1\2"), server_events.TranscriptDelta("r", "i", "x"))
    assert stage.ended == []


def test_a_connection_that_follows_has_no_more_than_what_is_left() -> None:
    budget = event_budget.EventBudget()
    assert budget.spend(event_budget.BURST, 0.0)
    assert not budget.spend(1, 0.0)
    assert budget.spend(1, 1.0)
    assert not budget.spend(int(event_budget.PER_SECOND), 1.0)
    assert budget.spend(event_budget.BURST, 3600.0)
    assert not budget.spend(2, 3600.0)


def test_the_words_of_an_item_are_bounded_over_all_its_parts() -> None:
    stage = Stage()
    for item in range(MOST_OPEN):
        stage.feed(*(server_events.TranscriptDelta("r", f"i{item}", "x", part) for part in range(MOST_PARTS)))
        stage.feed(
            *(server_events.TranscriptDone("r", f"i{item}", "y" * LONGEST_TEXT, part) for part in range(MOST_PARTS))
        )
    kept = [words for each in stage.conversation.parts.transcript._open.values() for words in each.texts.values()]
    assert LONGEST_TEXT <= sum(map(len, kept)) <= MOST_OPEN * LONGEST_TEXT


def test_the_last_part_of_an_item_is_kept_where_the_others_are_short() -> None:
    stage = Stage()
    stage.feed(
        server_events.TranscriptDone("r", "i", "First.", 0), server_events.TranscriptDone("r", "i", "Second.", 1)
    )
    assert stage.conversation.parts.transcript._open["i"].text == "First. Second."


def test_sound_in_crumbs_costs_no_more_memory_than_sound() -> None:
    playout = Playout()
    for number in range(2 * MOST_CHUNKS):
        playout.push("r", f"i{number % 2}", 0, b"\1\2")
    assert len(playout._chunks) <= MOST_CHUNKS
    assert playout.counters.dropped_bytes >= 2 * MOST_CHUNKS
    assert MOST_CHUNKS * 480 > LONGEST_QUEUE  # deltas of 10 ms are never too many


def test_a_caller_who_holds_the_keys_down_is_told_of_in_pieces() -> None:
    stage = Stage()
    stage.feed(Greet())
    for _ in range(3 * MOST + 5):
        stage.feed(Digit("7"))
        stage.wait(0.5)
    texts = [frame["item"]["content"][0]["text"] for frame in stage.sent if frame["type"] == "conversation.item.create"]
    assert texts == [f"[DTMF] {'7' * MOST}"] * 3
    assert (Timer.DIGITS, "") in stage.timers
    assert len(stage.told_of(DigitPressed)) == 3 * MOST + 5
    assert stage.told_of(Used) == []
