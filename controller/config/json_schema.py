"""The keys of the config, from its models: for editors, and for hints about unknown keys. [pure]

Owns the JSON Schema of config.yaml and the search for each key's places.
"""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
_ANY = {"*": ".<name>", "[]": "[n]"}
_NOT_TEXT = {"integer", "number", "boolean"}

Shape = dict[str, "Shape"]
"""Keys below a key. `*` stands for any name, `[]` for any entry of a list."""


def shape_of(model: type[BaseModel]) -> Shape:
    return {name: _below(field.annotation) for name, field in model.model_fields.items()}


def _below(annotation: Any) -> Shape:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return shape_of(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _below(arguments[0])
    if origin in (dict, tuple):
        return {"*": _below(arguments[1])} if origin is dict else {"[]": _below(arguments[0])}
    if origin in (Union, UnionType):
        merged: Shape = {}
        for option in arguments:
            merged |= _below(option)
        return merged
    return {}


def keys_at(shape: Shape, path: tuple[str | int, ...]) -> list[str]:
    """The keys directly below `path`."""
    for part in path:
        shape = shape.get("[]" if isinstance(part, int) else part, shape.get("*", {}))
    return [key for key in shape if key not in _ANY]


def places(shape: Shape) -> dict[str, list[str]]:
    """Every key of the config with its paths."""
    found: dict[str, list[str]] = {}
    for key, path in _walk(shape, ""):
        found.setdefault(key, []).append(path)
    return found


def _walk(shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    for key, below in shape.items():
        here = path + _ANY[key] if key in _ANY else f"{path}.{key}" if path else key
        if key not in _ANY:
            yield key, here
        yield from _walk(below, here)


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Draft 2020-12. Numbers, booleans and restricted texts may also be `${NAME}`, which is replaced before the
    check."""
    schema: dict[str, Any] = _with_variables(model.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "voiceai config.yaml"}


def _with_variables(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_variables(item) for item in node]
    if not isinstance(node, dict):
        return node
    if _is_value(node):
        about = {key: node[key] for key in ("description", "title", "default") if key in node}
        rule = {key: item for key, item in node.items() if key not in about}
        return {**about, "anyOf": [rule, _VARIABLE]}
    return {key: item if key in ("default", "required") else _with_variables(item) for key, item in node.items()}


def _is_value(node: dict[str, Any]) -> bool:
    """Whether it is the schema of a number, a boolean or a restricted text."""
    kind = node.get("type")
    if isinstance(kind, str):
        return kind in _NOT_TEXT or (kind == "string" and any(key in node for key in ("enum", "pattern", "const")))
    return False
