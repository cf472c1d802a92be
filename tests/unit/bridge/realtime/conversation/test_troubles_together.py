"""Two troubles at once: the line breaks during a hold or last words, doubts meet orders, remote tools meet all."""

from collections.abc import Callable

import pytest

from bridge.contract import Hold, NoInput, Said, WrapUp, WrapUpDone
from bridge.realtime.conversation import prompts
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.conversation.inputs import ConnectionLost, Digit, Greet, Input, ToolAnswered
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage, connection_opened

SPEECH, SILENCE = server_events.SpeechStarted("u", 0), server_events.SpeechStopped("u", 0)
BACK = connection_opened()
ON, OFF = Hold(call="call", on=True), Hold(call="call", on=False)
NOTE = Hold(call="call", on=False, note="Nobody answered.")
WRAP_UP = WrapUp(call="call", text="Time is up.", why="max_length")


def said_last(stage: Stage) -> int:
    return sum("Time is up." in create["response"].get("instructions", "") for create in stage.creates)


def deaf(stage: Stage) -> bool:
    return not stage.server_answers


# ---------------------------------------------------------------- the line is lost during a hold


def idle(stage: Stage) -> None:
    stage.reply("r1", "i1", 100)
    stage.play(200)


def speaking(stage: Stage) -> None:
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 1000)
    stage.play(200)


def asked(stage: Stage) -> None:
    stage.feed(Digit("#"))


def caller_waits(stage: Stage) -> None:
    stage.caller_turn()


def caller_speaks(stage: Stage) -> None:
    stage.feed(SPEECH)


@pytest.mark.parametrize(
    ("before", "goes_on"), [(idle, 0), (speaking, 1), (asked, 1), (caller_waits, 1), (caller_speaks, 1)]
)
@pytest.mark.parametrize("order", ["hold lost back", "lost hold back", "hold lost", "lost back hold"])
def test_a_line_that_is_lost_during_a_hold(before: Callable[[Stage], None], goes_on: int, order: str) -> None:
    """Nothing is asked during the hold, whatever the line does; afterwards once, if the caller waits for something."""
    stage = Stage()
    before(stage)
    steps: dict[str, Input] = {"hold": ON, "lost": ConnectionLost(), "back": BACK}
    for step in order.split():
        stage.feed(steps[step])
    asked_before = len(stage.creates)
    stage.play(3000)
    assert len(stage.creates) == asked_before
    assert deaf(stage)
    stage.feed(OFF)
    if "back" not in order:
        assert len(stage.creates) == asked_before
        stage.feed(BACK)
    stage.play(7000)
    assert (len(stage.creates) > asked_before) == bool(goes_on) or order == "lost back hold"
    assert not deaf(stage)


def test_a_note_is_told_after_a_hold_in_which_the_line_was_lost() -> None:
    stage = Stage()
    stage.feed(ON, ConnectionLost(), BACK, NOTE)
    assert len(stage.creates) == 1


def test_a_tool_is_answered_through_hold_and_loss() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(ON, ConnectionLost(), ToolAnswered("c1", "out"), BACK)
    assert stage.outputs == [("c1", "out")]
    assert stage.creates == []
    stage.feed(OFF)
    assert len(stage.creates) == 1


# ---------------------------------------------------------------- the line is lost during last words


def test_last_words_that_were_asked_for_are_asked_for_again() -> None:
    stage = Stage()
    stage.feed(WRAP_UP, ConnectionLost(), BACK)
    assert said_last(stage) == 2
    stage.reply("r1", "i1", 500)
    stage.play(900)
    assert len(stage.told_of(WrapUpDone)) == 1


def test_last_words_that_were_cut_off_are_said_again() -> None:
    stage = Stage()
    stage.feed(WRAP_UP, server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 300, "Time is")
    stage.play(100)
    stage.feed(ConnectionLost(), BACK)
    stage.play(1000)
    assert stage.told_of(WrapUpDone) == []
    assert said_last(stage) == 2
    stage.reply("r2", "i2", 500, "Time is up.")
    stage.play(900)
    assert len(stage.told_of(WrapUpDone)) == 1


def test_last_words_that_only_have_to_be_played_are_not_said_again() -> None:
    stage = Stage()
    stage.feed(WRAP_UP)
    stage.reply("r1", "i1", 1000, "Time is up.")
    stage.play(100)
    stage.feed(ConnectionLost(), BACK)
    stage.play(800)
    assert stage.told_of(WrapUpDone) == []
    stage.play(400)
    assert said_last(stage) == 1
    assert len(stage.told_of(WrapUpDone)) == 1
    assert [said.text for said in stage.told_of(Said)] == ["Time is up."]


@pytest.mark.parametrize("when", ["before", "after"])
def test_last_words_end_without_a_line(when: str) -> None:
    stage = Stage()
    stage.feed(*((ConnectionLost(), WRAP_UP) if when == "before" else (WRAP_UP, ConnectionLost())))
    stage.wait(10.1)
    assert len(stage.told_of(WrapUpDone)) == 1
    stage.feed(BACK)
    assert said_last(stage) == (when == "after")  # nothing is asked of a new line when it is over


# ---------------------------------------------------------------- last words and a hold


def test_last_words_end_a_hold() -> None:
    stage = Stage()
    speaking(stage)
    stage.feed(ON, server_events.ResponseDone("r1", "cancelled"), WRAP_UP)
    assert said_last(stage) == 1
    stage.feed(OFF, NOTE, ON)  # too late for all of that
    stage.reply("r2", "i2", 500)
    assert stage.tick() is not None
    stage.play(900)
    assert len(stage.creates) == 1
    assert len(stage.told_of(WrapUpDone)) == 1
    assert deaf(stage)


