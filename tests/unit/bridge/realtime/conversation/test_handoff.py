"""Another agent in the middle of a call, who is heard meanwhile, what the model is told: on stage."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.contract import (
    AddMessage,
    FunctionTool,
    Hold,
    Mute,
    NoInput,
    NoiseReduction,
    Provider,
    Said,
    ServerVad,
    Speak,
    SwitchAgent,
    ToolCalled,
    Transcription,
    WrapUp,
)
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.conversation.handoff import needs_new_connection
from bridge.realtime.conversation.inputs import Digit, Greet
from bridge.realtime.conversation.user_speech import UNWRITTEN
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import LOOK_UP, Stage, make_spec

BOOK = FunctionTool(name="book", description="Book a table.", parameters={"type": "object"})
ON, OFF = Hold(call="call", on=True), Hold(call="call", on=False)


def switch(**spec: Any) -> SwitchAgent:
    return SwitchAgent(call="call", spec=make_spec(**spec))


def changes(stage: Stage) -> list[dict[str, Any]]:
    return [frame["session"] for frame in stage.sent_of("session.update")]


# ---------------------------------------------------------------- another agent


def test_the_server_gets_the_new_agent_and_loses_what_the_old_one_had() -> None:
    stage = Stage(noise_reduction=NoiseReduction(type="near_field"), transcription=Transcription(), max_output_tokens=9)
    stage.feed(switch(instructions="You are Ann.", tools=()))
    (told,) = changes(stage)
    assert (told["instructions"], told["tools"], told["max_output_tokens"]) == ("You are Ann.", [], "inf")
    assert (told["audio"]["input"]["noise_reduction"], told["audio"]["input"]["transcription"]) == (None, None)
    assert "output" not in told["audio"], "a voice that has spoken can't be changed, and is refused"


def test_only_the_new_agents_tools_run() -> None:
    stage = Stage()
    stage.feed(Greet(), switch(tools=(BOOK,)), server_events.SpeechStarted("u", 0), server_events.SpeechStopped("u", 0))
    stage.tool("r1", "c1", "book")
    stage.tool("r1", "c2", LOOK_UP.name)
    assert [each.name for each in stage.told_of(ToolCalled)] == ["book"]


def test_a_tool_of_the_old_agent_that_runs_is_answered() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.tool("r1", "c1", LOOK_UP.name)
    stage.feed(switch(tools=(BOOK,)))
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.wait(30)
    assert [call for call, _ in stage.outputs] == ["c1"]


def test_what_is_being_said_is_said_to_its_end() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.reply("r1", "i1", 400)
    stage.play(100)
    stage.feed(switch(instructions="You are Ann."))
    stage.play(300)
    assert (stage.taken_back, stage.playout.idle) == ([], True)


def test_an_order_to_speak_repeats_the_new_instructions() -> None:
    stage = Stage(instructions="You are Bob.")
    stage.feed(switch(instructions="You are Ann."), Speak(call="call", text="Say hello.", exact=False))
    asked = stage.creates[0]["response"]["instructions"]
    assert "Ann" in asked
    assert "Bob" not in asked


def test_how_the_agent_listens_changes_too() -> None:
    stage = Stage()
    stage.feed(switch(min_speech_ms=300, no_input=NoInput(after_s=3), turn_detection=ServerVad(threshold=0.3)))
    ears = changes(stage)[0]["audio"]["input"]["turn_detection"]
    assert (ears["threshold"], ears["interrupt_response"], ears["create_response"]) == (0.3, False, False)
    assert stage.conversation.parts.turn_detection.we_answer
    stage.feed(Greet())
    assert stage.running(Timer.IDLE)


def test_a_hold_stays_a_hold() -> None:
    stage = Stage()
    stage.feed(ON, switch(instructions="You are Ann."))
    ears = changes(stage)[-1]["audio"]["input"]["turn_detection"]
    assert (ears["interrupt_response"], ears["create_response"]) == (False, False)
    stage.feed(OFF)
    assert changes(stage)[-1]["audio"]["input"]["turn_detection"]["create_response"]


def test_whose_words_they_are_is_settled_when_they_begin() -> None:
    """Texts come late: the caller's in the consultation, the target's when the caller is back."""
    stage = Stage(transcription=Transcription())
    stage.feed(server_events.SpeechStarted("caller", 0), server_events.SpeechStopped("caller", 0))
    stage.feed(ON, switch(consultation=True), OFF, server_events.CallerTranscribed("caller", "Mr Smith, please.", {}))
    stage.reply("r1", "announced", 200, "A caller for you.")
    stage.play(400)
    stage.feed(server_events.SpeechStarted("target", 0), server_events.SpeechStopped("target", 0))
    stage.reply("r2", "thanks", 200, "Not now? Well.")
    stage.feed(ON, switch(), OFF, server_events.CallerTranscribed("target", "Not now.", {}))
    stage.play(400)
    stage.feed(server_events.CallerTranscribed("later", "Hello?", {}))
    told = {said.item: said.consultation for said in stage.told_of(Said)}
    assert told == {"caller": False, "announced": True, "target": True, "later": False}


def test_of_turns_without_a_text_only_the_latest_are_remembered() -> None:
    stage = Stage(consultation=True)
    stage.feed(*(server_events.SpeechStarted(f"u{number}", 0) for number in range(UNWRITTEN + 1)), switch())
    stage.feed(server_events.CallerTranscribed("u0", "long ago", {}), server_events.CallerTranscribed("u1", "Yes.", {}))
    assert [said.consultation for said in stage.told_of(Said)] == [False, True]


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ({"instructions": "Other."}, False),
        ({"tools": (BOOK,)}, False),
        ({"turn_detection": ServerVad(threshold=0.1)}, False),
        ({"voice": "cedar"}, True),
        ({"speed": 1.2}, True),
        ({"reasoning_effort": "low"}, True),
        ({"provider": Provider(api_key="sk-other")}, True),
    ],
)
def test_what_a_session_cannot_change_needs_a_new_line(change: dict[str, Any], needed: bool) -> None:
    assert needs_new_connection(make_spec(), make_spec(**change)) is needed


# ---------------------------------------------------------------- mute


@pytest.mark.parametrize(("caller", "agent"), [(True, False), (False, True), (True, True)])
def test_a_silence_by_choice_does_not_lead_up_the_ladder(caller: bool, agent: bool) -> None:
    stage = Stage(no_input=NoInput(after_s=3))
    stage.feed(Greet())
    assert stage.running(Timer.IDLE)
    stage.feed(Mute(call="call", caller=caller, agent=agent))
    assert not stage.running(Timer.IDLE)
    stage.feed(Mute(call="call", caller=False, agent=False))
    assert stage.running(Timer.IDLE)


def test_the_agent_does_not_know_that_it_is_muted() -> None:
    stage = Stage()
    stage.feed(Mute(call="call", caller=True, agent=True))
    assert (stage.sent, stage.conversation.parts.commands.sends_silence) == ([], True)


def test_mute_and_hold_do_not_end_each_other() -> None:
    stage = Stage()
    stage.feed(Mute(call="call", caller=True, agent=False), ON, OFF)
    assert stage.conversation.parts.commands.sends_silence
    stage.feed(ON, Mute(call="call", caller=False, agent=False))
    assert stage.conversation.parts.commands.sends_silence
    stage.feed(OFF)
    assert not stage.conversation.parts.commands.sends_silence


# ---------------------------------------------------------------- say and inform


def test_what_is_to_be_said_on_hold_is_said_when_it_ends() -> None:
    stage = Stage()
    stage.feed(ON, Speak(call="call", text="Thank you for waiting."))
    assert stage.creates == []
    stage.feed(OFF)
    assert "Thank you for waiting." in stage.creates[0]["response"]["instructions"]


def test_the_model_is_told_and_not_asked() -> None:
    stage = Stage()
    stage.feed(AddMessage(call="call", text="Somebody has joined."))
    (item,) = [frame["item"] for frame in stage.sent_of("conversation.item.create")]
    assert (item["role"], item["content"][0]["text"]) == ("system", "Somebody has joined.")
    assert stage.creates == []
    stage.feed(AddMessage(call="call", text="Nobody answered.", respond=True))
    assert len(stage.creates) == 1


def test_nothing_is_asked_for_during_last_words() -> None:
    stage = Stage()
    stage.feed(WrapUp(call="call", text="Goodbye.", why="max_length"))
    asked = len(stage.creates)
    stage.feed(AddMessage(call="call", text="Nobody answered.", respond=True), Speak(call="call", text="Wait."))
    assert len(stage.creates) == asked


def test_keys_on_which_the_new_controller_acts_are_not_told_to_the_model() -> None:
    stage = Stage()
    stage.feed(Greet(), switch(digit_actions=("0",)), Digit("0"))
    stage.wait(5)
    assert stage.sent_of("conversation.item.create") == []


# ---------------------------------------------------------------- in any order

AGENTS = [
    {"instructions": "You are Ann.", "tools": ()},
    {"instructions": "You are Bob.", "min_speech_ms": 300, "no_input": NoInput(after_s=5)},
    {"instructions": "You are Cem.", "turn_detection": ServerVad(interrupt_response=False), "tools": (BOOK,)},
]
HAPPENS = st.one_of(
    st.sampled_from([ON, OFF, Greet(), AddMessage(call="call", text="x", respond=True), Speak(call="call", text="y")]),
    st.builds(Mute, call=st.just("call"), caller=st.booleans(), agent=st.booleans()),
    st.builds(lambda change: switch(**change), st.sampled_from(AGENTS)),
    st.sampled_from(
        [
            server_events.SpeechStarted("u", 0),
            server_events.SpeechStopped("u", 0),
            server_events.SessionUpdated("s", "m", None),
        ]
    ),
)


@given(st.lists(HAPPENS, max_size=20), st.sampled_from(AGENTS))
def test_after_whatever_happened_the_server_has_the_agent_as_it_is(story: list[Any], last: dict[str, Any]) -> None:
    stage = Stage()
    for what in (*story, switch(**last), OFF, Mute(call="call", caller=False, agent=False)):
        stage.feed(what)
    has: dict[str, Any] = {}
    for change in changes(stage):
        has |= change
    told = has["audio"]["input"]["turn_detection"]
    fresh = Stage(**last)
    want = fresh.conversation.parts.turn_detection.setup().session
    assert (has["instructions"], has["tools"]) == (want["instructions"], want.get("tools", []))
    assert told == want["audio"]["input"]["turn_detection"]
    assert stage.conversation.parts.commands.talking
