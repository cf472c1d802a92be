"""The codec of the link: what is decoded can always be encoded, and what can't be read is known by its head."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from bridge import contract

TEXTS = st.text(st.characters(exclude_categories=()), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CALL = "3f0f6a54-6a2c-4c73-9d0a-2f6f6c1d9e11"
EVENTS = st.one_of(
    st.builds(contract.Said, call=TEXTS, who=st.just("agent"), text=TEXTS, item=TEXTS),
    st.builds(contract.ToolCalled, call=TEXTS, tool_call=TEXTS, name=TEXTS, arguments=st.dictionaries(TEXTS, VALUES)),
    st.builds(contract.Failed, call=TEXTS, kind=st.just("config"), message=TEXTS),
    st.builds(contract.Ended, call=TEXTS, reason=TEXTS),
    st.builds(contract.Used, call=TEXTS, provider=TEXTS, model=TEXTS, kind=st.just("response"), usage=st.just({})),
)
COMMANDS = st.one_of(
    st.builds(contract.Speak, call=TEXTS, text=TEXTS),
    st.builds(contract.AddMessage, call=TEXTS, text=TEXTS),
    st.builds(contract.AnswerTool, call=TEXTS, tool_call=TEXTS, output=TEXTS),
    st.builds(contract.Hold, call=TEXTS, on=st.booleans(), note=st.none() | TEXTS),
)


@given(EVENTS, st.integers(1, 1 << 40))
def test_every_event_can_be_encoded_and_what_is_decoded_again(event: contract.CallEvent, number: int) -> None:
    frame = contract.encode_numbered(number, event)
    told, again = contract.decode_numbered(frame)
    assert (told, again.type) == (number, event.type)
    assert contract.decode_numbered(contract.encode_numbered(number, again)) == (number, again)  # type: ignore[arg-type]
    assert b"\\u0000" not in frame.encode().replace(b"\\\\", b"")


@given(COMMANDS)
def test_every_command_can_be_encoded_and_what_is_decoded_again(command: contract.Command) -> None:
    again = contract.decode_command(contract.encode(command))
    assert contract.decode_command(contract.encode(again)) == again


@given(st.sampled_from(["said", "tool_called", "ended", "speak"]), st.dictionaries(TEXTS, VALUES), VALUES)
def test_what_is_decoded_can_be_encoded(kind: str, more: dict[str, Any], odd: Any) -> None:
    raw = (
        {"type": kind, "call": CALL, "tool_call": odd, "name": "n", "arguments": more}
        if kind == "tool_called"
        else {"type": kind, "call": CALL, "who": "agent", "text": odd, "item": "i"}
    )
    try:
        event = contract.decode_event(json.dumps(raw))
    except ValidationError:
        return
    assert contract.decode_event(contract.encode(event)).type == kind


@given(st.text(max_size=80) | st.binary(max_size=80))
def test_a_head_is_found_or_empty_and_never_an_error(frame: str | bytes) -> None:
    assert isinstance(contract.head_of(frame), contract.Head)


@pytest.mark.parametrize(
    ("frame", "head"),
    [
        (f'[7,{{"type":"ready","call":"{CALL}","took_ms":"x"}}]', contract.Head(7, "ready", CALL)),
        (f' [ 7 , {{ "type" : "said" , "call" : "{CALL}"', contract.Head(7, "said", CALL)),
        (f'{{"type":"close","call":"{CALL}"}}'.encode(), contract.Head(0, "close", CALL)),
        ('{"type":"heartbeat","load":1}', contract.Head(0, "heartbeat", "")),
        ('[7,{"call":"x","type":"said"}]', contract.Head()),
        ("[" * 1000, contract.Head()),
        (b"\xff\xfe", contract.Head()),
        ("", contract.Head()),
    ],
)
def test_the_head_of_a_frame(frame: str | bytes, head: contract.Head) -> None:
    assert contract.head_of(frame) == head


def test_what_is_too_large_or_too_deep_is_not_sent() -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"a": deep}
    with pytest.raises(contract.Unsendable, match="deep"):
        contract.encode_numbered(1, contract.ToolCalled(call=CALL, tool_call="t", name="n", arguments=deep))
    with pytest.raises(contract.Unsendable, match="larger"):
        contract.encode_numbered(1, contract.Ended(call=CALL, reason="é" * (contract.MAX_EVENT_BYTES // 2)))
    assert contract.encode(contract.AddMessage(call=CALL, text="é" * (contract.MAX_EVENT_BYTES // 2)))


@pytest.mark.parametrize("make", [str, str.encode], ids=["text", "bytes"])
def test_nul_is_replaced_where_a_frame_of_another_program_is_read(make: Any) -> None:
    told = make(f'[7,{{"type":"said","call":"{CALL}","who":"agent","text":"a\\u0000b \\\\u0000","item":"i"}}]')
    number, said = contract.decode_numbered(told)
    assert isinstance(said, contract.Said)
    assert (number, said.text) == (7, "a\ufffdb \\u0000")


def test_a_number_that_json_lacks_is_refused() -> None:
    with pytest.raises(ValidationError):
        contract.Load(busy=float("nan"))
    with pytest.raises(ValidationError):
        contract.decode_event('{"type":"heartbeat","load":{"busy":Infinity}}')
