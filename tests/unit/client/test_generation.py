"""How the client's generator writes what the API may have one day: a document that is made up."""

from typing import Any

import pytest

from docs.reference import client


def answer(name: str) -> dict[str, Any]:
    return {"description": "OK", "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def body(name: str) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def document() -> dict[str, Any]:
    node = {"$ref": "#/components/schemas/Rule-Output"}
    envelope = {"id": {"type": "string"}, "type": {"const": "call.said", "default": "call.said"}}
    problem = {"description": "`forbidden`: No."}
    return {
        "paths": {
            "/v1/red-lists": {
                "get": {
                    "operationId": "list_red_lists",
                    "summary": "Lists",
                    "tags": ["red lists"],
                    "security": [{"token": ["read", "call"]}],
                    "parameters": [
                        {"name": "from", "in": "query", "schema": {"type": "string"}},
                        {"name": "before", "in": "query", "schema": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
                    ],
                    "responses": {"200": answer("RedPage"), "403": problem},
                },
                "post": {
                    "operationId": "create_red_list",
                    "summary": "Make one",
                    "tags": ["red lists"],
                    "parameters": [],
                    "requestBody": body("MakeRedList"),
                    "responses": {"201": answer("RedList"), "403": problem},
                },
            },
            "/v1/socket": {
                "get": {
                    "operationId": "open_socket", "summary": "", "tags": ["x"], "parameters": [],
                    "responses": {"101": {"description": ""}},
                }
            },
        },
        "webhooks": {"call.said": {"post": {"requestBody": body("event.CallSaid")}}},
        "components": {
            "schemas": {
                "RedPage": {
                    "type": "object",
                    "properties": {
                        "paused": {"type": "array", "items": node},
                        "lists": {"type": "array", "items": {"$ref": "#/components/schemas/RedList"}},
                        "next": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    },
                },
                "RedList": {
                    "type": "object",
                    "description": 'Called "red"',
                    "properties": {"class": {"type": "string"}, "level": {"enum": [1, 2]}, "rule": node},
                },
                "Rule-Output": {"type": "object", "properties": {"below": {"anyOf": [node, {"type": "null"}]}}},
                "Rule-Input": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
                "MakeRedList": {
                    "type": "object",
                    "properties": {"rule": {"$ref": "#/components/schemas/Rule-Input"}},
                    "required": ["rule"],
                },
                "event.CallSaid": {
                    "type": "object",
                    "properties": envelope | {"data": {"$ref": "#/components/schemas/event.Said"}},
                },
                "event.Said": {"type": "object", "properties": {"call": {"type": "string"}}},
            }
        },
    }  # fmt: skip


def test_what_the_api_may_have_one_day() -> None:
    made = client.files(document())
    for name, text in made.items():
        compile(text, name, "exec")
    lists, models = made["operations/red_lists.py"], made["models/red_lists.py"]
    assert "def list(self, *, from_: str | None = None, before: int | None = None) -> RedPage:" in lists
    assert 'given({"from": from_, "before": before})' in lists
    assert "def all(self, *, from_: str | None = None) -> Iterator[RedList]:" in lists
    assert "yield from page.lists" in lists
    assert "def create(self, *, rule: RuleArgument) -> RedList:" in lists
    assert "Scope: read and call." in lists
    assert 'class_: str = field(metadata={"wire": "class"})' in models
    assert "level: Literal[1, 2] | int" in models
    assert "self.red_lists = AsyncRedListsOperations(http)" in made["async_operations/groups.py"]
    assert not any("socket" in text for text in made.values())


def test_two_methods_of_one_name_are_an_error() -> None:
    twice = document()
    twice["paths"]["/v1/other"] = {"get": twice["paths"]["/v1/red-lists"]["get"] | {"operationId": "list"}}
    with pytest.raises(ValueError, match="same method"):
        client.files(twice)
    taken = document()
    taken["paths"]["/v1/red-lists"]["get"]["parameters"][0]["name"] = "sent"
    with pytest.raises(ValueError, match="names are taken"):
        client.files(taken)
