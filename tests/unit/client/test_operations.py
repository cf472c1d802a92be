"""The client has every operation of the OpenAPI document, with its parameters, and every field of its answers."""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, cast

import pytest

from controller.api.openapi import document
from docs.reference.__main__ import operations
from voiceai_client import models
from voiceai_client.async_operations.groups import AsyncGroups
from voiceai_client.decoding import Model, decode
from voiceai_client.models.events import EVENTS
from voiceai_client.operations.groups import Groups
from voiceai_client.requests import Request

DOCUMENT = document(operations(), "")
SCHEMAS: Mapping[str, Any] = DOCUMENT["components"]["schemas"]
Shown = dict[tuple[str, str], tuple[set[str], set[str] | None, set[str]]]
"""By method and path: names in the query, in the body (None: there is none), and headers."""


class Recorder:
    """In the place of `SyncHttp`: each request is kept, and none is made."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def _note(self, *arguments: Any, **_: Any) -> None:
        self.requests += [each for each in arguments if isinstance(each, Request)]

    ask = ask_or_none = send = text = pieces = stream = events = _note


class AsyncRecorder(Recorder):
    async def _wait(self, *arguments: Any, **_: Any) -> None:
        self._note(*arguments)

    ask = ask_or_none = send = text = _wait  # type: ignore[assignment]


def documented() -> Shown:
    found: Shown = {}
    for path, verbs in DOCUMENT["paths"].items():
        for verb, each in verbs.items():
            if "101" in each["responses"]:
                continue  # a websocket
            named = {
                where: {parameter["name"] for parameter in each["parameters"] if parameter["in"] == where}
                for where in ("query", "header")
            }
            body = None
            if "requestBody" in each:
                reference = each["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                body = set(SCHEMAS[reference.rpartition("/")[2]].get("properties", ()))
            headers = named["header"] - {"Last-Event-ID"}
            found[verb.upper(), path] = named["query"], body, headers
    return found


async def shown(groups: Any, recorder: Recorder) -> Shown:
    """Every method is called with something for each of its parameters."""
    found: Shown = {}
    for group in vars(groups).values():
        for name, method in inspect.getmembers(group, callable):
            if name.startswith("all") or (name.startswith("_") and name != "__call__"):
                continue
            parameters = inspect.signature(method).parameters
            given = {each: f"{{{each.removesuffix('_')}}}" for each in parameters if each != "reconnect_for_s"}
            told = method(**given)
            if inspect.isawaitable(told):
                await told
            request = recorder.requests[-1]
            path = request.path.replace("%7B", "{").replace("%7D", "}")
            body = None if request.body is None else set(request.body)
            found[request.method, path] = set(request.query), body, set(request.all_headers)
    return found


async def test_every_operation_has_a_method_with_all_its_parameters() -> None:
    recorder = Recorder()
    assert await shown(Groups(cast(Any, recorder)), recorder) == documented()


async def test_the_asynchronous_client_has_the_same() -> None:
    recorder = AsyncRecorder()
    assert await shown(AsyncGroups(cast(Any, recorder)), recorder) == documented()


def sample(schema: Mapping[str, Any]) -> Any:
    """Something of that form."""
    if "$ref" in schema:
        return sample(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0])
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {key: sample(rule) for key, rule in schema["properties"].items()}
        case "object":
            below = schema.get("additionalProperties")
            return {"key": sample(below)} if isinstance(below, dict) else {"key": 1}
        case "array":
            return [sample(schema["items"])]
        case "string":
            return "2026-11-22T09:30:00Z" if schema.get("format") == "date-time" else "text"
    return {"integer": 7, "number": 1.5, "boolean": True, "null": None}.get(str(schema.get("type")))


ANSWERS = [
    name
    for name in SCHEMAS
    if isinstance(getattr(models, name.removeprefix("event."), None), type)
    and issubclass(getattr(models, name.removeprefix("event.")), Model)
]


@pytest.mark.parametrize("name", ANSWERS)
def test_every_field_of_an_answer_is_read(name: str) -> None:
    answer = decode(getattr(models, name.removeprefix("event.")), sample(SCHEMAS[name]))
    assert {each.name.removesuffix("_") for each in dataclasses.fields(answer)} - {"extra"} == set(
        SCHEMAS[name]["properties"]
    )
    assert answer.extra == {}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_an_earlier_release_is_read_without_what_is_newer(name: str) -> None:
    key, rule = next(iter(SCHEMAS[name]["properties"].items()))
    assert decode(getattr(models, name.removeprefix("event.")), {key: sample(rule)}).extra == {}


def test_every_answer_and_every_event_has_its_class() -> None:
    answered = {
        content["schema"]["$ref"].rpartition("/")[2]
        for verbs in DOCUMENT["paths"].values()
        for each in verbs.values()
        for answer in each["responses"].values()
        for media, content in answer.get("content", {}).items()
        if media == "application/json" and "$ref" in content["schema"]
    }
    assert answered <= set(ANSWERS)
    assert set(EVENTS) == set(DOCUMENT["webhooks"])
    assert all(kind.__name__.startswith("Call") for kind in EVENTS.values())