def test_last_words_wait_for_the_response_that_the_hold_cut() -> None:
    stage = Stage()
    speaking(stage)
    stage.feed(ON, WRAP_UP)
    assert stage.creates == []
    stage.feed(server_events.ResponseDone("r1", "cancelled"))
    assert said_last(stage) == 1


@pytest.mark.parametrize("cut", [True, False])
def test_a_hold_gives_up_the_goodbye_of_the_idle_ladder(cut: bool) -> None:
    stage = Stage(no_input=NoInput(after_s=3, prompts=(), goodbye="Bye."))
    stage.feed(Greet())
    stage.play(3100)
    if cut:
        stage.feed(server_events.ResponseCreated("r1"))
        stage.speak("r1", "i1", 500)
        stage.play(100)
    stage.feed(ON)
    stage.feed(server_events.ResponseDone("r1", "cancelled"), OFF)
    stage.play(2000)
    assert stage.told_of(WrapUpDone) == []


# ---------------------------------------------------------------- a hold during a doubt


@pytest.mark.parametrize("stops", [True, False])
def test_a_hold_makes_a_doubt_needless(stops: bool) -> None:
    stage = Stage(min_speech_ms=200)
    stage.reply("r1", "i1", 5000, "one two")
    stage.play(100)
    stage.feed(SPEECH)
    assert stage.running(Timer.COUNTS)
    stage.feed(ON)
    assert not stage.running(Timer.COUNTS)
    assert stage.taken_back == [("i1", 100)]
    stage.feed(*[SILENCE] * stops, OFF)
    assert len(stage.creates) == 1
    assert stage.conversation.parts.interruption_filter.false_barge_ins == 0
    stage.reply("r2", "i2", 100, "Yes?")
    stage.play(300)
    assert not stage.timers


# ---------------------------------------------------------------- a doubt about the goodbye


def saying_goodbye(min_speech_ms: int) -> Stage:
    """Half a second of goodbye, of which 300 ms have been played."""
    stage = Stage(no_input=NoInput(after_s=3, prompts=(), goodbye="Bye."), min_speech_ms=min_speech_ms)
    stage.feed(Greet())
    stage.play(3100)
    stage.reply("r1", "i1", 500)
    stage.play(300)
    return stage


@pytest.mark.parametrize(
    ("lasts_ms", "goes_on"),
    [
        (100, True),  # over before the goodbye is: it did not interrupt
        (300, False),  # the goodbye ended first, so these words are a turn
        (460, False),
        (900, False),
    ],
)
def test_speech_into_the_goodbye_when_short_speech_does_not_count(lasts_ms: int, goes_on: bool) -> None:
    stage = saying_goodbye(min_speech_ms=200)
    stage.feed(SPEECH)
    stage.play(lasts_ms)
    assert stage.told_of(WrapUpDone) == []
    stage.feed(SILENCE)
    stage.play(2500)
    assert len(stage.told_of(WrapUpDone)) == goes_on
    told = [frame for frame in stage.sent_of("conversation.item.create") if prompts.CALLER_SPOKE_UP in str(frame)]
    assert len(told) == (not goes_on)


def test_who_goes_on_speaking_into_the_goodbye_is_not_hung_up_on() -> None:
    stage = saying_goodbye(min_speech_ms=2000)
    stage.feed(SPEECH)
    stage.play(10_000)
    assert stage.told_of(WrapUpDone) == []
    assert not stage.conversation.parts.closing.active


# ---------------------------------------------------------------- tools that the server calls by itself


def after_remote_tool(stage: Stage, *, spoke: bool = False) -> None:
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.feed(server_events.RemoteTool(over=False), server_events.RemoteTool(over=True))
    stage.feed(server_events.ItemDone("r1", "m1", "mcp_call", "completed"))
    if spoke:
        stage.speak("r1", "i1", 100, "It is noon.", done=True)
    stage.feed(server_events.ResponseDone("r1", "completed"))


@pytest.mark.parametrize(
    ("follows", "asked_for"),
    [
        ((), 1),  # nothing: we ask, after a while
        (
            (server_events.ResponseCreated("r2"), server_events.ResponseDone("r2", "completed")),
            1,
        ),  # empty: asked for again
        ((SPEECH,), 0),  # the caller goes first
        ((SPEECH, SILENCE), 1),  # and is not answered
        ((Digit("#"),), 1),  # one answer to both
        ((ConnectionLost(), BACK), 1),
        ((ON,), 0),
        ((ON, OFF), 1),
        ((WRAP_UP,), 1),  # the last words, and nothing else
        ((server_events.CallerIdle(),), 1),
    ],
)
def test_what_follows_a_remote_tool(follows: tuple[server_events.Event, ...], asked_for: int) -> None:
    stage = Stage()
    after_remote_tool(stage)
    assert stage.creates == []
    stage.feed(*follows)
    if not stage.creates:
        stage.wait(5.5)
    stage.wait(1)
    assert len(stage.creates) == asked_for
    assert stage.ended == []


def test_the_server_goes_on_after_its_tool_and_is_not_asked() -> None:
    stage = Stage()
    after_remote_tool(stage)
    stage.reply("r2", "i2", 200, "It is noon.")
    stage.play(7000)
    assert stage.creates == []
    assert stage.told_of(Said)[0].text == "It is noon."
    assert not stage.timers


def test_a_response_that_spoke_after_its_remote_tool_is_the_answer() -> None:
    stage = Stage()
    after_remote_tool(stage, spoke=True)
    stage.play(7000)
    assert stage.creates == []


def test_a_remote_tool_beside_one_of_ours_is_answered_once() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"), server_events.ItemDone("r1", "m1", "mcp_call", "completed"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(server_events.ResponseDone("r1", "completed"), ToolAnswered("c1", "out"))
    stage.wait(5.5)
    assert len(stage.creates) == 1
