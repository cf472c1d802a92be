"""Every frame that we can send, against OpenAI's own types, with unknown keys refused."""

import json
from base64 import b64decode
from typing import Any

import pydantic
import pytest
from hypothesis import given, strategies as st

from bridge.contract import (
    FunctionTool,
    McpServer,
    NoiseReduction,
    Provider,
    SemanticVad,
    ServerVad,
    SessionSpec,
    Transcription,
)
from bridge.realtime.protocol import client_events
from bridge.realtime.protocol.client_events import (
    ClientEvent,
    FunctionOutput,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    Message,
    ResponseCancel,
    ResponseCreate,
    encode,
)
from tests.openai_shapes import check_client


def checked(event: ClientEvent) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(json.dumps(encode(event)))
    check_client(raw)
    return raw


def spec(model: str = "gpt-realtime-2.1-mini", **more: Any) -> SessionSpec:
    provider = Provider(api_key=pydantic.SecretStr("sk-test"), model=model)
    return SessionSpec(agent="reception", provider=provider, instructions="Sei kurz – très bref.", **more)


def test_a_plain_session() -> None:
    assert checked(client_events.session_update("setup_1", spec())) == {
        "type": "session.update",
        "event_id": "setup_1",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "Sei kurz – très bref.",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.7,
                        "prefix_padding_ms": 500,
                        "silence_duration_ms": 300,
                        "create_response": True,
                        "interrupt_response": True,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
            },
        },
    }


def test_a_session_with_every_knob() -> None:
    tool = FunctionTool(name="hang_up", description="End it.", parameters={"type": "object"}, after_speech=True)
    full = spec(
        voice="voice_abc",
        turn_detection=SemanticVad(type="semantic_vad", eagerness="low"),
        noise_reduction=NoiseReduction(type="far_field"),
        transcription=Transcription(language="en"),
        speed=1.2,
        reasoning_effort="low",
        max_output_tokens=1000,
        tools=(tool,),
    )
    session = checked(client_events.session_update("setup_1", full, interrupt=False))["session"]
    ears, mouth = session["audio"]["input"], session["audio"]["output"]
    assert ears["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": False,
    }
    assert ears["noise_reduction"] == {"type": "far_field"}
    assert ears["transcription"] == {"model": "gpt-transcribe", "language": "en"}
    assert mouth["voice"] == {"id": "voice_abc"}
    assert mouth["speed"] == 1.2
    assert session["reasoning"] == {"effort": "low"}
    assert session["max_output_tokens"] == 1000
    assert session["tool_choice"] == "auto"
    assert session["tools"] == [
        {"type": "function", "name": "hang_up", "description": "End it.", "parameters": {"type": "object"}}
    ]


@pytest.mark.parametrize(
    ("model", "reasons"),
    [("gpt-realtime-2", True), ("gpt-realtime-2.1", True), ("gpt-realtime-1.5", False), ("gpt-realtime", False)],
)
def test_reasoning_is_only_told_to_models_that_reason(model: str, reasons: bool) -> None:
    session = checked(client_events.session_update("s", spec(model, reasoning_effort="low")))["session"]
    assert ("reasoning" in session) is reasons


def test_idle_timeout_is_only_told_when_set() -> None:
    vad = ServerVad(type="server_vad", idle_timeout_ms=6000)
    session = checked(client_events.session_update("s", spec(turn_detection=vad)))["session"]
    assert session["audio"]["input"]["turn_detection"]["idle_timeout_ms"] == 6000


def test_unprotecting_changes_the_turn_detection_only() -> None:
    session = checked(client_events.turn_detection_update("s", spec(), True, True))["session"]
    assert list(session) == ["type", "audio"]
    assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is True


CONTROL: list[ClientEvent] = [
    ResponseCreate("e"),
    ResponseCreate("e", instructions='Say "Grüß Gott".', tool_choice="none"),
    ResponseCancel("e", "resp_1"),
    ItemTruncate("e", "item_1", 0, 1500),
    ItemDelete("e", "item_1"),
    ItemCreate("e", Message("item_9", "user", "[DTMF] 123#")),
    ItemCreate("e", FunctionOutput("item_9", "call_1", '{"ok": true}')),
]


@pytest.mark.parametrize("event", CONTROL, ids=lambda event: event.type)
def test_control_events(event: ClientEvent) -> None:
    assert checked(event)["event_id"] == "e"


def test_the_secrets_of_a_session_are_in_no_repr() -> None:
    secret = McpServer(
        server_label="m",
        server_url="https://m",
        allowed_tools=(),
        authorization=pydantic.SecretStr("key-1"),
        headers={"X-Key": "key-2"},
    )
    update = client_events.session_update("s", spec(mcp=(secret,)))
    for key in ("key-1", "key-2"):
        assert key in json.dumps(encode(update))
        assert key not in repr(update)


@given(st.binary(max_size=2000))
def test_caller_audio(pcm: bytes) -> None:
    assert b64decode(json.loads(client_events.audio_append(pcm))["audio"]) == pcm
