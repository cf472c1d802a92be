"""Every failure of the API as application/problem+json (RFC 9457).

Owns the list of problem types, whose `type` URIs are stable, and the outermost middleware, which also gives each
request its id and its line in the log. Numbers and words never get into that line: of the path only its pattern does.
"""

import re
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict

from controller.calls import errors
from controller.dialing import numbers
from controller.store.database import StoreError

log = structlog.get_logger()

REQUEST_ID = web.RequestKey("request_id", str)
USER = web.RequestKey("user", str)
"""The name of the token that asks; absent where none is needed."""
PACE = web.RequestKey("pace", dict[str, str])
"""Headers of the answer: how often that token may still ask, or which node has taken what was carried to it."""

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


TITLES: dict[str, tuple[HTTPStatus, str]] = {
    "malformed-request": (HTTPStatus.BAD_REQUEST, "The request is malformed"),
    "unauthorized": (HTTPStatus.UNAUTHORIZED, "A valid token is required"),
    "forbidden": (HTTPStatus.FORBIDDEN, "The token lacks the required scope"),
    "not-allowed": (HTTPStatus.FORBIDDEN, "This destination is not allowed"),
    "not-found": (HTTPStatus.NOT_FOUND, "Path not found"),
    "unknown-call": (HTTPStatus.NOT_FOUND, "Call not found"),
    "unknown-worker": (HTTPStatus.NOT_FOUND, "Worker not found"),
    "unknown-node": (HTTPStatus.NOT_FOUND, "Node not found"),
    "unknown-softphone": (HTTPStatus.NOT_FOUND, "Softphone session not found"),
    "unknown-participant": (HTTPStatus.NOT_FOUND, "Participant not found"),
    "unknown-key": (HTTPStatus.NOT_FOUND, "API key not found"),
    "unknown-session": (HTTPStatus.NOT_FOUND, "Session not found"),
    "method-not-allowed": (HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed"),
    "too-slow": (HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time"),
    "unknown-text-session": (HTTPStatus.NOT_FOUND, "Text session not found"),
    "no-ai-session": (HTTPStatus.BAD_GATEWAY, "The AI provider did not open a session"),
    "node-unreachable": (HTTPStatus.BAD_GATEWAY, "The node is unreachable"),
    "node-timeout": (HTTPStatus.GATEWAY_TIMEOUT, "The node did not answer in time"),
    "wrong-state": (HTTPStatus.CONFLICT, "The call is in the wrong state"),
    "count-changed": (HTTPStatus.CONFLICT, "Another number of calls fits"),
    "refused": (HTTPStatus.CONFLICT, "The call controller refused the request"),
    "name-taken": (HTTPStatus.CONFLICT, "Another key or token has this name"),
    "changed-meanwhile": (HTTPStatus.PRECONDITION_FAILED, "The resource was changed meanwhile"),
    "too-large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large"),
    "not-json": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be JSON"),
    "compressed": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Compressed requests are not supported"),
    "unknown-dead-letter": (HTTPStatus.NOT_FOUND, "Dead letter not found"),
    "wrong-webhook": (HTTPStatus.UNPROCESSABLE_ENTITY, "This webhook is not allowed for a call"),
    "too-many-streams": (HTTPStatus.SERVICE_UNAVAILABLE, "Too many streams are open"),
    "unknown-name": (HTTPStatus.UNPROCESSABLE_ENTITY, "Unknown trunk or agent"),
    "wrong-moment": (HTTPStatus.UNPROCESSABLE_ENTITY, "The call can never be placed"),
    "too-many-requests": (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests with this token"),
    "too-many-guesses": (HTTPStatus.TOO_MANY_REQUESTS, "Too many wrong tokens from this address"),
    "key-in-use": (HTTPStatus.CONFLICT, "A request with this Idempotency-Key is in progress"),
    "outcome-unknown": (HTTPStatus.CONFLICT, "The request with this Idempotency-Key was interrupted"),
    "key-reused": (HTTPStatus.UNPROCESSABLE_ENTITY, "This Idempotency-Key was used for another request"),
    "file-source": (HTTPStatus.CONFLICT, "This is set in config.yaml and is read-only here"),
    "precondition-required": (HTTPStatus.PRECONDITION_REQUIRED, "The If-Match header is required"),
    "unknown-resource": (HTTPStatus.NOT_FOUND, "Resource or version not found"),
    "invalid-config": (HTTPStatus.UNPROCESSABLE_ENTITY, "The configuration has errors"),
    "at-limit": (HTTPStatus.TOO_MANY_REQUESTS, "A limit of calls is reached"),
    "internal": (HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error"),
    "not-ready": (HTTPStatus.SERVICE_UNAVAILABLE, "The controller is not ready for calls"),
    "store-away": (HTTPStatus.SERVICE_UNAVAILABLE, "The database is unavailable"),
}
"""All problem types but `http-error`, which has the status and the title of what the HTTP library refused."""

_LATER: dict[str, str] = {hdrs.RETRY_AFTER: "5"}


@dataclass(eq=False)  # not frozen: whatever catches an exception may set its traceback
class Problem(Exception):
    """An answer that is not the wanted one. `type` is the last part of its URI, `/problems/<type>`."""

    type: str
    detail: str = ""
    errors: tuple[Mapping[str, str | int], ...] = ()
    """Of parts of a request or of the configuration: where, and what is wrong there (`PartProblem`)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    other_status: HTTPStatus | None = None
    """Of an `http-error`."""

    @property
    def status(self) -> HTTPStatus:
        return self.other_status or TITLES[self.type][0]

    def body(self, request_id: str) -> dict[str, Any]:
        title = TITLES[self.type][1] if self.type in TITLES else self.status.phrase
        told: dict[str, Any] = {"type": f"/problems/{self.type}", "title": title, "status": int(self.status)}
        if self.detail:
            told["detail"] = self.detail
        if self.errors:
            told["errors"] = list(self.errors)
        return told | {"request_id": request_id}


class PartProblem(BaseModel):
    """One error, and its place in the request or configuration."""

    model_config = ConfigDict(use_attribute_docstrings=True, json_schema_serialization_defaults_required=False)

    path: str | None = None
    """Dotted path of a configuration key."""
    line: int | None = None
    """The line in the config file."""
    hint: str | None = None
    """How to fix it."""
    pointer: str | None = None
    """JSON Pointer into the body (RFC 6901)."""
    parameter: str | None = None
    """The name of a query parameter."""
    detail: str


class ProblemAnswer(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(use_attribute_docstrings=True, json_schema_serialization_defaults_required=False)

    type: str
    """Stable, and the path of a page that explains it: docs/problems.md has them all."""
    title: str
    status: int
    detail: str | None = None
    errors: list[PartProblem] | None = None
    request_id: str


def malformed(detail: str, *errors: Mapping[str, str | int]) -> Problem:
    return Problem("malformed-request", detail, errors)


def _of_http(answer: web.HTTPException) -> Problem:
    """What aiohttp itself refuses: unknown paths, other methods, too large bodies."""
    kept: dict[str, str] = {
        name: answer.headers[name]
        for name in (hdrs.ALLOW, hdrs.RETRY_AFTER, hdrs.WWW_AUTHENTICATE)
        if name in answer.headers
    }
    match answer.status:
        case HTTPStatus.NOT_FOUND:
            return Problem("not-found")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return Problem("method-not-allowed", headers=kept)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Problem("too-large")
        case _:
            return Problem("http-error", headers=kept, other_status=HTTPStatus(answer.status))


_REFUSALS: tuple[tuple[type[Exception], str], ...] = (
    (numbers.NotAllowed, "not-allowed"),
    (errors.UnknownCall, "unknown-call"),
    (errors.UnknownParticipant, "unknown-participant"),
    (errors.UnknownSoftphone, "unknown-softphone"),
    (errors.UnknownName, "unknown-name"),
    (errors.UnknownAgent, "unknown-name"),
    (errors.WrongWebhook, "wrong-webhook"),
    (errors.UnknownTextSession, "unknown-text-session"),
    (errors.NoAiSession, "no-ai-session"),
    (errors.WrongState, "wrong-state"),
    (errors.WrongMoment, "wrong-moment"),
    (errors.Busy, "at-limit"),
    (errors.NotReady, "not-ready"),
    (errors.CallRefused, "refused"),
)


def refusal_of(refusal: Exception) -> Problem | None:
    """What call control refuses, or we do; None: that is no refusal but an internal error."""
    if isinstance(refusal, Problem):
        return refusal
    if isinstance(refusal, StoreError):
        log.error("a request found the store away", reason=str(refusal))
        return Problem("store-away", headers=_LATER)
    type_ = next((name for kind, name in _REFUSALS if isinstance(refusal, kind)), None)
    if type_ is None:
        return None
    later = TITLES[type_][0] in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    return Problem(type_, str(refusal), headers=_LATER if later else {})


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware. An exception that nobody foresaw becomes a 500 that says nothing of the inside."""
    started = time.monotonic()
    given = request.headers.get("X-Request-Id", "")
    request[REQUEST_ID] = given if _GIVEN_ID.fullmatch(given) else uuid4().hex
    try:
        if "\x00" in request.path or "\x00" in "".join(request.query.values()):  # what no store takes nobody has
            raise Problem("not-found" if "\x00" in request.path else "malformed-request")
        response = await handler(request)
    except web.HTTPException as answer:
        response = _response(_of_http(answer), request)
    except Exception as fault:  # the top of a request: it is answered with 500, and nothing else is touched
        gone = malformed("Who asked has gone.") if _gone(fault, request) else None
        response = _response(gone or refusal_of(fault) or _fault(fault, request), request)
    _note(request, response.status, started)
    return response


def _gone(fault: Exception, request: web.Request) -> bool:
    """Whether it failed because who asked has closed the connection: nobody reads the answer, and nothing is wrong."""
    closed = request.transport is None or request.transport.is_closing()
    return closed and isinstance(fault, ConnectionResetError)


def _fault(fault: Exception, request: web.Request) -> Problem:
    """Logged by place: the text of an exception may quote a number."""
    last = traceback.extract_tb(fault.__traceback__)[-1]
    log.error(
        "request failed: internal error",
        request=request[REQUEST_ID],
        error=type(fault).__name__,
        at=f"{last.filename}:{last.lineno}",
        text_pii=str(fault),
    )
    return Problem("internal", "The log has more under this request's id.")


def _response(problem: Problem, request: web.Request) -> web.Response:
    return web.json_response(
        problem.body(request[REQUEST_ID]),
        status=problem.status,
        content_type="application/problem+json",
        headers=problem.headers,
    )


def _note(request: web.Request, status: int, started: float) -> None:
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical in ("/healthz", "/readyz"):
        return
    log.info(
        "request",
        request=request[REQUEST_ID],
        method=request.method,
        path=resource.canonical if resource is not None else "(none)",
        status=status,
        user=request.get(USER),
        source=request.remote,
        ms=round((time.monotonic() - started) * 1000, 1),
    )


async def mark(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer; a signal, since those of a websocket are gone before its handler returns."""
    response.headers["Server"] = "voiceai"
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers.update(request.get(PACE, {}))
    if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
