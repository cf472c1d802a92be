"""Each frame in each dialect, and where it goes to."""

from typing import Any

import pytest
from pydantic import SecretStr

from bridge.contract import NoiseReduction, Provider, SemanticVad, ServerVad, SessionSpec, Transcription
from bridge.realtime.protocol import client_events
from bridge.realtime.protocol.client_events import (
    ClientEvent,
    FunctionOutput,
    ItemCreate,
    ItemTruncate,
    Message,
    ResponseCreate,
    encode,
)
from bridge.realtime.protocol.dialects import DIALECTS, adapt, dialect_of, endpoint, max_session_s


def provider(dialect: str, **more: Any) -> Provider:
    return Provider(**({"api_key": SecretStr("key"), "dialect": dialect} | more))


def spec(**more: Any) -> SessionSpec:
    fields: dict[str, Any] = {
        "agent": "a",
        "provider": provider("openai"),
        "instructions": "be kind",
        "turn_detection": ServerVad(idle_timeout_ms=6000),
        "noise_reduction": NoiseReduction(type="near_field"),
        "transcription": Transcription(model="t"),
        "reasoning_effort": "low",
        "max_output_tokens": 100,
        "speed": 1.1,
    }
    return SessionSpec(**(fields | more))


def told(event: ClientEvent, to: Provider) -> Any:
    return adapt(encode(event), to)


def session(dialect: str, **more: Any) -> dict[str, Any]:
    frame: dict[str, Any] = told(client_events.session_update("e", spec(**more)), provider(dialect))
    assert frame["event_id"] == "e"
    update: dict[str, Any] = frame["session"]
    return update


def test_every_dialect_of_the_contract_is_known() -> None:
    names = Provider.model_fields["dialect"].annotation.__args__  # type: ignore[union-attr]
    assert set(names) == set(DIALECTS)


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_ga_is_spoken_as_it_is(dialect: str) -> None:
    event = encode(client_events.session_update("e", spec()))
    assert adapt(event, provider(dialect)) is event


def test_a_model_that_does_not_reason_is_not_asked_to() -> None:
    frame = client_events.session_update("e", spec())
    update = told(frame, provider("openai", model="gpt-realtime-1.5"))["session"]
    assert "reasoning" not in update
    assert update["max_output_tokens"] == 100


def test_the_flat_session_of_the_beta() -> None:
    assert session("openai-beta") == {
        "modalities": ["audio", "text"],
        "instructions": "be kind",
        "voice": "marin",
        "speed": 1.1,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": "t"},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.7,
            "prefix_padding_ms": 500,
            "silence_duration_ms": 300,
            "create_response": True,
            "interrupt_response": True,
        },
        "max_response_output_tokens": 100,
    }


def test_voice_and_turn_detection_at_the_top() -> None:
    update = session("xai", voice="Ara")
    pcm = {"format": {"type": "audio/pcm", "rate": 24000}}
    assert update == {
        "instructions": "be kind",
        "voice": "Ara",
        "audio": {"input": pcm, "output": pcm},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.7,
            "prefix_padding_ms": 500,
            "silence_duration_ms": 300,
            "create_response": True,
        },
    }
    assert "voice" not in session("xai")  # marin is OpenAI's
    assert session("xai", turn_detection=SemanticVad(type="semantic_vad"))["turn_detection"] == {"type": "server_vad"}


@pytest.mark.parametrize("dialect", ["xai", "openai-beta"])
def test_a_small_update_stays_small(dialect: str) -> None:
    update = told(client_events.turn_detection_update("e", spec(), True, True), provider(dialect))["session"]
    assert list(update) == ["turn_detection"]


def test_the_other_frames_of_the_beta() -> None:
    beta = provider("openai-beta")
    item = told(ItemCreate("e", Message("i", "assistant", "hello")), beta)["item"]
    assert item["content"] == [{"type": "text", "text": "hello"}]
    item = told(ItemCreate("e", Message("i", "user", "hello")), beta)["item"]
    assert item["content"] == [{"type": "input_text", "text": "hello"}]
    assert told(ItemCreate("e", FunctionOutput("i", "c", "42")), beta)["item"]["output"] == "42"
    assert told(ResponseCreate("e", "say hello"), beta)["response"] == {"instructions": "say hello"}
    assert told(ItemTruncate("e", "i", 0, 10), beta)["audio_end_ms"] == 10


def test_who_cannot_truncate_is_not_asked_to() -> None:
    assert told(ItemTruncate("e", "i", 0, 10), provider("xai")) is None
    assert told(ResponseCreate("e"), provider("xai"))["type"] == "response.create"


ENDPOINTS = [
    ("openai", "wss://h/v1/realtime", "wss://h/v1/realtime?model=m", {"Authorization": "Bearer key"}),
    ("azure", "wss://r.openai.azure.com", "wss://r.openai.azure.com/openai/v1/realtime?model=m", {"api-key": "key"}),
    ("azure", "wss://h/openai/v1/realtime", "wss://h/openai/v1/realtime?model=m", {"api-key": "key"}),
    ("xai", "wss://api.x.ai", "wss://api.x.ai/v1/realtime?model=m", {"Authorization": "Bearer key"}),
    (
        "openai-beta",
        "ws://h/v1/realtime?a=b",
        "ws://h/v1/realtime?a=b&model=m",
        {"Authorization": "Bearer key", "OpenAI-Beta": "realtime=v1"},
    ),
]


@pytest.mark.parametrize(("dialect", "url", "whole", "headers"), ENDPOINTS)
def test_endpoints(dialect: str, url: str, whole: str, headers: dict[str, str]) -> None:
    assert endpoint(provider(dialect, url=url, model="m")) == (whole, headers)
    extra = {"X-Project": "p"}
    assert endpoint(provider(dialect, url=url, model="m", headers=extra)) == (whole, headers | extra)


def test_limits_of_a_connection() -> None:
    assert dialect_of(provider("openai")).max_session_s == 3600
    assert dialect_of(provider("xai")).max_session_s == 1800
    assert max_session_s(provider("xai")) == 1800.0
    assert max_session_s(provider("xai", max_session_s=600)) == 600


@pytest.mark.parametrize("dialect", ["xai", "openai-beta"])
def test_what_does_not_change_is_not_sent(dialect: str) -> None:
    update = client_events.SessionUpdate("e", {"instructions": "be kind"})
    assert told(update, provider(dialect))["session"] == {"instructions": "be kind"}
