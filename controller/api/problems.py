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

from controller import limits, routing
from controller.call import view
from controller.store.database import StoreError

log = structlog.get_logger()

REQUEST_ID = web.RequestKey("request_id", str)
USER = web.RequestKey("user", str)
"""The name of the token that asks; absent where none is needed."""

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(eq=False)  # not frozen: whatever catches an exception may set its traceback
class Problem(Exception):
    """An answer that is not the wanted one. `type` is the last part of its URI, `/problems/<type>`."""

    status: HTTPStatus
    type: str
    title: str
    detail: str = ""
    errors: tuple[Mapping[str, str], ...] = ()
    """Of a request's parts: a JSON pointer, or the name of a query parameter, and what is wrong there."""
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, Any]:
        told: dict[str, Any] = {"type": f"/problems/{self.type}", "title": self.title, "status": int(self.status)}
        if self.detail:
            told["detail"] = self.detail
        if self.errors:
            told["errors"] = list(self.errors)
        return told | {"request_id": request_id}


def malformed(detail: str, *errors: Mapping[str, str]) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "malformed-request", "The request can't be understood", detail, errors)


def _of_http(answer: web.HTTPException) -> Problem:
    """What aiohttp itself refuses: unknown paths, other methods, too large bodies."""
    kept: dict[str, str] = {
        name: answer.headers[name] for name in (hdrs.ALLOW, hdrs.RETRY_AFTER) if name in answer.headers
    }
    match answer.status:
        case HTTPStatus.NOT_FOUND:
            return Problem(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            title = "This can't be done here"
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", title, headers=kept)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", "The request is too large")
        case _:
            return Problem(HTTPStatus(answer.status), "http-error", HTTPStatus(answer.status).phrase, headers=kept)


def _of_refusal(refusal: Exception) -> Problem | None:
    """What call control refuses; None: that is no refusal but a fault of ours."""
    text = str(refusal)
    match refusal:
        case limits.NotAllowed():
            return Problem(HTTPStatus.FORBIDDEN, "not-allowed", "This may not be dialled", text)
        case view.UnknownCall():
            return Problem(HTTPStatus.NOT_FOUND, "unknown-call", "There is no such call", text)
        case view.UnknownParticipant():
            return Problem(HTTPStatus.NOT_FOUND, "unknown-participant", "The call has no such participant", text)
        case view.UnknownName() | routing.UnknownAgent():
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown-name", "There is no such trunk or agent", text)
        case view.WrongWebhook():
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-webhook", "A call may not have this webhook", text)
        case view.WrongState():
            return Problem(HTTPStatus.CONFLICT, "wrong-state", "The call can't do that now", text)
        case limits.Busy():
            return _later(HTTPStatus.TOO_MANY_REQUESTS, "at-limit", "Too many calls at once", text)
        case view.WrongMoment():
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-moment", "The call could never be placed", text)
        case StoreError():
            log.error("a request found the store away", reason=text)
            return _later(HTTPStatus.SERVICE_UNAVAILABLE, "store-away", "Nothing can be written down at the moment", "")
        case view.NotReady():
            return _later(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "No call can be made at the moment", text)
        case view.CallRefused():
            return Problem(HTTPStatus.CONFLICT, "refused", "Call control refuses this", text)
        case _:
            return None


def _later(status: HTTPStatus, type_: str, title: str, detail: str) -> Problem:
    return Problem(status, type_, title, detail, headers={hdrs.RETRY_AFTER: "5"})


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware. An exception that nobody foresaw becomes a 500 that says nothing of the inside."""
    started = time.monotonic()
    given = request.headers.get("X-Request-Id", "")
    request[REQUEST_ID] = given if _GIVEN_ID.fullmatch(given) else uuid4().hex
    try:
        response = await handler(request)
    except Problem as problem:
        response = _response(problem, request)
    except web.HTTPException as answer:
        response = _response(_of_http(answer), request)
    except Exception as fault:
        response = _response(_of_refusal(fault) or _fault(fault, request), request)
    _note(request, response.status, started)
    return response


def _fault(fault: Exception, request: web.Request) -> Problem:
    """Logged by place: the text of an exception may quote a number."""
    last = traceback.extract_tb(fault.__traceback__)[-1]
    log.error(
        "request failed by a fault of ours",
        request=request[REQUEST_ID],
        error=type(fault).__name__,
        at=f"{last.filename}:{last.lineno}",
        text_pii=str(fault),
    )
    title = "Something went wrong on our side"
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", title, "The log has more under this request's id.")


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
        ms=round((time.monotonic() - started) * 1000, 1),
    )


async def mark(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer; a signal, since those of a websocket are gone before its handler returns."""
    response.headers["Server"] = "voiceai"
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
