"""The client shapes against OpenAI's types: the same fields everywhere; what is refused, and in which words."""

import copy
import typing
from typing import Any

import pydantic
import pytest
from hypothesis import given, strategies as st
from openai.types import realtime as theirs

from simulator.realtime import client_event_schema, session_schema
from simulator.realtime.errors import Refusal, check
from tests.openai_shapes import check_client

PAIRS = [
    (client_event_schema.SessionUpdate, theirs.SessionUpdateEvent),
    (session_schema.SessionUpdateBody, theirs.RealtimeSessionCreateRequest),
    (client_event_schema.Append, theirs.InputAudioBufferAppendEvent),
    (client_event_schema.Commit, theirs.InputAudioBufferCommitEvent),
    (client_event_schema.Clear, theirs.InputAudioBufferClearEvent),
    (client_event_schema.OutputClear, theirs.OutputAudioBufferClearEvent),
    (client_event_schema.ItemCreate, theirs.ConversationItemCreateEvent),
    (client_event_schema.ItemRetrieve, theirs.ConversationItemRetrieveEvent),
    (client_event_schema.ItemTruncate, theirs.ConversationItemTruncateEvent),
    (client_event_schema.ItemDelete, theirs.ConversationItemDeleteEvent),
    (client_event_schema.ResponseCreate, theirs.ResponseCreateEvent),
    (client_event_schema.ResponseBody, theirs.RealtimeResponseCreateParams),
    (client_event_schema.ResponseCancel, theirs.ResponseCancelEvent),
    (client_event_schema.SystemMessage, theirs.RealtimeConversationItemSystemMessage),
    (client_event_schema.UserMessage, theirs.RealtimeConversationItemUserMessage),
    (client_event_schema.AssistantMessage, theirs.RealtimeConversationItemAssistantMessage),
    (client_event_schema.FunctionCall, theirs.RealtimeConversationItemFunctionCall),
    (client_event_schema.FunctionCallOutput, theirs.RealtimeConversationItemFunctionCallOutput),
    (client_event_schema.McpApprovalResponse, theirs.RealtimeMcpApprovalResponse),
    (session_schema.FunctionTool, theirs.RealtimeFunctionTool),
    (session_schema.AudioInput, theirs.RealtimeAudioConfigInput),
    (session_schema.AudioOutput, theirs.RealtimeAudioConfigOutput),
    (session_schema.Transcription, theirs.AudioTranscription),
    (session_schema.RetentionRatio, theirs.RealtimeTruncationRetentionRatio),
]
STORED_PROMPT = {"prompt"}


@pytest.mark.parametrize(("mine", "other"), PAIRS, ids=lambda model: model.__name__)
def test_each_shape_has_the_fields_that_openai_types_have(
    mine: type[pydantic.BaseModel], other: type[pydantic.BaseModel]
) -> None:
    left_out = STORED_PROMPT if mine in (session_schema.SessionUpdateBody, client_event_schema.ResponseBody) else set()
    assert set(mine.model_fields) == set(other.model_fields) - left_out


def models_in(annotation: Any) -> set[type[pydantic.BaseModel]]:
    """The models that an annotation names, at any depth of unions and lists."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return {annotation}
    return {model for each in typing.get_args(annotation) for model in models_in(each)}


def fields_below(model: type[pydantic.BaseModel]) -> set[str]:
    """Names of all fields of a model and of those within it."""
    inner = (each for field in model.model_fields.values() for each in models_in(field.annotation))
    return set(model.model_fields).union(*(fields_below(each) for each in inner))


UNIONS: dict[str, tuple[Any, Any]] = {
    "tool": (session_schema.Tool, theirs.RealtimeToolsConfigUnion),
    "vad": (
        session_schema.AudioInput.model_fields["turn_detection"].annotation,
        theirs.RealtimeAudioInputTurnDetection,
    ),
    "tool_choice": (session_schema.ToolChoice, theirs.RealtimeToolChoiceConfig),
    "tracing": (session_schema.Tracing, theirs.RealtimeTracingConfig),
}


@pytest.mark.parametrize("name", UNIONS)
def test_unions_hold_the_fields_that_openai_types_hold(name: str) -> None:
    found, wanted = (set[str]().union(*(fields_below(each) for each in models_in(side))) for side in UNIONS[name])
    assert found == wanted
    assert found


FULL: dict[str, Any] = {
    "type": "session.update",
    "event_id": "cfg-1",
    "session": {
        "type": "realtime",
        "model": "gpt-realtime-2.1-mini",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "near_field", "strength": 0.5},
                "transcription": {"model": "gpt-transcribe", "language": "en"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.7,
                    "prefix_padding_ms": 500,
                    "silence_duration_ms": 300,
                    "idle_timeout_ms": 5000,
                    "create_response": True,
                    "interrupt_response": False,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
        },
        "tools": [
            {"type": "function", "name": "hang_up", "description": "Ends.", "parameters": {"type": "object"}},
            {"type": "mcp", "server_label": "crm", "server_url": "https://x", "require_approval": "never"},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
        "max_output_tokens": 4096,
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8}},
        "tracing": None,
        "include": ["item.input_audio_transcription.logprobs"],
    },
}
MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
GOOD: list[dict[str, Any]] = [
    FULL,
    {"type": "session.update", "session": {"type": "realtime", "tool_choice": {"type": "function", "name": "x"}}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"voice": {"id": "voice_1"}}}}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear", "event_id": "c"},
    {"type": "conversation.item.create", "previous_item_id": "root", "item": MESSAGE},
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "call_1", "output": "{}"}},
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    },
    {"type": "conversation.item.retrieve", "item_id": "i"},
    {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 20},
    {"type": "conversation.item.delete", "item_id": "i"},
    {"type": "response.create"},
    {
        "type": "response.create",
        "response": {"conversation": "none", "input": [MESSAGE], "metadata": {"a": "b"}, "tool_choice": "none"},
    },
    {"type": "response.cancel", "response_id": "r"},
]


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: frame["type"])
def test_what_openai_types_accept_is_accepted(frame: dict[str, Any]) -> None:
    check_client(frame)
    check(frame)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where the objects are in a frame; not inside free-form ones."""
    if isinstance(value, list):
        return [each for place, item in enumerate(value) for each in paths(item, (*path, place))]
    if not isinstance(value, dict) or (path and path[-1] in ("parameters", "metadata", "headers")):
        return []
    below = [each for name, item in value.items() for each in paths(item, (*path, name))]
    return [path, *below]


def dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


PLACES = [(frame, path) for frame in GOOD for path in paths(frame)]


@given(st.sampled_from(PLACES), st.sampled_from(["temperature", "modalities", "meta", "name_", "hidden"]))
def test_an_unknown_field_anywhere_is_refused_by_its_path(
    place: tuple[dict[str, Any], tuple[str | int, ...]], name: str
) -> None:
    frame, path = copy.deepcopy(place[0]), place[1]
    target: Any = frame
    for step in path:
        target = target[step]
    target[name] = 1
    with pytest.raises(Refusal) as refused:
        check(frame)
    assert (refused.value.code, refused.value.param) == ("unknown_parameter", dotted((*path, name)))


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def vad(**fields: Any) -> dict[str, Any]:
    return session(audio={"input": {"turn_detection": {"type": "server_vad", **fields}}})


VAD = "session.audio.input.turn_detection"
BAD: list[tuple[Any, str, str]] = [
    ({"type": "session.update", "session": {"instructions": "x"}}, "missing_required_parameter", "session.type"),
    ({"type": "session.update"}, "missing_required_parameter", "session"),
    ({}, "missing_required_parameter", "type"),
    ([], "invalid_type", ""),
    ({"type": "response.go"}, "invalid_value", "type"),
    ({"type": "session.update", "session": {"type": "transcription"}}, "invalid_value", "session.type"),
    (
        session(audio={"input": {"format": {"type": "audio/pcm"}}}),
        "missing_required_parameter",
        "session.audio.input.format.rate",
    ),
    (
        session(audio={"output": {"format": {"type": "audio/pcm", "rate": 16000}}}),
        "invalid_value",
        "session.audio.output.format.rate",
    ),
    (
        session(audio={"input": {"format": {"type": "audio/pcmu", "rate": 8000}}}),
        "unknown_parameter",
        "session.audio.input.format.rate",
    ),
    (session(audio={"input": {"format": "pcm16"}}), "invalid_type", "session.audio.input.format"),
    (session(output_modalities=["text", "audio"]), "invalid_value", "session.output_modalities"),
    (session(audio={"output": {"voice": "bob"}}), "invalid_value", "session.audio.output.voice"),
    (session(audio={"output": {"speed": 2.0}}), "decimal_above_max_value", "session.audio.output.speed"),
    (session(max_output_tokens=0), "integer_below_min_value", "session.max_output_tokens"),
    (session(instructions=5), "invalid_type", "session.instructions"),
    (session(tools=[{"type": "function"}]), "missing_required_parameter", "session.tools[0].name"),
    (session(tools=[{"name": "x"}]), "missing_required_parameter", "session.tools[0].type"),
    (session(tool_choice="always"), "invalid_value", "session.tool_choice"),
    (vad(threshold=1.5), "decimal_above_max_value", f"{VAD}.threshold"),
    (vad(idle_timeout_ms=100), "integer_below_min_value", f"{VAD}.idle_timeout_ms"),
    (vad(silence_duration_ms=-1), "integer_below_min_value", f"{VAD}.silence_duration_ms"),
    (session(audio={"input": {"turn_detection": {"type": "none"}}}), "invalid_value", f"{VAD}.type"),
    ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
    (
        {"type": "conversation.item.create", "item": {"type": "message", "content": []}},
        "missing_required_parameter",
        "item.role",
    ),
    (
        {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1.5},
        "invalid_type",
        "audio_end_ms",
    ),
]


@pytest.mark.parametrize(("frame", "code", "param"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_refusals_name_their_parameter(frame: Any, code: str, param: str) -> None:
    with pytest.raises(Refusal) as refused:
        check(frame)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_audio_of_more_than_15_mib_is_refused() -> None:
    with pytest.raises(Refusal, match="too long") as refused:
        check({"type": "input_audio_buffer.append", "audio": "A" * (client_event_schema.APPEND_LIMIT + 1)})
    assert refused.value.code == "string_above_max_length"
