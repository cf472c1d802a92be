"""One response at a time, whoever asks for it; and the recovery from each way in which one can go wrong."""

from bridge.contract import AiWarning, ServerVad
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.conversation.inputs import Closing, Digit, Greet
from bridge.realtime.conversation.responses import ATTEMPTS, CANCEL_S, REQUEST_S, STUCK_S, State
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage

BUSY = "conversation_already_has_active_response"


def press(stage: Stage, digits: str = "1#") -> str:
    """Something that wants a response; returns the id of the item to be answered."""
    for digit in digits:
        stage.feed(Digit(digit))
    item: str = stage.sent_of("conversation.item.create")[-1]["item"]["id"]
    return item


def refuse(stage: Stage, code: str, number: int = -1) -> None:
    event_id = stage.creates[number]["event_id"]
    stage.feed(server_events.ServerError("invalid_request_error", code, "no", "", event_id))


# ---------------------------------------------------------------- one at a time


def test_a_wish_waits_for_the_end_of_the_running_response() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    press(stage)
    assert stage.creates == []
    stage.feed(server_events.ResponseDone("r1", "completed"))
    assert len(stage.creates) == 1


def test_waiting_wishes_are_joined() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    press(stage)
    press(stage)
    stage.reply("r1", "i1", 20)
    assert len(stage.creates) == 1
    stage.reply("r2", "i2", 20)
    assert len(stage.creates) == 1


def test_a_create_that_lost_the_race_is_repeated_after_the_other_response() -> None:
    stage = Stage()
    press(stage)
    refuse(stage, BUSY)
    assert stage.conversation.parts.errors.benign_errors == 1
    stage.reply("r1", "i1", 20)
    assert len(stage.creates) == 2
    assert stage.ended == []


def test_the_refusal_may_come_after_the_others_created() -> None:
    stage = Stage()
    press(stage)
    stage.feed(server_events.ResponseCreated("r1"))  # looks like ours
    refuse(stage, BUSY)
    stage.reply("r1", "i1", 20)
    assert len(stage.creates) == 2


def test_a_response_of_the_server_that_has_seen_our_item_is_the_answer() -> None:
    stage = Stage()
    item = press(stage)
    stage.feed(server_events.ItemAdded(item), server_events.ResponseCreated("r1"))
    refuse(stage, BUSY)
    stage.reply("r1", "i1", 20)
    assert len(stage.creates) == 1


def test_nothing_is_asked_for_while_the_caller_has_the_word() -> None:
    stage = Stage()
    stage.feed(server_events.SpeechStarted("u", 0))
    item = press(stage)
    stage.feed(server_events.SpeechStopped("u", 0), server_events.ItemAdded(item))
    assert stage.creates == []
    stage.reply("r1", "i1", 20)
    assert stage.creates == []  # the server's own answer has seen the digits


def test_a_response_that_began_before_our_item_is_no_answer_to_it() -> None:
    stage = Stage()
    stage.feed(server_events.SpeechStarted("u", 0))
    item = press(stage)
    stage.feed(server_events.SpeechStopped("u", 0), server_events.ResponseCreated("r1"), server_events.ItemAdded(item))
    stage.reply("r1", "i1", 20)
    assert len(stage.creates) == 1


def test_a_request_that_crosses_the_callers_first_word_is_cancelled() -> None:
    stage = Stage()
    press(stage)
    stage.feed(server_events.SpeechStarted("u", 0), server_events.ResponseCreated("r1"))
    assert stage.sent_of("response.cancel")[0]["response_id"] == "r1"
    stage.speak("r1", "i1", 100)
    assert stage.tick() is None
    stage.feed(server_events.ResponseDone("r1", "cancelled"), server_events.SpeechStopped("u", 0))
    stage.reply("r2", "i2", 100)
    assert stage.tick() is not None


def test_a_response_that_was_never_announced_is_one() -> None:
    stage = Stage()
    press(stage)
    stage.speak("r1", "i1", 100)
    assert "ACTIVE r1" in repr(stage.conversation)
    stage.feed(server_events.ResponseDone("r1", "completed"))
    assert stage.conversation.parts.responses.state is State.IDLE
    assert len(stage.creates) == 1


def test_a_done_without_anything_before_it_ends_the_request() -> None:
    stage = Stage()
    press(stage)
    stage.feed(server_events.ResponseDone("r1", "cancelled", "turn_detected"))
    assert stage.conversation.parts.responses.state is State.IDLE


def test_a_lost_done_does_not_block_the_next_response() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"), server_events.ResponseCreated("r2"))
    press(stage)
    stage.speak("r2", "i2", 20)
    stage.feed(server_events.ResponseDone("r1", "completed"))
    assert stage.creates == []
    stage.feed(server_events.ResponseDone("r2", "completed"))
    assert len(stage.creates) == 1


# ---------------------------------------------------------------- watchdogs


def test_a_request_without_reaction_is_repeated_and_then_the_session_ends() -> None:
    stage = Stage()
    press(stage)
    stage.wait(REQUEST_S * ATTEMPTS - 1)
    assert len(stage.creates) == ATTEMPTS
    assert stage.ended == []
    stage.wait(2)
    assert [end.kind for end in stage.ended] == ["transient"]
    assert len(stage.creates) == ATTEMPTS


