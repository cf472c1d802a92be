"""The OpenAPI 3.1 document, made from the declared operations and the models that parse their requests. [pure]

Owns the form of the document. Nothing in it is written twice: paths, bodies, answers, problems and scopes are those
that are served.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bridge.common.token_bucket import LEFT, POLICY, RETRY_AFTER
from controller.api import examples
from controller.api.auth.authenticator import in_words
from controller.api.idempotency import HEADER
from controller.api.operation import STREAM, Operation
from controller.api.problems import TITLES, ProblemAnswer
from controller.events import openapi as events


def _header(said: str) -> dict[str, Any]:
    return {"description": said, "schema": {"type": "string"}}


_PATTERN = re.compile(r"\{(\w+):[^{}]*(?:\{[^{}]*\})?[^{}]*\}")

REF = "#/components/schemas/{model}"

_EVERY = ("http-error", "internal")
_GUARDED = ("unauthorized", "forbidden", "too-many-requests", "too-many-guesses")
_CARRIED = ("node-unreachable", "node-timeout")
_WITH_KEY = ("key-in-use", "outcome-unknown", "key-reused", "store-away")
_WITH_BODY = ("malformed-request", "not-json", "compressed", "too-large", "too-slow")


_HEADERS: dict[str, Any] = {
    "X-Request-Id": _header("The id of the request, yours or a new one. It is in the log and in the audit log."),
    POLICY: _header('How many requests (`q`) the token may send in how many seconds (`w`): `"token";q=100;w=2`.'),
    LEFT: _header(
        'How many requests are left (`r`), and after how many seconds all are back (`t`): `"token";r=99;t=1`.'
    ),
    RETRY_AFTER: {"description": "Seconds after which you can try again.", "schema": {"type": "integer"}},
}
"""Of answers of any operation. draft-ietf-httpapi-ratelimit-headers-10."""

_STREAMED: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream. `data` is JSON; its form depends on `event` (docs/events.md).",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
    "required": ["event", "data"],
}

_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    every = tuple(operations)
    schemas = _schemas(every)
    of_events = events.schemas()
    paths: dict[str, dict[str, Any]] = {}
    for each in every:
        told = _with_examples(_operation(each), each, schemas)
        paths.setdefault(_PATTERN.sub(r"{\1}", each.path), {})[each.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "voiceai",
            "version": version,
            "description": "Place, watch, control and end the calls of voice agents.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in every)],
        "paths": paths,
        "webhooks": _webhooks(of_events),
        "components": {
            "schemas": schemas | of_events,
            "headers": _HEADERS,
            "examples": examples.of_problems(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _webhooks(schemas: Mapping[str, Any]) -> dict[str, Any]:
    found = events.webhooks()
    for each in found.values():
        content = each["post"]["requestBody"]["content"]["application/json"]
        with suppress(examples.NoExample):
            content["example"] = examples.of_schema(content["schema"]["$ref"].rpartition("/")[2], schemas)
    return found


def _with_examples(told: dict[str, Any], operation: Operation, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """One of the request, one of the answer, and one of each problem."""
    if "requestBody" in told:
        told["requestBody"]["content"]["application/json"]["example"] = examples.of_body(operation)
    good = told["responses"][str(int(operation.status))].get("content", {})
    with suppress(examples.NoExample):
        if (answer := examples.of_answer(operation, schemas)) is not None and operation.media in good:
            good[operation.media]["example"] = answer
    for status, types in _problems(operation).items():
        content = told["responses"][str(int(status))]["content"]["application/problem+json"]
        content["examples"] = {each: {"$ref": f"#/components/examples/{each}"} for each in types}
    return told


def _schemas(operations: tuple[Operation, ...]) -> dict[str, Any]:
    """Those of requests, answers and problems, in the form that generators of clients understand."""
    _, found = models_json_schema(_models(operations), ref_template=REF)
    schemas: dict[str, Any] = {name: _portable(each) for name, each in found["$defs"].items()}
    asked = {each.body.__name__ for each in operations if each.body}
    for name in _within(asked | {ProblemAnswer.__name__}, schemas):
        for each in schemas[name].get("properties", {}).values():
            _optional(each)
    return schemas


def _portable(schema: Any) -> Any:
    """An object whose names have a pattern as one with `propertyNames`: generators drop `patternProperties`."""
    if isinstance(schema, list):
        return [_portable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _portable(each) for key, each in schema.items() if key != "patternProperties"}
    for pattern, value in schema.get("patternProperties", {}).items():
        found |= {"additionalProperties": _portable(value), "propertyNames": {"pattern": pattern}}
    return found


def _within(names: set[str], schemas: Mapping[str, Any]) -> set[str]:
    """These, and all that stand in them."""
    found, left = set[str](), list(names)
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            left += re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name]))
    return found


def _optional(schema: dict[str, Any]) -> None:
    """The default in words: for openapi-typescript a field with a `default` is one that must be sent."""
    default = schema.pop("default", None)
    if default not in (None, "", []) and "default" not in schema.get("description", "").lower():
        said = f"{schema.get('description', '')} Default: `{json.dumps(default)}`."
        schema["description"] = said.strip()


def _models(operations: tuple[Operation, ...]) -> list[tuple[type[BaseModel], Any]]:
    asked = {each.body for each in operations if each.body} | {each.query for each in operations if each.query}
    told = {each.answer for each in operations if each.answer} | {ProblemAnswer}
    told |= {kind for each in operations for kind in each.also.values() if kind}
    ordered = sorted(asked, key=lambda kind: kind.__name__), sorted(told, key=lambda kind: kind.__name__)
    return [(kind, "validation") for kind in ordered[0]] + [(kind, "serialization") for kind in ordered[1]]


def _operation(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_headers(operation)],
        "responses": _responses(operation),
    }
    if operation.scopes:
        told["security"] = [{"token": list(operation.scopes)}]
        told["description"] = f"Needs a token with {in_words(operation.scopes)}."
    if operation.body is not None:
        fields = operation.body.model_fields.values()
        needed = any(each.is_required() for each in fields) or bool(
            operation.body.model_config.get("json_schema_extra")
        )
        told["requestBody"] = {"required": needed, "content": {"application/json": {"schema": _ref(operation.body)}}}
    return told


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    """A pattern behind a name (`{number:[0-9]+}`) is aiohttp's; what does not fit it is not found."""
    found = re.findall(r"\{(\w+)(?::([^{}]*(?:\{[^{}]*\})?[^{}]*))?\}", operation.path)
    schemas = {name: {"type": "string"} | ({"pattern": f"^{pattern}$"} if pattern else {}) for name, pattern in found}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in schemas.items()]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    found = operation.query.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in found.get("required", ()),
            "schema": {key: value for key, value in schema.items() if key not in ("description", "title")},
            "description": schema.get("description", ""),
        }
        for name, schema in found["properties"].items()
    ]


