"""What a tool's JSON Schema may be, each fault with its place; and arguments, checked in bounded time."""

from time import monotonic
from typing import Any

import pytest

from controller.config.argument_schema import misfit, problems


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def chain(levels: int) -> dict[str, Any]:
    """Each level refers to the next one twice."""
    defs: dict[str, Any] = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return of(a={"$ref": "#/$defs/d0"}) | {"$defs": defs | {f"d{levels}": {"type": "string"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        of(a={"type": "string", "pattern": "^[a-z]+$", "x-note": 1}),
        of(a={"$ref": "#/$defs/b"}) | {"$defs": {"b": {"type": ["string", "null"]}}},
        of(a={"$ref": "#/properties/b/items"}, b={"type": "array", "items": {"type": "string"}}),
        of(a={"$ref": "#/$defs/with~1slash~0and%20more"}) | {"$defs": {"with/slash~and more": True}},
        of(**{"$ref": {"type": "string"}, "nullable": {"enum": ["x"]}}),  # arguments may be called anything
        of(a={"default": {"$ref": "#/nowhere"}, "examples": [{"id": 1}], "const": {"$ref": "x"}}),  # data, no schema
        of(a={"anyOf": [{"type": "string"}, {"type": "integer"}]}) | {"additionalProperties": False},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
        of(a={"enum": [1, "1", None, True, [1]], "minimum": 1, "maximum": 1}),
        chain(5),
    ],
)
def test_taken(schema: dict[str, Any]) -> None:
    assert problems(schema) == []


@pytest.mark.parametrize(
    ("schema", "place", "words"),
    [
        (of(a={"$ref": "#/$defs/missing"}), "properties.a.$ref", "leads to nothing"),
        (of(a={"$ref": "#nowhere"}), "properties.a.$ref", "leads to nothing"),
        (of(a={"$ref": "#/type"}), "properties.a.$ref", "leads to nothing"),
        (of(a={"enum": []}), "properties.a.enum", "is empty"),
        (of(a={"anyOf": [{"enum": ["x", 1, "x"]}]}), "properties.a.anyOf.0.enum", "twice"),
        (of(a={"type": "integer", "minimum": 5, "maximum": 4.5}), "properties.a.minimum", "more than `maximum`"),
        (of(a={"items": {"minLength": 2, "maxLength": 1}}), "properties.a.items.minLength", "nothing would ever fit"),
        (of(a={"enum": [f"value {n}" for n in range(9000)]}), "", "too large"),
        (of(a={"$ref": ""}), "properties.a.$ref", "elsewhere"),
        (of(a={"$ref": "https://example.com/schema"}), "properties.a.$ref", "elsewhere"),
        (of(a={"$ref": "file:///etc/passwd"}), "properties.a.$ref", "elsewhere"),
        (of(a={"$ref": "#"}), "properties.a.$ref", "back to itself"),
        (of(a={"$ref": "#/properties/a"}), "properties.a.$ref", "back to itself"),
        (
            of(a={"$ref": "#/$defs/b"})
            | {"$defs": {"b": {"anyOf": [{"$ref": "#/$defs/c"}]}, "c": {"not": {"$ref": "#/$defs/b"}}}},
            "$defs.c.not.$ref",
            "back to itself",
        ),
        (
            of(a={"$ref": "#/$defs/tree"})
            | {"$defs": {"tree": of(inner={"type": "array", "items": {"$ref": "#/$defs/tree"}})}},
            "$defs.tree.properties.inner.items.$ref",
            "back to itself",
        ),
        (chain(20), "", "too large"),
        (of(a={"items": {"$ref": 5}, "type": "array"}), "properties.a.items.$ref", "not as JSON Schema has it"),
        (of(a={"type": "text"}), "properties.a.type", "not as JSON Schema has it"),
        (of(a={"minLength": -1}), "properties.a.minLength", "not as JSON Schema has it"),
        (of(a={"exclusiveMinimum": True}), "properties.a.exclusiveMinimum", "not as JSON Schema has it"),
        (of(a={"items": [{"type": "string"}], "type": "array"}), "properties.a.items", "not as JSON Schema has it"),
        ({"type": "object", "required": "a"}, "required", "not as JSON Schema has it"),
        (of() | {"requird": ["a"]}, "requird", "no keyword"),
        (of(a={"type": "string", "nullable": True}), "properties.a.nullable", "no keyword"),
        (of(a={"$id": "https://example.com/a"}), "properties.a.$id", "not taken"),
        (of(a={"$dynamicRef": "#b"}), "properties.a.$dynamicRef", "not taken"),
        (of() | {"patternProperties": {"(a+)+$": {}}}, "patternProperties", "not taken"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}, "$schema", "another draft"),
        ({"$schema": 7, "type": "object"}, "$schema", "another draft"),
        (of(a={"pattern": "["}), "properties.a.pattern", "regular expression"),
        (of(a={"pattern": "(?=a)b"}), "properties.a.pattern", "bounded time"),
        (of(a={"type": "array"}), "properties.a", "without `items`"),
        ({"type": "array", "items": {}}, "", "type: object"),
        ({"properties": {}}, "", "type: object"),
        ({"type": ["object", "null"]}, "", "type: object"),
        (of() | {"anyOf": [{"required": ["a"]}]}, "anyOf", "at the top"),
        (of() | {"not": {}}, "not", "at the top"),
        (of(a={"default": float("nan")}), "", "JSON does not have"),
        (of(a={"const": "\ud83d"}), "", "JSON does not have"),
    ],
)
def test_refused_with_its_place(schema: dict[str, Any], place: str, words: str) -> None:
    found = {".".join(map(str, each.place)): each.message for each in problems(schema)}
    assert words in found.get(place, f"nothing at {place}, but {found}")


def test_nested_without_measure() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(400):
        schema = of(a=schema)
    assert any("nested too deeply" in each.message for each in problems(schema))


def test_all_faults_at_once() -> None:
    found = problems(of(a={"pattern": "["}, b={"type": "array"}, c={"nullable": True}))
    assert len({each.place for each in found}) == 3


# ---------------------------------------------------------------- arguments


def test_a_pattern_holds() -> None:
    schema = of(a={"type": "string", "pattern": "^[0-9]+$"})
    assert misfit(schema, {"a": "12"}) is None
    assert "a: " in (misfit(schema, {"a": "x"}) or "")
    assert misfit(schema, {"a": "1\n"}) is not None


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (of(a={"pattern": "^(a+)+$"}), {"a": "a" * 30_000 + "!"}),
        (of(a={"type": "array", "items": {}, "uniqueItems": True}), {"a": [*range(4000), [], *"abc", {}, {}]}),
        (of(a={"type": "array", "items": {"type": "string"}}), {"a": list(range(15_000))}),
        (of() | {"propertyNames": {"pattern": "^(a|aa)+$"}}, {"a" * 100 + "!": 1}),
    ],
)
def test_checked_in_bounded_time(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert problems(schema) == []
    began = monotonic()
    assert misfit(schema, arguments) is not None
    assert monotonic() - began < 10
