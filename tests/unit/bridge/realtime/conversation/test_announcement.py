"""A message for a machine waits until the announcement is over."""

import pytest

from bridge.contract import WrapUp, WrapUpDone
from bridge.realtime.conversation.inputs import Greet
from tests.unit.bridge.realtime.conversation.stage import Stage

MESSAGE = WrapUp(call="call", text="Please call us back.", why="voicemail", after_silence=True)
LOUD = (3000).to_bytes(2, "little") * 480


def talks(stage: Stage, seconds: float) -> None:
    """The machine."""
    for _ in range(round(seconds * 50)):
        sound = stage.conversation.parts.turns.caller_sound
        if sound.wanted:
            sound.heard(LOUD, stage.now)
        stage.tick()


@pytest.mark.parametrize(("seconds", "asked_after"), [(0.0, 1.5), (4.0, 5.5), (15.0, 16.5), (40.0, 25.0)])
def test_the_message_begins_when_nothing_was_heard_for_a_while(seconds: float, asked_after: float) -> None:
    stage = Stage()
    stage.feed(Greet(), MESSAGE)
    talks(stage, min(seconds, asked_after - 0.2))
    stage.play(round((asked_after - 0.2 - min(seconds, asked_after - 0.2)) * 1000))
    assert stage.creates == []
    talks(stage, 0.5) if seconds > asked_after else stage.play(500)
    (create,) = stage.creates
    assert "Please call us back." in create["response"]["instructions"]
    stage.reply("r1", "i1", 1000)
    stage.play(1500)
    assert [each.why for each in stage.told_of(WrapUpDone)] == ["voicemail"]


def test_a_reply_that_is_being_said_stops_at_once() -> None:
    stage = Stage()
    stage.feed(Greet())
    stage.reply("r1", "i1", 3000)
    stage.play(100)
    stage.feed(MESSAGE)
    assert stage.playout.idle


def test_other_last_words_do_not_wait_for_it() -> None:
    stage = Stage()
    stage.feed(Greet(), MESSAGE, WrapUp(call="call", text="Time is up.", why="max_call_s"))
    assert len(stage.creates) == 1
    stage.reply("r1", "i1", 500)
    stage.play(6000)
    assert len(stage.creates) == 1
    assert [each.why for each in stage.told_of(WrapUpDone)] == ["max_call_s"]