def _headers(operation: Operation) -> list[dict[str, Any]]:
    keyed = {HEADER: "A value that you choose. A request that is repeated with it is not done twice."}
    told = {
        **operation.request_headers,
        **(keyed if operation.method == "POST" and operation.idempotency else {}),
    }.items()
    return [{"name": name, "in": "header", "description": said, "schema": {"type": "string"}} for name, said in told]


def _responses(operation: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": operation.status.phrase}
    if operation.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.SWITCHING_PROTOCOLS):
        binary = {"format": "binary"} if operation.media.startswith("audio/") else {}
        plain = _STREAMED if operation.media == STREAM else {"type": "string"} | binary
        schema = _ref(operation.answer) if operation.answer else plain
        good["content"] = {kind: {"schema": schema} for kind in (operation.media, *operation.other_media)}
    if operation.headers:
        told = operation.headers.items()
        good["headers"] = {name: {"description": said, "schema": {"type": "string"}} for name, said in told}
    responses = {str(int(operation.status)): good}
    for status, kind in operation.also.items():
        content = {"content": {"application/json": {"schema": _ref(kind)}}} if kind else {}
        responses[str(int(status))] = {"description": status.phrase, **content}
    for status, types in _problems(operation).items():
        said = " ".join(f"[`{each}`](/problems/{each}): {TITLES[each][1]}." for each in types)
        told_problem = responses.setdefault(str(int(status)), {"description": said})
        told_problem.setdefault("content", {})["application/problem+json"] = {"schema": _ref(ProblemAnswer)}
    for code, told_answer in responses.items():
        told_answer["headers"] = told_answer.get("headers", {}) | _common_headers(operation, HTTPStatus(int(code)))
    return responses


def _common_headers(operation: Operation, status: HTTPStatus) -> dict[str, Any]:
    """Who shows no token that is known has no pace to be told of."""
    names = ["X-Request-Id", *((RETRY_AFTER,) if status in _LATER else ())]
    if operation.scopes and status is not HTTPStatus.UNAUTHORIZED:
        names += [POLICY, LEFT]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problems(operation: Operation) -> Mapping[HTTPStatus, list[str]]:
    names = [*_EVERY, *operation.problems]
    names += _GUARDED if operation.scopes else ()
    names += _CARRIED if operation.of_call else ()
    names += _WITH_KEY if operation.method == "POST" and operation.idempotency else ()
    names += _WITH_BODY if operation.body is not None else ("malformed-request",)
    found: dict[HTTPStatus, list[str]] = {}
    for name in dict.fromkeys(names):
        if name != "http-error":
            found.setdefault(TITLES[name][0], []).append(name)
    return found


def _ref(kind: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=kind.__name__)}
