"""Every example of the OpenAPI document is of its schema, and is accepted by what reads it."""

import json
from typing import Any

import jsonschema
import pytest

from controller.api import examples
from controller.api.example_values import BODIES, TEXTS, VALUES
from controller.api.openapi import document
from controller.api.operation import Operation
from docs.reference.__main__ import operations

OPERATIONS = {each.name: each for each in operations()}
DOCUMENT = json.loads(json.dumps(document(OPERATIONS.values(), "")))
COMPONENTS = DOCUMENT["components"]
TOLD = {told["operationId"]: told for methods in DOCUMENT["paths"].values() for told in methods.values()}


def faults(example: Any, schema: Any) -> list[str]:
    checked = jsonschema.Draft202012Validator({**schema, "components": COMPONENTS})
    return [f"{list(each.absolute_path)}: {each.message}" for each in checked.iter_errors(example)]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_each_operation_has_examples_that_validate(operation: Operation) -> None:
    told = TOLD[operation.name]
    if operation.body is not None:
        content = told["requestBody"]["content"]["application/json"]
        assert faults(content["example"], content["schema"]) == []
        operation.body.model_validate_json(json.dumps(content["example"]))
    for status, answer in told["responses"].items():
        for kind, content in answer.get("content", {}).items():
            if kind == "application/problem+json":
                found = [COMPONENTS["examples"][name]["value"] for name in content["examples"]]
                assert [each["status"] for each in found] == [int(status)] * len(found)
                assert [fault for each in found for fault in faults(each, content["schema"])] == []
            elif kind == operation.media and status == str(int(operation.status)) and not kind.startswith("audio/"):
                assert faults(content["example"], content["schema"]) == [], operation.name


@pytest.mark.parametrize("type_", DOCUMENT["webhooks"])
def test_each_event_has_one(type_: str) -> None:
    content = DOCUMENT["webhooks"][type_]["post"]["requestBody"]["content"]["application/json"]
    assert content["example"]["type"] == type_
    assert faults(content["example"], content["schema"]) == []


def test_a_text_without_a_value_is_no_example() -> None:
    with pytest.raises(examples.NoExample, match=r"New\.motto"):
        examples.of_schema("New", {"New": {"properties": {"motto": {"type": "string"}}}})


def test_no_value_is_left_over() -> None:
    schemas = COMPONENTS["schemas"]
    fields = {name for schema in schemas.values() for name in schema.get("properties", {})}
    fields |= {f"{model}.{name}" for model, schema in schemas.items() for name in schema.get("properties", {})}
    assert VALUES.keys() - fields == set()
    assert (BODIES | TEXTS).keys() - OPERATIONS.keys() == set()
