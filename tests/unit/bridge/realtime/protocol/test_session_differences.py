"""What a server made of a session: what matters of it, what is worth a line, and what is no difference."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import SecretStr

from bridge.contract import FunctionTool, McpServer, NoiseReduction, Provider, SemanticVad, SessionSpec, Transcription
from bridge.realtime.protocol import client_events, dialects
from bridge.realtime.protocol.client_events import encode
from bridge.realtime.protocol.session_differences import MOST_UNANSWERED, NOT_TOLD, Difference, Requested
from bridge.realtime.protocol.session_values import values_of
from simulator.realtime import session_config
from simulator.realtime.session_schema import SessionUpdateBody

TOOLS = tuple(
    FunctionTool(name=name, description="d", parameters={"type": "object"}) for name in ("hang_up", "look_up")
)
CRM = McpServer(server_label="crm", server_url="https://example.com/mcp", allowed_tools=("find",))


def spec_of(**more: Any) -> SessionSpec:
    provider = Provider(api_key=SecretStr("sk-test"), dialect=more.pop("dialect", "openai"))
    return SessionSpec(
        **{
            "agent": "a",
            "provider": provider,
            "instructions": "Be  brief.\n",
            "tools": TOOLS,
            "mcp": (CRM,),
            "transcription": Transcription(language="en"),
            "noise_reduction": NoiseReduction(type="near_field"),
            "speed": 1.2,
            "reasoning_effort": "low",
            "max_output_tokens": 1000,
        }
        | more
    )


def effective(spec: SessionSpec, interrupt: bool = True, create: bool = True) -> dict[str, Any]:
    """What the strict stand-in says of this session."""
    asked = client_events.session_update("s", spec, interrupt, create).session
    body = SessionUpdateBody.model_validate_json(json.dumps(asked))
    return session_config.updated(session_config.defaults("sess", spec.provider.model, 1), body, audio_spoken=False)


def found(spec: SessionSpec, session: dict[str, Any], interrupt: bool = True, create: bool = True) -> list[Difference]:
    requested = Requested(spec.provider)
    setup = client_events.session_update("s", spec, interrupt, create)
    requested.sent(dialects.adapt(encode(setup), spec.provider) or {})
    return list(requested.answered(values_of(session)))


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(session: dict[str, Any]) -> None:
        *above, last = path.split(".")
        place = session
        for key in above:
            place = place[key]
        place[last] = value

    return change


def drop(path: str) -> Callable[[dict[str, Any]], None]:
    def change(session: dict[str, Any]) -> None:
        *above, last = path.split(".")
        place = session
        for key in above:
            place = place[key]
        del place[last]

    return change


HEARD, SAID = "audio.input", "audio.output"
ESSENTIAL: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "input at 16 kHz": (put(f"{HEARD}.format", {"type": "audio/pcm", "rate": 16000}), "input_format"),
    "output at 16 kHz": (put(f"{SAID}.format.rate", 16000), "output_format"),
    "output at 8 kHz": (put(f"{SAID}.format", {"type": "audio/pcm", "rate": 8000.0}), "output_format"),
    "input is µ-law": (put(f"{HEARD}.format", {"type": "audio/pcmu"}), "input_format"),
    "output is A-law, told as a name": (put(f"{SAID}.format", "g711_alaw"), "output_format"),
    "output is something else": (put(f"{SAID}.format", {"type": "audio/opus"}), "output_format"),
    "no turn detection": (put(f"{HEARD}.turn_detection", None), "turn_detection"),
    "turn detection of no type": (put(f"{HEARD}.turn_detection", {"type": None}), "turn_detection"),
    "turn detection switched off by name": (put(f"{HEARD}.turn_detection", {"type": "none"}), "turn_detection"),
    "no tools": (put("tools", []), "tools"),
    "tools are null": (put("tools", None), "tools"),
    "a tool is missing": (lambda session: session["tools"].pop(0), "tools"),
    "another tool": (put("tools", [{"type": "function", "name": "other"}]), "tools"),
    "no tool may be called": (put("tool_choice", "none"), "tool_choice"),
    "text only": (put("output_modalities", ["text"]), "modalities"),
    "no instructions": (put("instructions", " \n"), "instructions"),
}


@pytest.mark.parametrize(("change", "name"), ESSENTIAL.values(), ids=ESSENTIAL)
def test_what_no_call_can_do_with(change: Callable[[dict[str, Any]], None], name: str) -> None:
    spec = spec_of()
    session = effective(spec)
    change(session)
    essential = [each for each in found(spec, session) if each.essential]
    assert [each.name for each in essential] == [name]
    assert essential[0].again
    assert essential[0].asked not in ("", essential[0].effective)


WARNINGS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "voice": (put(f"{SAID}.voice", "cedar"), "voice: asked marin, in force cedar"),
    "voice by id": (put(f"{SAID}.voice", {"id": "voice_1"}), "voice: asked marin, in force voice_1"),
    "model": (put("model", "gpt-realtime-2.1"), "model: asked gpt-realtime-2.1-mini, in force gpt-realtime-2.1"),
    "no transcription": (put(f"{HEARD}.transcription", None), "transcription: asked gpt-transcribe, in force off"),
    "transcription is not told": (
        drop(f"{HEARD}.transcription"),
        f"transcription: asked gpt-transcribe, in force {NOT_TOLD}",
    ),
    "other transcription": (
        put(f"{HEARD}.transcription.model", "whisper-1"),
        "transcription: asked gpt-transcribe, in force whisper-1",
    ),
    "other language": (put(f"{HEARD}.transcription.language", "de"), "transcription.language: asked en, in force de"),
    "no MCP server": (lambda session: session["tools"].pop(), "mcp: asked crm, in force none"),
    "tools that can't be read": (put("tools", [{"a": 1}]), f"tools: asked hang_up look_up, in force {NOT_TOLD}"),
    "tools are not told": (drop("tools"), f"tools: asked hang_up look_up, in force {NOT_TOLD}"),
    "turn detection is not told": (
        drop(f"{HEARD}.turn_detection"),
        f"turn_detection: asked server_vad, in force {NOT_TOLD}",
    ),
    "by meaning": (
        put(f"{HEARD}.turn_detection", {"type": "semantic_vad", "eagerness": "low"}),
        "turn_detection: asked server_vad, in force semantic_vad",
    ),
    "silence": (
        put(f"{HEARD}.turn_detection.silence_duration_ms", 900),
        "turn_detection.silence_duration_ms: asked 300, in force 900",
    ),
    "answers by itself": (
        put(f"{HEARD}.turn_detection.create_response", False),
        "turn_detection.create_response: asked on, in force off",
    ),
    "noise": (put(f"{HEARD}.noise_reduction", None), "noise_reduction: asked near_field, in force off"),
    "speed": (put(f"{SAID}.speed", 1.0), "speed: asked 1.2, in force 1"),
    "tokens": (put("max_output_tokens", "inf"), "max_output_tokens: asked 1,000, in force inf"),
    "effort": (put("reasoning.effort", "high"), "reasoning: asked low, in force high"),
    "tools must be called": (put("tool_choice", "required"), "tool_choice: asked auto, in force required"),
    "instructions": (put("instructions", "Be rude to +4930123."), "instructions: asked ours, in force others"),
}


@pytest.mark.parametrize(("change", "told"), WARNINGS.values(), ids=WARNINGS)
def test_what_is_worth_a_line(change: Callable[[dict[str, Any]], None], told: str) -> None:
    spec = spec_of()
    session = effective(spec)
    change(session)
    differences = found(spec, session)
    assert told in map(str, differences)
    assert not any(each.essential for each in differences)


NOTHING: dict[str, Callable[[dict[str, Any]], object]] = {
    "nothing": lambda session: None,
    "a dated model": put("model", "gpt-realtime-2.1-mini-2026-09-01"),
    "a model in a folder": put("model", "openai/GPT-realtime-2.1-mini"),
    "a rate that is not told": put(f"{SAID}.format", {"type": "audio/pcm"}),
    "a rate that is null": put(f"{HEARD}.format.rate", None),
    "the old name of PCM": put(f"{HEARD}.format", "pcm16"),
    "a rounded number": put(f"{HEARD}.turn_detection.threshold", 0.699999988079071),
    "whole numbers as floats": put(f"{HEARD}.turn_detection.silence_duration_ms", 300.0),
    "voice as an object": put(f"{SAID}.voice", {"id": "marin"}),
    "voice in capitals": put(f"{SAID}.voice", "Marin"),
    "both modalities": put("output_modalities", ["text", "audio"]),
    "more tools": lambda session: session["tools"].append({"type": "function", "name": "end_session"}),
    "tools in the old shape": put(
        "tools",
        [{"type": "function", "function": {"name": each}} for each in ("look_up", "hang_up")]
        + [{"type": "mcp", "server_label": "crm", "server_url": "https://example.com"}],
    ),
    "instructions with other spaces": put("instructions", "Be brief."),
    "its own additions": put(f"{HEARD}.turn_detection.idle_timeout_ms", 6000),
    "logprobs and more": put("include", ["item.input_audio_transcription.logprobs"]),
    "transcription without its model": drop(f"{HEARD}.transcription.model"),
    "dated transcription": put(f"{HEARD}.transcription.model", "gpt-transcribe-2026-05-01"),
    "no audio at all": drop("audio"),
    "an odd audio": put("audio", [1, "x"]),
    "odd types": lambda session: session.update(
        tools=7, tool_choice=[], instructions=3, model={}, output_modalities="x"
    ),
}


@pytest.mark.parametrize("change", NOTHING.values(), ids=NOTHING)
def test_what_is_no_difference(change: Callable[[dict[str, Any]], None]) -> None:
    spec = spec_of()
    session = effective(spec)
    change(session)
    assert found(spec, session) == []


def test_a_server_that_tells_little_is_believed() -> None:
    assert found(spec_of(), {"id": "sess_1", "model": "gpt-realtime-2.1-mini"}) == []
    assert found(spec_of(), {}) == []


@pytest.mark.parametrize("interrupt", [True, False])
@pytest.mark.parametrize("create", [True, False])
def test_the_stand_in_differs_in_nothing(interrupt: bool, create: bool) -> None:
    for more in ({}, {"turn_detection": SemanticVad(type="semantic_vad")}, {"tools": (), "mcp": ()}):
        spec = spec_of(**more)
        assert found(spec, effective(spec, interrupt, create), interrupt, create) == []


def test_meaning_taken_automatically_is_medium() -> None:
    spec = spec_of(turn_detection=SemanticVad(type="semantic_vad"))
    session = effective(spec)
    session["audio"]["input"]["turn_detection"]["eagerness"] = "medium"
    assert found(spec, session) == []
    session["audio"]["input"]["turn_detection"]["eagerness"] = "low"
    assert [each.name for each in found(spec, session)] == ["turn_detection.eagerness"]


def test_a_voice_of_ones_own_is_told_by_its_id() -> None:
    session = effective(spec_of())
    spec = spec_of(voice="voice_1")
    for told in ("voice_1", {"id": "voice_1"}, {"id": "voice_1", "name": "Ann"}):
        session["audio"]["output"]["voice"] = told
        assert found(spec, session) == []


def test_azure_calls_a_model_by_its_deployment() -> None:
    spec = spec_of(dialect="azure")
    session = effective(spec)
    session["model"] = "gpt-realtime-2"
    assert found(spec, session) == []


@pytest.mark.parametrize("dialect", ["xai", "openai-beta"])
def test_other_shapes_are_read(dialect: str) -> None:
    """A server that gives back what it was sent; and one that gives back something else."""
    spec = spec_of(dialect=dialect, voice="Ara")
    sent = (dialects.adapt(encode(client_events.session_update("s", spec)), spec.provider) or {})["session"]
    assert found(spec, sent) == []
    flat = dialect == "openai-beta"
    wrong = copy.deepcopy(sent) | {"turn_detection": None, "voice": "Eve", "tools": []}
    if flat:
        wrong |= {"input_audio_format": "g711_ulaw", "input_audio_transcription": None, "modalities": ["text"]}
    else:
        wrong["audio"]["output"]["format"]["rate"] = 16000
    names = {each.name for each in found(spec, wrong)}
    assert names >= {"turn_detection", "voice", "tools"}
    assert names >= ({"input_format", "transcription", "modalities"} if flat else {"output_format"})


def test_no_difference_tells_instructions_or_is_long() -> None:
    spec = spec_of(instructions="The caller is Ann. " * 50)
    session = effective(spec)
    session["instructions"] = "The caller is Bob. " * 50
    session["audio"]["output"]["voice"] = "v" * 5000
    told = "; ".join(map(str, found(spec, session)))
    assert "caller" not in told
    assert len(told) < 300


def test_only_the_answer_to_the_latest_update_counts() -> None:
    spec = spec_of()
    requested = Requested(spec.provider)
    requested.sent(encode(client_events.session_update("s1", spec)))
    requested.answered(values_of(effective(spec)))
    deaf, again = (
        encode(client_events.turn_detection_update(name, spec, on, on)) for name, on in (("s2", False), ("s3", True))
    )
    requested.sent(deaf)
    requested.sent(again)
    assert requested.answered(values_of(effective(spec, False, False))) == ()
    assert requested.answered(values_of(effective(spec))) == ()
    assert [each.name for each in requested.answered(values_of(effective(spec, False, True)))] == [
        "turn_detection.interrupt_response"
    ]
    requested.sent(deaf)
    requested.refused("s2")
    assert requested.answered(values_of(effective(spec))) == ()


def test_another_agents_wishes_take_the_place_of_the_former_ones() -> None:
    old, new = (
        spec_of(),
        spec_of(transcription=None, tools=TOOLS[:1], mcp=(), turn_detection=SemanticVad(type="semantic_vad")),
    )
    requested = Requested(old.provider)
    requested.sent(encode(client_events.session_update("s1", old)))
    requested.answered(values_of(effective(old)))
    requested.sent(encode(client_events.session_change("s2", old, new, True, True)))
    session = effective(old) | {"tools": effective(new)["tools"]}
    session["audio"]["input"] |= {"turn_detection": {"type": "semantic_vad"}, "transcription": None}
    assert requested.answered(values_of(session)) == ()
    session["audio"]["input"]["transcription"] = {"model": "whisper-1"}
    assert [str(each) for each in requested.answered(values_of(session))] == [
        "transcription: asked off, in force whisper-1"
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    "audio",
    "tools",
    "tool_choice",
    "turn_detection",
    "voice",
    "instructions",
    "model",
    "output_modalities",
    "speed",
)


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON), st.dictionaries(st.sampled_from(["format", "voice", "speed"]), JSON)
)
def test_whatever_a_server_says_can_be_compared(session: dict[str, Any], ends: dict[str, Any]) -> None:
    for told in (session, {**session, "audio": {"input": ends, "output": ends}}):
        for each in found(spec_of(), told):
            assert len(str(each)) < 250


def test_what_is_sent_besides_updates_is_not_waited_for() -> None:
    assert Requested(spec_of().provider).sent({"type": "response.create", "event_id": "e"}) == ""


def test_updates_that_a_server_does_not_answer_are_not_kept_for_ever() -> None:
    requested = Requested(spec_of().provider)
    for number in range(MOST_UNANSWERED + 5):
        requested.sent({"type": "session.update", "event_id": f"e{number}", "session": {"instructions": str(number)}})
    assert len(requested._unanswered) == MOST_UNANSWERED
