"""Every server event we use, in the GA shape that OpenAI's own types accept, and everything that is not one."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.session_values import values_of
from tests.openai_shapes import SERVER

SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime-2.1-mini",
    "expires_at": 1790000000,
    "output_modalities": ["audio"],
    "instructions": "Be short.",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "turn_detection": {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 300},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
    },
}
USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
CALL = {
    "id": "item_2",
    "object": "realtime.item",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "transfer",
    "arguments": '{"to":"sales"}',
}
DONE = {"object": "realtime.response", "id": "resp_1", "output": []}
QUOTA = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your quota."}
ON = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}

GA: list[tuple[dict[str, Any], server_events.Event]] = [
    (
        {"type": "session.created", "session": SESSION},
        server_events.SessionCreated("sess_1", "gpt-realtime-2.1-mini", 1790000000),
    ),
    (
        {"type": "session.updated", "session": SESSION},
        server_events.SessionUpdated("sess_1", "gpt-realtime-2.1-mini", 1790000000, values_of(SESSION)),
    ),
    (
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "code": "invalid_value",
                "message": "No.",
                "param": "session.voice",
                "event_id": "setup_1",
            },
        },
        server_events.ServerError("invalid_request_error", "invalid_value", "No.", "session.voice", "setup_1"),
    ),
    (
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 1000, "item_id": "item_u"},
        server_events.SpeechStarted("item_u", 1000),
    ),
    (
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 2000, "item_id": "item_u"},
        server_events.SpeechStopped("item_u", 2000),
    ),
    (
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "item_u",
            "content_index": 0,
            "transcript": "Hello",
            "usage": {"type": "duration", "seconds": 1.25},
        },
        server_events.CallerTranscribed("item_u", "Hello", {"transcription_ms": 1250}),
    ),
    (
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "item_u",
            "content_index": 0,
            "transcript": "Hello",
            "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 4, "total_tokens": 18},
        },
        server_events.CallerTranscribed("item_u", "Hello", {"transcription_input": 14, "transcription_output": 4}),
    ),
    (
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": "item_u",
            "content_index": 0,
            "error": {"type": "transcription_error", "code": "audio_unintelligible", "message": "?"},
        },
        server_events.TranscriptionFailed("item_u", "audio_unintelligible", "transcription_error", "?"),
    ),
    (
        {"type": "conversation.item.added", "item": CALL, "previous_item_id": "item_1"},
        server_events.ItemAdded("item_2"),
    ),
    (
        {"type": "response.created", "response": {**DONE, "status": "in_progress"}},
        server_events.ResponseCreated("resp_1"),
    ),
    (
        {"type": "response.done", "response": {**DONE, "status": "completed", "usage": USAGE}},
        server_events.ResponseDone(
            "resp_1",
            "completed",
            usage={
                "input_text": 119,
                "input_audio": 13,
                "input_cached_text": 60,
                "input_cached_audio": 4,
                "output_text": 30,
                "output_audio": 91,
                "total": 253,
            },
        ),
    ),
    (
        {
            "type": "response.done",
            "response": {
                **DONE,
                "status": "cancelled",
                "status_details": {"type": "cancelled", "reason": "turn_detected"},
            },
        },
        server_events.ResponseDone("resp_1", "cancelled", "turn_detected"),
    ),
    (
        {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 0, "item": CALL},
        server_events.ItemDone(
            "resp_1", "item_2", "function_call", "completed", "call_1", "transfer", '{"to":"sales"}'
        ),
    ),
    (
        {"type": "response.output_audio.delta", **ON, "delta": b64encode(b"\x01\x02\x03").decode()},
        server_events.AudioDelta("resp_1", "item_1", 0, b"\x01\x02\x03"),
    ),
    ({"type": "response.output_audio.done", **ON}, server_events.AudioDone("item_1")),
    (
        {"type": "response.output_audio_transcript.delta", **ON, "delta": "Hel"},
        server_events.TranscriptDelta("resp_1", "item_1", "Hel"),
    ),
    (
        {"type": "response.output_audio_transcript.done", **ON, "transcript": "Hello."},
        server_events.TranscriptDone("resp_1", "item_1", "Hello."),
    ),
    ({"type": "rate_limits.updated", "rate_limits": []}, server_events.Ignored("rate_limits.updated")),
    (
        {"type": "input_audio_buffer.committed", "item_id": "item_u", "previous_item_id": None},
        server_events.Ignored("input_audio_buffer.committed"),
    ),
    (
        {"type": "conversation.item.truncated", "item_id": "item_1", "content_index": 0, "audio_end_ms": 20},
        server_events.Ignored("conversation.item.truncated"),
    ),
    (
        {"type": "response.content_part.added", **ON, "part": {"type": "audio"}},
        server_events.Ignored("response.content_part.added"),
    ),
    (
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "item_id": "item_2",
            "output_index": 0,
            "call_id": "call_1",
            "name": "transfer",
            "arguments": "{}",
        },
        server_events.Ignored("response.function_call_arguments.done"),
    ),
]
IDS = [f"{number}-{frame['type']}" for number, (frame, _) in enumerate(GA)]


@pytest.mark.parametrize(("frame", "event"), GA, ids=IDS)
def test_ga_events(frame: dict[str, Any], event: server_events.Event) -> None:
    text = json.dumps({"event_id": "event_1", **frame})
    SERVER.validate_json(text)  # the example is one that OpenAI's own types accept
    assert server_events.parse(text) == event
    assert server_events.parse(text.encode()) == event


def test_why_a_response_failed() -> None:
    details = {"type": "failed", "error": QUOTA}
    frame = {"type": "response.done", "response": {**DONE, "status": "failed", "status_details": details}}
    done = server_events.parse(json.dumps(frame))
    assert isinstance(done, server_events.ResponseDone)
    assert (done.status, done.error_code, done.error_message) == ("failed", QUOTA["code"], QUOTA["message"])


@pytest.mark.parametrize(
    ("beta", "event"),
    [
        (
            {"type": "response.audio.delta", **ON, "delta": "AAA="},
            server_events.AudioDelta("resp_1", "item_1", 0, b"\0\0"),
        ),
        ({"type": "response.audio.done", **ON}, server_events.AudioDone("item_1")),
        (
            {"type": "response.audio_transcript.delta", **ON, "delta": "a"},
            server_events.TranscriptDelta("resp_1", "item_1", "a"),
        ),
        (
            {"type": "response.audio_transcript.done", **ON, "transcript": "a"},
            server_events.TranscriptDone("resp_1", "item_1", "a"),
        ),
        ({"type": "response.text.delta", **ON, "delta": "a"}, server_events.Text("resp_1", "item_1")),
        ({"type": "response.text.done", **ON, "text": "a"}, server_events.Text("resp_1", "item_1", "a")),
        ({"type": "response.cancelled", "response": {"id": "r", "status": "cancelled"}}, None),
        ({"type": "conversation.item.created", "item": {"id": "i"}}, server_events.ItemAdded("i")),
    ],
    ids=lambda each: each["type"] if isinstance(each, dict) else "",
)
def test_beta_names_are_aliases(beta: dict[str, Any], event: server_events.Event | None) -> None:
    assert server_events.parse(json.dumps(beta)) == (event or server_events.ResponseDone("r", "cancelled"))


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        ({"type": "session.created"}, server_events.SessionCreated("", "", None)),
        ({"type": "session.updated", "session": {"audio": None}}, server_events.SessionUpdated("", "", None)),
        ({"type": "error"}, server_events.ServerError("", "", "", "", "")),
        ({"type": "input_audio_buffer.speech_started"}, server_events.SpeechStarted("", None)),
        ({"type": "response.done", "response": {"id": "r"}}, server_events.ResponseDone("r", "completed")),
        (
            {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": ""},
            server_events.AudioDelta("r", "i", 0, b""),
        ),
        (
            {"type": "response.done", "response": {"id": "r", "usage": {"total_tokens": float("nan")}}},
            server_events.ResponseDone("r", "completed"),
        ),
        ({"type": "response.something_new"}, server_events.Unknown("response.something_new")),
    ],
    ids=lambda each: each["type"] if isinstance(each, dict) else "",
)
def test_what_is_optional_may_be_missing(frame: dict[str, Any], event: server_events.Event) -> None:
    assert server_events.parse(json.dumps(frame)) == event


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "null",
        '"session.created"',
        "{}",
        '{"type": 3}',
        b"\xff\xfe",
        b"\x80",
        '{"type": "response.created"}',
        '{"type": "response.done", "response": {"status": "completed"}}',
        '{"type": "response.output_audio.delta", "item_id": "i", "delta": "AAA="}',
        '{"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "not base64"}',
        '{"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "AA\\u00e9="}',
        '{"type": "conversation.item.added", "item": []}',
        "[" * 100_000,
    ],
    ids=lambda frame: repr(frame)[:40],
)
def test_what_is_no_event_is_malformed(frame: str | bytes) -> None:
    assert isinstance(server_events.parse(frame), server_events.Malformed)


NAMES = st.sampled_from(sorted({frame["type"] for frame, _ in GA} | {"response.audio.delta", "new"}))
KEYS = st.sampled_from(["session", "response", "item", "error", "usage", "delta", "item_id", "response_id", "id"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text("ab1=", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(NAMES, st.dictionaries(KEYS, JSON))
def test_nothing_makes_the_parser_raise(name: str, fields: dict[str, Any]) -> None:
    server_events.parse(json.dumps({**fields, "type": name}))


@given(st.binary(max_size=80))
def test_no_bytes_make_the_parser_raise(frame: bytes) -> None:
    server_events.parse(frame)


@pytest.mark.parametrize("value", ["1", "{}", "[]", '""', "null"])
def test_a_frame_of_very_many_values_is_not_decoded(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = (
        '{"type": "rate_limits.updated", "rate_limits": [' + f"{value}," * server_events.MOST_COMMAS + f"{value}, 1]}}"
    )
    late = "all calls of the worker would wait for it"
    monkeypatch.setattr("bridge.realtime.protocol.json_fields.json.loads", lambda _: pytest.fail(late))
    assert (
        server_events.parse(frame)
        == server_events.parse(frame.encode())
        == server_events.Malformed("", "has too many values")
    )


def test_a_number_of_very_many_digits_is_no_number() -> None:
    parsed = server_events.parse('{"type":"session.created","session":{"id":"s","expires_at":%s}}' % ("9" * 5000))
    assert parsed == server_events.SessionCreated("s", "", None)
