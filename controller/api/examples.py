"""The examples of the OpenAPI document, made from its schemas and the values of `example_values`. [pure]

Owns the way from a schema to an example. Raises NoExample for a text that has no value there: an example is to be read,
so it does not say "string".
"""

from collections.abc import Mapping
from typing import Any

from controller.api.example_values import AT, BODIES, STREAM_EVENT, TEXTS, VALUES
from controller.api.operation import STREAM, Operation
from controller.api.problem_meanings import MEANINGS
from controller.api.problems import TITLES

Schemas = Mapping[str, Any]

_PLAIN: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "null": None}


class NoExample(Exception):
    """A field of text without a value. Says which."""


def of_body(operation: Operation) -> Any:
    return BODIES.get(operation.name, {})


def of_answer(operation: Operation, schemas: Schemas) -> Any:
    """None: there is nothing to show, as of sound. Raises NoExample."""
    if operation.answer is not None:
        return of_schema(operation.answer.__name__, schemas)
    return STREAM_EVENT if operation.media == STREAM else TEXTS.get(operation.name)


def of_schema(name: str, schemas: Schemas) -> dict[str, Any]:
    """Raises NoExample."""
    return {field: _of_field(name, field, rule, schemas) for field, rule in schemas[name].get("properties", {}).items()}


def of_problems() -> dict[str, Any]:
    """For `components.examples`: one of each type."""
    return {
        type_: {
            "summary": TITLES[type_][1],
            "value": {
                "type": f"/problems/{type_}",
                "title": TITLES[type_][1],
                "status": int(TITLES[type_][0]),
                "request_id": VALUES["request_id"],
            },
        }
        for type_ in MEANINGS
        if type_ in TITLES
    }


def _of_field(model: str, field: str, rule: Mapping[str, Any], schemas: Schemas) -> Any:
    for known in (f"{model}.{field}", field):
        if known in VALUES and _fits(VALUES[known], rule):
            return VALUES[known]
    return _of_rule(model, field, rule, schemas)


def _fits(value: Any, rule: Mapping[str, Any]) -> bool:
    """Whether a value may be meant for this field: a name may stand for different things in two models."""
    if "anyOf" in rule:
        return any(_fits(value, each) for each in rule["anyOf"])
    if "const" in rule or "enum" in rule:
        return value in rule.get("enum", (rule.get("const"),))
    kinds = {"object": dict, "array": list, "integer": int, "number": int | float, "boolean": bool, "string": str}
    if (kind := rule.get("type")) == "null":
        return value is None
    if kind in ("object", "array") and not value:
        return isinstance(value, kinds[kind])
    if kind == "array":
        return isinstance(value, list) and "$ref" not in rule["items"] or isinstance(value[0], dict)
    numeric = isinstance(value, bool) is (kind == "boolean")
    return kind in kinds and numeric and isinstance(value, kinds[kind])


def _of_rule(model: str, field: str, rule: Mapping[str, Any], schemas: Schemas) -> Any:
    if "$ref" in rule:
        return of_schema(rule["$ref"].rpartition("/")[2], schemas)
    if "anyOf" in rule:
        return _of_rule(model, field, rule["anyOf"][0], schemas)
    if "const" in rule:
        return rule["const"]
    if "enum" in rule:
        return rule["enum"][0]
    match rule.get("type"):
        case "array":
            return [_of_rule(model, field, rule["items"], schemas)]
        case "object":
            return {}
        case "string" if rule.get("format") == "date-time":
            return AT
        case "string":
            raise NoExample(f"{model}.{field}")
        case kind:
            return _PLAIN.get(kind or "null")
