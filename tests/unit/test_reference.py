"""The generated pages of the documentation say what the program does now."""

from pathlib import Path
from typing import Any

import pytest

from controller.api.openapi import document
from docs.reference import client, licences
from docs.reference.__main__ import LOCK, operations, pages
from docs.reference.words import default_of, kind_of, table

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["configuration-reference.md", "api-reference.md", "problems.md", "licences.md"])
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == pages()[name], "make reference"


def test_the_python_client_is_up_to_date() -> None:
    made = client.files(document(operations(), ""))
    found = {path for each in client.GENERATED for path in (client.FOLDER / each).glob("*.py")}
    written = {path.relative_to(client.FOLDER).as_posix(): path.read_text("utf-8") for path in found}
    assert written == made, "make reference"


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


@pytest.mark.parametrize("package", licences.locked(LOCK.read_text("utf-8")))
def test_every_package_is_on_terms_that_fit_ours(package: str) -> None:
    assert licences.unfitting(licences.licence_of(package)) == set()


@pytest.mark.parametrize(
    ("licence", "told"),
    [
        ("MIT", set()),
        ("GPL-3.0-only OR MIT", set()),
        ("(Apache-2.0 AND MIT)", set()),
        ("GPL-3.0-only", {"GPL-3.0-only"}),
        ("MIT AND AGPL-3.0-only", {"AGPL-3.0-only"}),
        ("unknown", {"unknown"}),
    ],
)
def test_terms(licence: str, told: set[str]) -> None:
    assert licences.unfitting(licence) == told


def test_nothing_breaks_a_table() -> None:
    assert table(("a",), [("b | c\nd",)]) == ["| a |", "| --- |", "| b \\| c d |"]
