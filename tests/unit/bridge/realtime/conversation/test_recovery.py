"""A conversation whose line breaks: what is asked again, what is not, and that nothing hangs."""

import pytest
from hypothesis import given, strategies as st

from bridge.contract import Said, ToolCalled
from bridge.realtime.conversation import inputs
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.conversation.inputs import ConnectionLost
from bridge.realtime.conversation.responses import State
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage, connection_opened

BACK = connection_opened()
GREETING = "Good morning, how can I help?"


def created(stage: Stage) -> int:
    return len(stage.creates)


def test_nobody_spoke_so_nothing_is_asked() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 200, "hello")
    stage.play(300)
    stage.feed(ConnectionLost(), BACK)
    stage.wait(60)
    assert stage.creates == []
    assert not stage.timers


def test_nothing_is_asked_while_there_is_no_line() -> None:
    stage = Stage()
    stage.feed(ConnectionLost(), inputs.Digit("#"))
    stage.wait(60)
    assert stage.creates == []
    stage.feed(BACK)
    assert created(stage) == 1


def test_a_reply_that_was_cut_off_is_played_and_then_gone_on_with() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 1000, "one two three four five six seven eight nine ten eleven twelve")
    stage.feed(ConnectionLost(), BACK)
    assert stage.creates == []
    stage.play(980)
    assert stage.creates == []
    stage.play(40)
    assert created(stage) == 1
    [said] = stage.told_of(Said)
    assert said.interrupted
    assert said.heard_ms == 1000
    assert said.text == "one two three"


def test_a_reply_that_was_complete_is_not_gone_on_with() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.reply("r1", "i1", 1000, "hello")
    stage.feed(ConnectionLost(), BACK)
    stage.play(1200)
    assert stage.creates == []
    assert not stage.told_of(Said)[0].interrupted


def test_the_caller_who_waits_is_answered() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(ConnectionLost())
    assert not stage.timers
    stage.feed(BACK)
    assert created(stage) == 1


def test_the_caller_who_was_speaking_is_heard_out_first() -> None:
    stage = Stage()
    stage.feed(server_events.SpeechStarted("u1", 0), ConnectionLost(), BACK)
    assert stage.creates == []
    stage.feed(
        server_events.SpeechStarted("u2", 0), server_events.SpeechStopped("u2", 0), server_events.ResponseCreated("r1")
    )
    stage.wait(10)
    assert stage.creates == []
    stage = Stage()
    stage.feed(server_events.SpeechStarted("u1", 0), ConnectionLost(), BACK)
    stage.wait(6)  # nothing more was heard of the caller
    assert created(stage) == 1


@pytest.mark.parametrize(("milliseconds", "again"), [(0, True), (300, True), (1500, False)])
def test_the_greeting(milliseconds: int, again: bool) -> None:
    stage = Stage(greeting=GREETING)
    stage.feed(inputs.Greet(), server_events.ResponseCreated("r1"))
    if milliseconds:
        stage.speak("r1", "i1", milliseconds, GREETING)
    stage.play(60)
    stage.feed(ConnectionLost(), BACK)
    stage.play(2000)
    assert created(stage) == (2 if again else 1)
    assert all(GREETING in create["response"]["instructions"] for create in stage.creates)
    heard = sum(frame is not None for frame in stage.frames) * 20
    assert heard == (min(milliseconds, 60) if again else milliseconds)


def test_a_request_that_was_on_its_way_is_sent_again() -> None:
    stage = Stage()
    stage.feed(inputs.Digit("#"), ConnectionLost())
    assert not stage.running(Timer.REQUEST)
    stage.feed(BACK)
    assert created(stage) == 2


def test_a_tool_goes_on_and_its_answer_is_reacted_to_once() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(ConnectionLost(), BACK)
    stage.play(100)
    assert stage.creates == []
    stage.feed(inputs.ToolAnswered("c1", "42"))
    assert stage.outputs == [("c1", "42")]
    assert created(stage) == 1
    assert len(stage.told_of(ToolCalled)) == 1


def test_a_goodbye_that_plays_still_leads_to_its_tool() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 500, "goodbye", done=True)
    stage.tool("r1", "c1", "hang_up")
    stage.feed(ConnectionLost())
    assert stage.told_of(ToolCalled) == []
    stage.play(900)
    assert len(stage.told_of(ToolCalled)) == 1


STEPS = st.lists(
    st.sampled_from(
        ["speech", "silence", "created", "sound", "done", "tool", "answer", "digit", "lost", "back", "play"]
    ),
    max_size=40,
)


@given(STEPS)
def test_wherever_it_breaks_nothing_is_sent_meanwhile_and_nothing_hangs(steps: list[str]) -> None:
    stage = Stage()
    down, response = False, ""
    for number, step in enumerate(steps):
        asked = created(stage)
        match step:
            case "lost":
                stage.feed(ConnectionLost())
                down, response = True, ""
            case "back":
                stage.feed(BACK)
                down = False
            case "play":
                stage.play(200)
            case "digit":
                stage.feed(inputs.Digit("#"))
            case "answer":
                stage.feed(inputs.ToolAnswered("c1", "42"))
            case _ if not down:
                response = from_server(stage, step, number, response)
        assert not down or created(stage) == asked
    stage.feed(ConnectionLost(), BACK)
    if stage.conversation.parts.responses.state is State.REQUESTED:
        stage.reply("last", "last", 100, "bye")
    stage.play(5000)
    stage.feed(inputs.ToolAnswered("c1", "42"))
    if not stage.ended:
        stage.wait(1)
        assert stage.conversation.parts.responses.state in (State.IDLE, State.REQUESTED, State.ACTIVE)
        assert not stage.conversation.parts.connection.lost_at


def from_server(stage: Stage, step: str, number: int, response: str) -> str:
    """One event of a server that has its own mind. Returns the running response."""
    match step:
        case "speech":
            stage.feed(server_events.SpeechStarted(f"u{number}", 0))
        case "silence":
            stage.feed(server_events.SpeechStopped(f"u{number}", 0))
        case "created" if not response:
            stage.feed(server_events.ResponseCreated(f"r{number}"))
            return f"r{number}"
        case "sound" if response:
            stage.speak(response, f"i{number}", 100, "word word")
        case "tool" if response:
            stage.tool(response, "c1", "look_up")
        case "done" if response:
            stage.feed(server_events.ResponseDone(response, "completed"))
            return ""
    return response
