"""JSON Schema of the OpenAPI document as Python: types of arguments, and the classes of the client's models. [pure]

Owns how a schema is written in the client. Knows what pydantic writes; anything else raises ValueError.
"""

import json
import keyword
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]
WIDTH = 119
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
IMPORTS = """from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from voiceai_client.decoding import Model
"""


def name_of(reference: str, *, answer: bool = True) -> str:
    """The class of a `$ref`. Schemas of events are named `event.<Name>`; one that stands in requests and in answers,
    where it has other fields, `<Name>-Input` and `<Name>-Output`."""
    name = reference.rpartition("/")[2].removeprefix("event.")
    name = name.removesuffix("-Input").removesuffix("-Output").replace("-", "_")
    return name if answer else f"{name}Argument"


def referred(schema: Any) -> Iterator[str]:
    """The names of all schemas that it refers to, as in the document."""
    if isinstance(schema, list):
        for each in schema:
            yield from referred(each)
    elif isinstance(schema, Mapping):
        for key, each in schema.items():
            if key == "$ref":
                yield each.rpartition("/")[2]
            else:
                yield from referred(each)


def reachable(names: Iterable[str], schemas: Schemas) -> frozenset[str]:
    """These schemas and all that stand in them."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += referred(schemas[name])
    return frozenset(found)


def ordered(names: Iterable[str], schemas: Schemas, bases: Mapping[str, str | None] | None = None) -> list[str]:
    """What stands in a class, or is its base, comes before it."""
    wanted = sorted(names)
    found: list[str] = []

    def visit(name: str) -> None:
        if name in found or name not in wanted:
            return
        base = (bases or {}).get(name)
        for each in (*referred(schemas[name]), *((base,) if base else ())):
            if each != name:
                visit(each)
        if name not in found:
            found.append(name)

    for name in wanted:
        visit(name)
    return found


def python_name(name: str) -> str:
    plain = name.replace("-", "_").lower()
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def type_of(schema: Schema, *, answer: bool) -> str:
    """`answer`: what is read, where values may be new; else what is sent."""
    if "$ref" in schema:
        return name_of(schema["$ref"], answer=answer)
    if "const" in schema:
        return f"Literal[{_literal(schema['const'])}]"
    if "enum" in schema:
        values = f"Literal[{', '.join(map(_literal, schema['enum']))}]"
        return f"{values} | {type(schema['enum'][0]).__name__}" if answer else values
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _union(type_of(each, answer=answer) for each in schema[key])
    if len(schema.get("allOf", ())) == 1:
        return type_of(schema["allOf"][0], answer=answer)
    match schema.get("type"):
        case "array":
            items = type_of(schema.get("items", {}), answer=answer)
            return f"tuple[{items}, ...]" if answer else f"Sequence[{items}]"
        case "object":
            return f"Mapping[str, {_values(schema, answer=answer)}]"
        case "string" if schema.get("format") == "date-time":
            return "datetime"
        case str() as plain:
            return _PLAIN[plain]
        case None if not schema.keys() - {"title", "description", "default"}:
            return "Any"
    raise ValueError(f"no Python type for {json.dumps(schema)}")


def _values(schema: Schema, *, answer: bool) -> str:
    below = schema.get("additionalProperties")
    if not isinstance(below, Mapping):
        below = next(iter(schema.get("patternProperties", {}).values()), {})
    return type_of(below, answer=answer)


def _union(options: Iterable[str]) -> str:
    found = list(dict.fromkeys(part for each in options for part in _parts(each)))
    if "Any" in found:
        return "Any"
    return " | ".join(sorted(found, key=lambda each: each == "None"))


def _parts(text: str) -> list[str]:
    """The options of a union; a bar within brackets is of something else."""
    depth, found = 0, [""]
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "|" and not depth:
            found.append("")
        else:
            found[-1] += character
    return [each.strip() for each in found]


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def wrapped(text: str, indent: int, *, continued: str = "") -> list[str]:
    """Lines of a docstring."""
    return [
        line
        for paragraph in text.split("\n\n")
        for line in textwrap.wrap(
            " ".join(paragraph.split()),
            WIDTH - 4,
            initial_indent=" " * indent,
            subsequent_indent=" " * indent + continued,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def docstring(text: str, indent: int) -> list[str]:
    lines = wrapped(text.replace("\\", "\\\\"), indent)
    if not lines:
        return []
    lines[0] = " " * indent + '"""' + lines[0].lstrip()
    lines[-1] += ' """' if lines[-1].endswith('"') else '"""'
    return lines


def model(name: str, schema: Schema, base: str = "Model", inherited: Iterable[str] = ()) -> list[str]:
    """The dataclass of an answer, of a part of one, or of an event. `inherited`: properties that `base` has."""
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True, repr=False)", f"class {name_of(name)}({base}):"]
    body = docstring(schema.get("description", ""), 4)
    for key, rule in schema.get("properties", {}).items():
        if key in inherited:
            continue
        if key == "extra":
            raise ValueError(f"{name}.{key} is a name of the client's own")
        default = _default(rule)
        attribute = python_name(key)
        if attribute != key:
            options = f'metadata={{"wire": "{key}"}}'
            default = f" = field({options})" if not default else f" = field(default{default[1:]}, {options})"
        kind = type_of(rule, answer=True)
        body.append(f"    {attribute}: {_quoted(kind) if name in referred(rule) else kind}{default}")
        body += docstring(rule.get("description", ""), 4)
    return [*lines, *(body or ["    pass"]), ""]


def base_of(name: str, others: Iterable[str], schemas: Schemas) -> str | None:
    """The class that has most of its properties, and no others; None: no class has four or more."""
    ours = schemas[name].get("properties", {})
    found = []
    for each in others:
        theirs = schemas[each].get("properties", {})
        if 4 <= len(theirs) < len(ours) and all(ours.get(key) == rule for key, rule in theirs.items()):
            found.append((len(theirs), each))
    return max(found)[1] if found else None


def _quoted(kind: str) -> str:
    """Of the class that is being written."""
    return json.dumps(kind)


def _default(rule: Schema) -> str:
    """As it is written behind the type; nothing where it has to be sent."""
    if "default" not in rule:
        return ""
    value = rule["default"]
    if value == []:
        return " = ()"
    return f" = {_literal(value)}" if value is None or isinstance(value, str | int | float) else ""


def argument(name: str, schema: Schema) -> list[str]:
    """The TypedDict of what stands within a body."""
    needed = schema.get("required", ())
    lines = [f"class {name_of(name, answer=False)}(TypedDict):", *docstring(schema.get("description", ""), 4)]
    for key, rule in schema.get("properties", {}).items():
        if keyword.iskeyword(key):
            raise ValueError(f"{name}.{key} can't be a key of a class")
        kind = type_of(rule, answer=False)
        kind = _quoted(kind) if name in referred(rule) else kind
        lines += [f"    {key}: {kind if key in needed else f'NotRequired[{kind}]'}"]
        lines += docstring(rule.get("description", ""), 4)
    return [*lines, ""]
