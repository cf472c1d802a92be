"""The generated pages of the documentation say what the program does now."""

from pathlib import Path
from typing import Any

import pytest

from controller.reference.__main__ import pages
from controller.reference.words import default_of, kind_of, table

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["configuration-reference.md", "api-reference.md"])
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == pages()[name], "make reference"


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "integer", "minimum": 1}, "whole number (≥ 1)"),
        ({"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": r"\$\{[A-Z]+\}"}]}, "true or false"),
        ({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}, "`a` or `b`"),
        ({"type": "array", "items": {"$ref": "#/$defs/Route"}}, "list of [Route]"),
        ({"type": "object", "patternProperties": {"^x": {"type": "number"}}}, "map of name to number"),
        ({"type": "object", "additionalProperties": False}, "map"),
        ({"allOf": [{"const": "wav"}]}, "`wav`"),
        ({}, "any"),
    ],
)
def test_a_schema_in_words(schema: dict[str, Any], told: str) -> None:
    assert kind_of(schema, lambda name: f"[{name}]") == told


@pytest.mark.parametrize(
    ("schema", "required", "told"),
    [
        ({}, True, "**required**"),
        ({"default": None}, False, "none"),
        ({"default": "a"}, False, '`"a"`'),
        ({"default": ["x" * 80]}, False, "see the text"),
        ({}, False, ""),
    ],
)
def test_a_default_in_words(schema: dict[str, Any], required: bool, told: str) -> None:
    assert default_of(schema, required=required) == told


def test_nothing_breaks_a_table() -> None:
    assert table(("a",), [("b | c\nd",)]) == ["| a |", "| --- |", "| b \\| c d |"]
