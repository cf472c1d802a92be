"""A session that is in use and turns out to be another one: asked for again once, then the connection is given up."""

from bridge.contract import AiWarning
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.session_differences import Difference
from tests.unit.bridge.realtime.conversation.stage import Stage, connection_opened

DEAF = Difference("turn_detection", "server_vad", "off", essential=True, again=True)
VOICE = Difference("voice", "marin", "cedar", again=True)
PASSIVE = Difference("turn_detection.create_response", "on", "off", again=True)


def updated(*differences: Difference) -> server_events.SessionUpdated:
    return server_events.SessionUpdated("s", "m", None, {}, differences)


def test_it_is_asked_for_again_and_good() -> None:
    stage = Stage()
    stage.feed(updated(DEAF, VOICE))
    (repeated,) = stage.sent_of("session.update")
    assert repeated["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    stage.feed(updated(VOICE))
    stage.wait(60)
    assert stage.ended == []
    assert [each.code for each in stage.told_of(AiWarning)] == ["voice"]


def test_it_is_asked_for_again_and_no_better() -> None:
    stage = Stage()
    stage.feed(updated(DEAF), updated(DEAF))
    (end,) = stage.ended
    assert (end.kind, end.again) == ("config", True)
    assert "turn_detection: asked server_vad, in force off" in end.message


def test_it_is_asked_for_again_and_nothing_comes() -> None:
    stage = Stage()
    stage.feed(updated(DEAF))
    stage.wait(60)
    assert ["turn_detection" in end.message for end in stage.ended] == [True]


def test_another_connection_begins_anew() -> None:
    stage = Stage()
    stage.feed(updated(DEAF), connection_opened())
    assert not stage.running(Timer.SESSION)
    stage.feed(updated(DEAF))
    assert stage.ended == []
    assert len(stage.sent_of("session.update")) == 2


def test_a_server_that_does_not_answer_by_itself_is_asked_at_once() -> None:
    stage = Stage()
    stage.feed(connection_opened(differences=(PASSIVE,)))
    stage.caller_turn()
    assert len(stage.creates) == 1
    stage.feed(updated())  # it has changed its mind
    stage.feed(server_events.ResponseCreated("r1"), server_events.ResponseDone("r1", "completed"))
    before = len(stage.creates)
    stage.caller_turn()
    assert len(stage.creates) == before


def test_one_that_turns_wrong_again_later_is_put_right_again() -> None:
    stage = Stage()
    for _ in range(5):
        stage.feed(updated(DEAF), updated())
        stage.wait(60)
    assert (stage.ended, len(stage.sent_of("session.update"))) == ([], 5)
    stage.feed(updated(DEAF))
    assert [each.kind for each in stage.ended] == ["config"]
