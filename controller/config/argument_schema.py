"""The JSON Schema of a tool's arguments: checks the schema, and arguments against it. [pure]

Owns the part of JSON Schema 2020-12 that a tool may use. With an accepted schema the time to check arguments is
proportional to their length, and OpenAI accepts it: an object, without references elsewhere or choices at its top.
Sources: json-schema.org, draft 2020-12; the errors of OpenAI's API for function parameters.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any
from urllib.parse import unquote

from bridge.common import patterns

Place = tuple[str | int, ...]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
LARGEST = 2000
"""Subschemas, each counted once per reference."""
MOST_TEXT = 100_000
"""Characters of its JSON: it is sent, and paid for, in every session of the AI."""
DEEPEST = 64
MOST_ERRORS = 50

_MAPS = ("properties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_SINGLE_TOO = ("unevaluatedItems", "unevaluatedProperties")
_CHOICES_AT_TOP = ("oneOf", "anyOf", "allOf", "enum", "not")
_DEFINITIONS = ("$defs", "definitions")
_ELSEWHERE = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary")
_PLAIN = frozenset(
    ("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength")
    + ("minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties")
    + ("minProperties", "required", "dependentRequired", "title", "description", "default", "deprecated", "readOnly")
    + ("writeOnly", "examples", "format", "contentEncoding", "contentMediaType", "contentSchema", "$comment")
    + ("$ref", "$schema")
)
_KNOWN = _PLAIN | {*_MAPS, *_LISTS, *_SINGLE, *_SINGLE_TOO}
_BOUNDS = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minContains", "maxContains"),
)
_OTHER_DRAFTS = {
    "id": "draft 4's; leave it out",
    "nullable": 'OpenAPI\'s: write `type: [string, "null"]`',
    "example": "OpenAPI's: write `examples: [...]`",
    "discriminator": "OpenAPI's; leave it out",
    "additionalItems": "an older draft's: use `prefixItems` and `items`",
    "dependencies": "an older draft's: use `dependentRequired` or `dependentSchemas`",
    "divisibleBy": "draft 3's: use `multipleOf`",
    "extends": "draft 3's: use `allOf`",
    "disallow": "draft 3's: use `not`",
}


@dataclass(frozen=True, slots=True)
class Problem:
    place: Place
    message: str
    hint: str = ""


class _Unresolved(Exception):
    """The target of a $ref does not exist."""


# ---------------------------------------------------------------- the schema


def problems(schema: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the schema. References are checked only if everything else is right."""
    try:
        plain = json.loads(json.dumps(schema, allow_nan=False))  # raises for dates; numbers as keys become text
        text = json.dumps(plain, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return [Problem((), "has a value that JSON does not have", "put dates, times and odd numbers in quotes")]
    if len(text) > MOST_TEXT:
        return [Problem((), "is too large", f"{MOST_TEXT} characters of JSON at most: a long list is the tool's own")]
    if plain.get("$schema", DRAFT) not in (DRAFT, DRAFT + "#"):
        return [Problem(("$schema",), "is another draft of JSON Schema", f"leave it out, or write {DRAFT}")]
    try:
        found = [*_invalid(plain), *(each for place, node in _subschemas(plain) for each in _node(place, node))]
    except RecursionError:
        return [Problem((), "is nested too deeply")]
    return found or [*_top(plain), *_references(plain)]


def _invalid(schema: Any) -> Iterator[Problem]:
    from controller.config import json_schema_validator  # loaded only for tools with arguments: 3 MB

    for error in islice(json_schema_validator.of_schemas().iter_errors(schema), MOST_ERRORS):
        yield Problem(tuple(error.absolute_path), "is not as JSON Schema has it", "json-schema.org has the rules")


def _subschemas(schema: Any, place: Place = ()) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The schema and its subschemas with their places. The contents of `enum` and `default` are data."""
    if not isinstance(schema, dict):
        return
    yield place, schema
    if len(place) > 2 * DEEPEST:
        raise RecursionError
    for key, inner in _children(schema):
        yield from _subschemas(inner, (*place, *key))


def _children(schema: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    for key in _MAPS:
        if isinstance(inner := schema.get(key), dict):
            yield from (((key, name), each) for name, each in inner.items())
    for key in _LISTS:
        if isinstance(inner := schema.get(key), list):
            yield from (((key, number), each) for number, each in enumerate(inner))
    yield from (((key,), schema[key]) for key in (*_SINGLE, *_SINGLE_TOO) if key in schema)


def _node(place: Place, schema: Mapping[str, Any]) -> Iterator[Problem]:
    for key in schema:
        if key == "patternProperties":
            yield Problem((*place, key), "is not taken in tools", "name the arguments under `properties`")
        elif key in _ELSEWHERE:
            yield Problem((*place, key), "is not taken in tools", 'use `$defs`, and `$ref: "#/$defs/…"`')
        elif key in _OTHER_DRAFTS:
            yield Problem((*place, key), "is no keyword of JSON Schema 2020-12", f"it is {_OTHER_DRAFTS[key]}")
        elif key not in _KNOWN and not key.startswith("x-"):
            near = get_close_matches(key, _KNOWN, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "a note of your own begins with `x-`"
            yield Problem((*place, key), "is no keyword of JSON Schema 2020-12", hint)
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and (text := patterns.problem(pattern)):
        yield Problem((*place, "pattern"), text)
    yield from _unsatisfiable(place, schema)
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if place and "array" in kinds and not {"items", "prefixItems"} & schema.keys():
        yield Problem(place, "is an array without `items`", "OpenAI refuses it; say what the array holds")


def _unsatisfiable(place: Place, schema: Mapping[str, Any]) -> Iterator[Problem]:
    values = schema.get("enum")
    if isinstance(values, list):
        if not values:
            yield Problem((*place, "enum"), "is empty: nothing would ever fit", "list the values, or leave it out")
        elif len({json.dumps(each, sort_keys=True) for each in values}) < len(values):
            yield Problem((*place, "enum"), "has a value twice", "OpenAI refuses it")
    for low, high in _BOUNDS:
        least, most = schema.get(low), schema.get(high)
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
            yield Problem((*place, low), f"is more than `{high}`: nothing would ever fit")


def _top(schema: Mapping[str, Any]) -> Iterator[Problem]:
    if schema and schema.get("type") != "object":
        yield Problem((), "must have `type: object`", "a model gives arguments by name")
    for key in _CHOICES_AT_TOP:
        if key in schema:
            hint = "OpenAI refuses the tool, and with it the whole session; move it below `properties`"
            yield Problem((key,), "can't stand at the top", hint)


def _references(schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Checks that each $ref has a target in this schema, that none is recursive, and the total size."""
    dangling = False
    for place, node in _subschemas(schema):
        if isinstance(ref := node.get("$ref"), str):
            try:
                _at(schema, ref)
            except _Unresolved:
                dangling = True
                text = "leads to nothing" if ref.startswith("#") else "leads elsewhere"
                yield Problem((*place, "$ref"), text, "it is `#/$defs/` and a name that `$defs` has")
    if dangling:
        return
    sizes: dict[int, int] = {}
    looped: set[Place] = set()
    try:
        size = _size(schema, schema, (), sizes, frozenset(), looped)
    except RecursionError:
        yield Problem((), "is nested too deeply")
        return
    for place in sorted(looped, key=str):
        yield Problem(place, "leads back to itself", "arguments can't nest without end; write out the levels needed")
    if not looped and size > LARGEST:
        yield Problem((), "is too large", f"{LARGEST} parts at most, each as often as it is referred to")


def _at(root: Any, ref: str) -> Any:
    """The subschema at a JSON pointer. Raises _Unresolved."""
    if ref == "#":
        return root
    if not ref.startswith("#/"):
        raise _Unresolved
    places = dict(_pointers(root))
    if (found := places.get(unquote(ref[1:]))) is None:
        raise _Unresolved
    return found


def _pointers(root: Any) -> Iterator[tuple[str, Any]]:
    for place, node in _all_schemas(root):
        yield "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place), node


def _all_schemas(schema: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """As `_subschemas`, also those that are `true` or `false`."""
    yield place, schema
    for key, inner in _children(schema) if isinstance(schema, dict) else ():
        yield from _all_schemas(inner, (*place, *key))


def _size(root: Any, node: Any, place: Place, sizes: dict[int, int], above: frozenset[int], looped: set[Place]) -> int:
    """The cost of a check: the number of subschemas, counted once per reference. Adds recursive ones to `looped`."""
    if not isinstance(node, dict):
        return 1
    if len(above) > DEEPEST * 2:
        raise RecursionError
    if id(node) in sizes:
        return sizes[id(node)]
    above, total = above | {id(node)}, 1
    for key, inner in _children(node):
        if key[0] not in _DEFINITIONS:
            total += _size(root, inner, (*place, *key), sizes, above, looped)
    if isinstance(ref := node.get("$ref"), str):
        target = _at(root, ref)
        if id(target) in above:
            looped.add((*place, "$ref"))
        else:
            total += _size(root, target, _place_of(root, target), sizes, above, looped)
    sizes[id(node)] = total
    return total


def _place_of(root: Any, node: Any) -> Place:
    return next((place for place, each in _all_schemas(root) if each is node), ())


# ---------------------------------------------------------------- arguments


def misfit(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
    """Why the arguments do not fit, for the model; None: they do. Raises RecursionError if they nest too deeply."""
    from controller.config import json_schema_validator

    errors = list(islice(json_schema_validator.of_arguments(schema).iter_errors(arguments), MOST_ERRORS))
    if not errors:
        return None
    first = json_schema_validator.best_match(errors)
    place = ".".join(map(str, first.absolute_path))
    return f"{place}: {first.message}" if place else str(first.message)
