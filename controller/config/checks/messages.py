"""Translates pydantic's errors to `ConfigError`. [pure]"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from controller.config.errors import ConfigError, Path, dotted, explain_unknown, shown
from controller.config.json_schema import keys_at, places, shape_of
from controller.config.source import Source

_EXAMPLES: Mapping[Path, str] = {
    ("mcp", "allowed_tools"): "list the tools that the model may call, e.g. `allowed_tools: [search, read_file]`",
    ("mcp", "require_approval"): "write `require_approval: never`: on a telephone there is nobody to approve a call",
}
"""Hints, by the first and last key."""


def problems_of(invalid: ValidationError | None, source: Source, model: type[BaseModel]) -> list[ConfigError]:
    """Pydantic's errors as ours, without those that an unset variable caused."""
    if invalid is None:
        return []
    found = []
    for detail in invalid.errors(include_url=False):
        path = _path(detail, source.data)
        spurious = detail["type"] == "too_short" and detail["input"]  # its items have errors of their own
        if path not in source.unset and not spurious:
            found.append(_problem(path, detail, source, model))
    return found


def _path(detail: ErrorDetails, data: Any) -> Path:
    """The path in the file: pydantic's also holds the kind of a union, which is no key."""
    path: list[str | int] = []
    for part in detail["loc"]:
        entries = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(entries, dict) and part in entries:
            data = entries[part]
        elif part == "[key]" or (isinstance(data, dict) and part == data.get("type")):
            continue
        else:
            data = None
        path.append(part)
    return tuple(path)


def _problem(path: Path, detail: ErrorDetails, source: Source, model: type[BaseModel]) -> ConfigError:
    given = detail["input"]
    message, hint, value = _message(detail), "", shown(path, source.written.get(path, given))
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            keys = shape_of(model)
            hint, value = explain_unknown(path, keys_at(keys, path[:-1]), places(keys)), ""
        case "missing":
            value, hint = "", _EXAMPLES.get((path[0], path[-1]), "")
        case "tuple_type" | "too_short":
            hint = _EXAMPLES.get((path[0], path[-1]), "")
        case "literal_error" if (path[0], path[-1]) in _EXAMPLES:
            hint = _EXAMPLES[path[0], path[-1]]
        case "union_tag_not_found":
            hint, value = "add `type: server_vad` or `type: semantic_vad`", ""  # the only such union
        case "string_type" if isinstance(given, bool | int | float):
            hint = "put it in quotes; YAML took it for a number, a truth value or a time"
        case "voiceai":
            hint = str(context.get("hint", ""))
            value = "" if message.startswith(("is empty", "also matches")) else value
    return ConfigError(dotted(path), value, message, hint, source.line(path))


def _message(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "is missing"
        case "string_type":
            return "must be text"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be a mapping"
        case "tuple_type" | "list_type":
            return "must be a list"
        case "union_tag_not_found":
            return "doesn't say its `type`"
        case "union_tag_invalid":
            return f"its `type` must be one of {context['expected_tags']}"
        case "too_short":
            return "must not be empty"
        case "voiceai":
            return detail["msg"]
        case _:  # without the value, e.g. "Input should be less than or equal to 1"
            return detail["msg"].replace("Input should", "must")
