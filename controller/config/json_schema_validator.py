"""The validator of JSON Schema 2020-12, with the two keywords whose cost is ours to bound. [pure]"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match as best_match

from bridge.common import patterns


def of_schemas() -> Any:
    """Validates schemas."""
    return jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)


def of_arguments(schema: Mapping[str, Any]) -> Any:
    """Validates the arguments of a tool."""
    return _Validator(schema)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    if validator.is_type(instance, "string") and not patterns.search(pattern, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _unique(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    """Compares texts: to compare all pairs of entries could take a minute."""
    if wanted and validator.is_type(instance, "array"):
        if len({json.dumps(each, sort_keys=True) for each in instance}) != len(instance):
            yield jsonschema.ValidationError("The list holds something twice")


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique}
)
