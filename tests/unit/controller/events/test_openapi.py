"""controller.events.openapi: every event of a call fits the schema that the document has for its type."""

import json
from typing import Any

import jsonschema
import pytest

from controller.events import openapi
from controller.events.factory import OutgoingEvent
from controller.events.schemas import KINDS, TYPES
from tests.unit.controller.events.test_factory import STORY, told

DOCUMENT: dict[str, Any] = {"webhooks": openapi.webhooks(), "components": {"schemas": openapi.schemas()}}


def schema_of(type_: str) -> dict[str, Any]:
    body = DOCUMENT["webhooks"][type_]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return {**DOCUMENT, **body}


def test_every_type_is_there_with_words_and_headers() -> None:
    assert tuple(DOCUMENT["webhooks"]) == TYPES
    for webhook in DOCUMENT["webhooks"].values():
        assert webhook["post"]["summary"]
        names = [each["name"] for each in webhook["post"]["parameters"]]
        assert names == ["webhook-id", "webhook-timestamp", "webhook-signature"]
    assert len({webhook["post"]["operationId"] for webhook in DOCUMENT["webhooks"].values()}) == len(KINDS)


def test_every_reference_leads_somewhere() -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            return {node["$ref"]} if "$ref" in node else set().union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) <= known
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("outgoing", told(STORY), ids=lambda outgoing: f"{outgoing.order} {outgoing.type}")
def test_what_is_sent_fits(outgoing: OutgoingEvent) -> None:
    for body in (outgoing.full, outgoing.without_personal):
        jsonschema.validate(json.loads(body), schema_of(outgoing.type))


def test_the_schema_is_strict_enough_to_tell_one_type_from_another() -> None:
    first, *_, last = told(STORY)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(first.full), schema_of(last.type))


def test_what_is_personal_is_marked() -> None:
    started = DOCUMENT["components"]["schemas"]["event.Started"]["properties"]
    assert {name for name, field in started.items() if field.get("x-personal")} == {"caller", "callee"}
