"""What a model sends, of any shape, until it would be told: nothing breaks, and all of it can be encoded and stored."""

import json
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from bridge import contract
from bridge.common.strict_json import MOST_CHARACTERS, well_formed
from bridge.contract import Said, ToolCalled
from bridge.realtime.conversation.history import History
from bridge.realtime.protocol import event_names, server_events
from bridge.realtime.protocol.client_events import encode
from bridge.realtime.protocol.json_fields import LONGEST_TEXT
from tests.unit.bridge.realtime.conversation.stage import Stage

TEXTS = st.text(st.characters(exclude_categories=()), max_size=12) | st.text("\ud83d\ude00\0a ", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
KINDS = (*server_events._BUILDERS, *event_names.ALIASES, "response.content_part.added", "never.heard.of", "\ud83d")
PARTS = {"session": JSON, "response": JSON, "item": JSON, "error": JSON, "usage": JSON, "part": JSON}
NAMES = (
    "item_id",
    "response_id",
    "delta",
    "transcript",
    "id",
    "call_id",
    "name",
    "arguments",
    "message",
    "code",
    "status",
)
FIELDS = st.dictionaries(st.sampled_from(NAMES), TEXTS | JSON)
EVENTS = st.builds(
    lambda kind, flat, inner, whole: {"type": kind, **flat, **dict.fromkeys(PARTS, whole or inner)},
    st.sampled_from(KINDS),
    FIELDS,
    FIELDS,
    JSON,
)


def encodable(value: Any) -> bool:
    return json.dumps(value, ensure_ascii=False).encode() is not None


@given(EVENTS)
@example({"type": "response.output_audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": "\ud83d"})
@example({"type": "session.created", "session": {"expires_at": 10**4000}})
def test_every_text_of_an_event_can_be_encoded(raw: dict[str, Any]) -> None:
    event = server_events.parse(json.dumps(raw))
    for name in event.__dataclass_fields__:
        value = getattr(event, name)
        if isinstance(event, server_events.TranscriptDelta) and name == "delta":
            value = well_formed(value)
        if isinstance(value, str):
            assert encodable(value)
            assert "\0" not in value


@given(
    st.binary(max_size=60)
    | st.binary(max_size=30).map(lambda junk: b'{"type":"error","error":{"code":"' + junk + b'"}}')
)
def test_bytes_of_any_kind_are_one_event(frame: bytes) -> None:
    assert isinstance(server_events.parse(frame), server_events.Event)


@given(st.lists(EVENTS, max_size=8))
def test_whatever_a_model_says_what_is_told_can_be_decoded(raws: list[dict[str, Any]]) -> None:
    stage, memory = Stage(), History()
    for raw in raws:
        event = server_events.parse(json.dumps(raw))
        memory.heard(event)
        stage.feed(event)
        stage.tick()
    for told in stage.told:
        number, again = contract.decode_numbered(contract.encode_numbered(1, told))
        assert (number, again) == (1, told)
    assert all(json.dumps(encode(event), ensure_ascii=False).encode() for event in memory.replay(dropped=True))


def delta(text: str) -> server_events.Event:
    raw = {"type": "response.output_audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": text}
    return server_events.parse(json.dumps(raw))


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        (["Hi \ud83d", "\ude00 there"], "Hi 😀 there"),
        (["\ud83d", "", "\ude00"], "😀"),
        (["a\ud83d", "\ud83d\ude00"], "a\ufffd😀"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["\ude00a", "b\ud83d"], "\ufffdab\ufffd"),
        (["a\0", "\0b"], "a\ufffd\ufffdb"),
    ],
)
def test_a_character_cut_in_two_comes_out_whole(pieces: list[str], wanted: str) -> None:
    stage = Stage()
    stage.feed(
        server_events.ResponseCreated("r"), *map(delta, pieces), server_events.AudioDelta("r", "i", 0, bytes(960 * 10))
    )
    stage.play(100)
    assert encodable(stage.conversation.parts.transcript.saying())
    stage.feed(server_events.AudioDone("i"), server_events.ResponseDone("r", "completed"))
    stage.play(200)
    assert [said.text for said in stage.told_of(Said)] == [wanted]


def test_words_without_end_are_bounded() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r"), server_events.AudioDelta("r", "i", 0, bytes(48 * 20_000)))
    for number in range(300):
        stage.feed(server_events.TranscriptDelta("r", "i", "word " * 200, number % 100))
    stage.feed(server_events.AudioDone("i"), server_events.ResponseDone("r", "completed"))
    stage.play(20_100)
    (said,) = stage.told_of(Said)
    assert 200 < len(said.text) <= LONGEST_TEXT


@pytest.mark.parametrize("figure", [10**12, -5, 1e300, float("nan"), float("inf"), 10**30, True, "7"])
def test_a_figure_of_use_that_cannot_be_is_not_believed(figure: Any) -> None:
    usage = {"input_token_details": {"text_tokens": figure, "audio_tokens": 7}}
    event = server_events.parse(json.dumps({"type": "response.done", "response": {"id": "r", "usage": usage}}))
    assert isinstance(event, server_events.ResponseDone)
    assert event.usage == {"input_audio": 7}


def test_an_id_that_is_too_long_costs_its_event() -> None:
    raw = {"type": "response.output_audio.done", "item_id": "i" * 100_000}
    assert isinstance(server_events.parse(json.dumps(raw)), server_events.Malformed)


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (deep(210), "nested too deeply"),
        (deep(100_000), "longer than"),
        ("[" * 20_000, "nested too deeply"),
        (json.dumps({"text": "x" * (1 << 21)}), "longer than"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 400 + "}", "too large"),
        ("[1]", "not a JSON object"),
        ('"text"', "not a JSON object"),
        ("{", "not JSON"),
        ("\ud83d", "not JSON"),
    ],
)
def test_arguments_that_cannot_be_used_are_answered_to_the_model(arguments: str, why: str) -> None:
    stage, memory = Stage(), History()
    stage.feed(server_events.ResponseCreated("r1"))
    raw = {"type": "function_call", "id": "i", "status": "completed", "call_id": "c1", "name": "look_up"}
    frame = {"type": "response.output_item.done", "response_id": "r1", "item": raw | {"arguments": arguments}}
    event = server_events.parse(json.dumps(frame))
    memory.heard(event)
    stage.feed(event, server_events.ResponseDone("r1", "completed"))
    assert stage.told_of(ToolCalled) == []
    ((call, output),) = stage.outputs
    assert call == "c1"
    assert why in output
    assert len(stage.creates) == 1  # it may try again
    assert memory._size <= MOST_CHARACTERS


def test_half_characters_in_arguments_are_replaced_and_the_tool_is_run() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up", '{"a\\ud83d": ["\\ud83d\\ude00", "\\u0000"], "a": 1, "a": 2}')
    (told,) = stage.told_of(ToolCalled)
    assert told.arguments == {"a\ufffd": ["😀", "\ufffd"], "a": 2}