def test_a_create_that_is_refused_for_good_is_given_up() -> None:
    stage = Stage()
    press(stage)
    for _ in range(ATTEMPTS + 2):
        refuse(stage, "invalid_value")
    assert len(stage.creates) == ATTEMPTS
    assert stage.conversation.parts.responses.state is State.IDLE


def test_a_response_that_stands_still_is_cancelled_and_asked_for_again() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.wait(STUCK_S + 0.1)
    assert stage.sent_of("response.cancel")[0]["response_id"] == "r1"
    stage.feed(server_events.ResponseDone("r1", "cancelled", "client_cancelled"))
    assert len(stage.creates) == 1


def test_a_response_that_does_not_even_end_when_cancelled_is_given_up() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.wait(STUCK_S + CANCEL_S + 0.1)
    assert len(stage.creates) == 1
    stage.speak("r1", "i1", 100)
    assert stage.tick() is None


def test_a_response_that_moves_is_not_stuck() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    for _ in range(4):
        stage.wait(STUCK_S - 1)
        stage.speak("r1", "i1", 20)
    assert stage.sent_of("response.cancel") == []


def test_an_interrupted_response_that_the_server_does_not_cancel_is_cancelled_by_us() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 100)
    stage.feed(server_events.SpeechStarted("u", 0))
    stage.wait(CANCEL_S + 0.1)
    assert len(stage.sent_of("response.cancel")) == 1
    stage.wait(CANCEL_S + 0.1)
    assert stage.conversation.parts.responses.state is State.IDLE


def test_a_caller_left_without_answer_gets_one() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.wait(4.9)
    assert stage.creates == []
    stage.wait(0.2)
    assert len(stage.creates) == 1


def test_no_answer_is_missed_where_the_server_was_told_not_to_answer() -> None:
    stage = Stage(turn_detection=ServerVad(type="server_vad", create_response=False))
    stage.caller_turn()
    stage.wait(60)
    assert stage.creates == []


def test_a_response_without_sound_is_asked_for_again_once() -> None:
    stage = Stage()
    stage.caller_turn()
    for number in range(3):
        stage.feed(
            server_events.ResponseCreated(f"r{number}"),
            server_events.TranscriptDelta(f"r{number}", f"i{number}", "text"),
        )
        stage.feed(server_events.ResponseDone(f"r{number}", "completed"))
    assert len(stage.creates) == 1


def test_a_failed_response_is_asked_for_again_after_a_pause() -> None:
    stage = Stage(greeting="Hello.")
    stage.feed(Greet(), server_events.ResponseCreated("r1"))
    stage.feed(server_events.ResponseDone("r1", "failed", error_code="rate_limit_exceeded"))
    assert len(stage.creates) == 1
    stage.wait(1.1)
    assert len(stage.creates) == 2
    assert stage.creates[1]["response"] == stage.creates[0]["response"]


def test_responses_that_fail_and_fail_end_the_session() -> None:
    stage = Stage()
    stage.caller_turn()
    for number in range(ATTEMPTS):
        stage.feed(server_events.ResponseCreated(f"r{number}"))
        stage.feed(server_events.ResponseDone(f"r{number}", "failed", error_type="server_error", error_message="sorry"))
        stage.wait(4)
    assert [end.kind for end in stage.ended] == ["transient"]


def test_a_used_up_account_ends_the_session_at_once() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.feed(server_events.ResponseDone("r1", "failed", error_type="insufficient_quota"))
    assert [end.kind for end in stage.ended] == ["account"]


def test_an_expired_session_ends() -> None:
    stage = Stage()
    stage.feed(server_events.ServerError("", "session_expired", "60 minutes", "", ""))
    assert [end.kind for end in stage.ended] == ["transient"]


def test_errors_of_a_race_are_counted_and_others_noted() -> None:
    stage = Stage()
    stage.feed(server_events.ServerError("invalid_request_error", "response_cancel_not_active", "", "", "cancel_1"))
    stage.feed(
        server_events.ServerError("invalid_request_error", "", "is already shorter than 3760ms", "", "truncate_1")
    )
    assert (stage.conversation.parts.errors.benign_errors, stage.notes, stage.ended) == (2, [], [])
    stage.feed(server_events.ServerError("invalid_request_error", "unknown_parameter", "x", "session.x", ""))
    assert [(each.kind, each.code, "session.x" in each.detail) for each in stage.told_of(AiWarning)] == [
        ("server_error", "unknown_parameter", True)
    ]
    assert stage.ended == []


def test_after_the_end_nothing_happens() -> None:
    stage = Stage()
    stage.feed(server_events.ServerError("", "insufficient_quota", "", "", ""), Closing())
    before = list(stage.sent)
    stage.caller_turn()
    press_after = Digit("#")
    stage.feed(press_after)
    stage.wait(60)
    assert stage.sent == before
    assert len(stage.ended) == 1
    assert not stage.running(Timer.ANSWER)


def test_what_a_stuck_response_still_says_is_heard_until_it_is_given_up() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 200)
    stage.play(round((STUCK_S + 0.1) * 1000))
    assert len(stage.sent_of("response.cancel")) == 1
    stage.speak("r1", "i1", 200)  # it had only been slow
    stage.play(400)
    assert sum(frame is not None for frame in stage.frames) == 20
    stage.play(round(2 * CANCEL_S * 1000))
    stage.speak("r1", "i1", 200)
    stage.play(400)
    assert sum(frame is not None for frame in stage.frames) == 20
    assert stage.conversation.parts.responses.state is State.IDLE
