"""bridge.common.strict_json: whatever comes in, what comes out can be encoded."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.common.strict_json import MOST_CHARACTERS, MOST_DEPTH, BadJson, parse, well_formed, well_formed_value

TEXTS = st.text(st.characters(exclude_categories=())) | st.text("\ud83d\ude00\0a é", max_size=8)
"""Lone surrogates and NUL included."""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("Grüße 😀", "Grüße 😀"),
        ("\ud83d\ude00", "😀"),
        ("\ud83d", "\ufffd"),
        ("a\ude00b", "a\ufffdb"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),
        ("a\0b", "a\ufffdb"),
        ("\0\ud83d", "\ufffd\ufffd"),
    ],
)
def test_half_characters_are_joined_or_replaced(text: str, wanted: str) -> None:
    assert well_formed(text) == wanted


@given(TEXTS)
def test_every_text_can_be_encoded_and_stored_afterwards(text: str) -> None:
    out = well_formed(text)
    assert out.encode().decode() == out
    assert "\0" not in out
    assert well_formed(out) == out


@given(VALUES)
def test_whatever_is_parsed_can_be_written_again(value: Any) -> None:
    try:
        out = parse(json.dumps(value))
    except BadJson:
        return
    assert json.dumps(out, ensure_ascii=False, allow_nan=False).encode()
    assert parse(json.dumps(out)) == out


@given(st.text(st.characters(exclude_categories=()), max_size=40) | st.binary(max_size=40))
def test_what_is_no_json_is_refused_by_one_error(text: str | bytes) -> None:
    with contextlib.suppress(BadJson):
        parse(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 16_000, "nested too deeply"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested too deeply"),
        ("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), "nested too deeply"),
        ('"' + "x" * MOST_CHARACTERS + '"', "longer than"),
        ("NaN", "NaN or Infinity"),
        ('{"a": -Infinity}', "NaN or Infinity"),
        ("1e999", "too large"),
        ("9" * 30, "too large"),
        ("1" * 5000, "too large"),
        (str(1 << 63), "too large"),
        ("{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("", "not JSON"),
    ],
)
def test_the_bounds(text: str | bytes, why: str) -> None:
    with pytest.raises(BadJson, match=why):
        parse(text)


def test_up_to_the_bounds_all_is_well() -> None:
    assert parse("[" * MOST_DEPTH + "]" * MOST_DEPTH) is not None
    assert parse(f"[{-(1 << 63)}, {(1 << 63) - 1}, 1.5e300]") == [-(1 << 63), (1 << 63) - 1, 1.5e300]
    assert parse('{"a": 1, "a": 2}') == {"a": 2}
    assert parse('{"\\ud83d": "\\ud83d\\ude00"}') == {"\ufffd": "😀"}


def test_a_value_that_is_no_json_text_is_bounded_too() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(BadJson):
        well_formed_value(deep)
