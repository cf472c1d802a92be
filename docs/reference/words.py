"""Describes JSON Schema in words, for tables. [pure]

Knows what pydantic writes and what `controller.config.json_schema` adds; anything else is `any`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
Link = Callable[[str], str]
"""Makes a link from the name of a definition."""

_VARIABLE = r"\$\{"
_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "nothing",
}
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
}


def kind_of(schema: Schema, link: Link) -> str:
    """Such as "whole number (≥ 1)", "`a` or `b`", "list of text", "map of name to [Agent](#agent)"."""
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return " or ".join(map(_code, schema["enum"]))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            options = [kind_of(each, link) for each in schema[key] if not _implied(each)]
            return " or ".join(dict.fromkeys(options)) or "nothing"
    if len(schema.get("allOf", ())) == 1:
        return kind_of(schema["allOf"][0], link)
    match schema.get("type"):
        case "array":
            return _bounded(f"list of {kind_of(_items(schema), link)}", schema)
        case "object":
            below = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
            return f"map of name to {kind_of(below, link)}" if isinstance(below, dict) and below else "map"
        case str() as kind:
            return _bounded(_KINDS.get(kind, kind), schema)
    return "any"


def _implied(schema: Schema) -> bool:
    """`null`, which the default shows, and `${NAME}`, which is allowed everywhere."""
    return schema.get("type") == "null" or str(schema.get("pattern", "")).startswith(_VARIABLE)


def _items(schema: Schema) -> Schema:
    items: Schema = schema.get("items") or next(iter(schema.get("prefixItems", ())), {})
    return items


def _bounded(kind: str, schema: Schema) -> str:
    bounds = [bound.format(schema[key]) for key, bound in _BOUNDS.items() if key in schema]
    return f"{kind} ({', '.join(bounds)})" if bounds else kind


def _code(value: Any) -> str:
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def default_of(schema: Schema, *, required: bool) -> str:
    """The default as JSON, which is YAML too."""
    if required or "default" not in schema:
        return "**required**" if required else ""
    value = schema["default"]
    if value is None or value in ({}, []):
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= 60 else "see the text"


def cell(text: str) -> str:
    """Text for a table: one line, with escaped bars."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return [f"| {' | '.join(map(cell, line))} |" for line in lines]
