"""Every frame that we can send, against OpenAI's own types, with unknown keys refused."""

import json
from base64 import b64decode
from typing import Any

import pydantic
import pytest
from hypothesis import given, strategies as st

from bridge.contract import FunctionTool, NoiseReduction, Provider, SemanticVad, ServerVad, SessionSpec, Transcription
from bridge.realtime.protocol import client_events
from tests.openai_shapes import check_client


def checked(frame: bytes) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(frame)
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


CONTROL = [
    client_events.response_create("e"),
    client_events.response_create("e", instructions='Say "Grüß Gott".', tool_choice="none"),
    client_events.response_cancel("e", "resp_1"),
    client_events.item_truncate("e", "item_1", 0, 1500),
    client_events.item_delete("e", "item_1"),
    client_events.user_text("e", "item_9", "[DTMF] 123#"),
    client_events.tool_output("e", "item_9", "call_1", '{"ok": true}'),
]


@pytest.mark.parametrize("frame", CONTROL, ids=lambda frame: json.loads(frame)["type"])
def test_control_frames(frame: bytes) -> None:
    assert checked(frame)["event_id"] == "e"


@given(st.binary(max_size=2000))
def test_caller_audio(pcm: bytes) -> None:
    assert b64decode(checked(client_events.audio_append(pcm))["audio"]) == pcm
