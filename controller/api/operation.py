"""Operations of the API: each is declared once, and served and documented from that declaration.

Owns what all operations share: authentication, scopes, query and body as typed values, the answer as JSON. The OpenAPI
document (`openapi.py`) is made from the same declarations, so that it describes what is served.

To add an operation, declare an `Operation` in the file of its resource and join that in `server.operations_of`; its
problems are names from `problems.TITLES`. `make reference` writes its method of the Python client (`client/`).
A command in `cli/` needs a method in `api/client.py`. The tests with hostile requests find it by themselves.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal, get_origin

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ValidationError

from controller.api.auth.authenticator import GRANTED, LIMITS, OWNER, Authenticator, Lasts
from controller.api.auth.limits import Limits
from controller.api.carrying import CARRIED_PATH, STREAM as STREAM, Carrier, Kind, NodeGate, carried_path
from controller.api.idempotency import Idempotency
from controller.api.models.base import Answer, Body
from controller.api.problems import USER, Problem, malformed
from controller.api.request_body import LARGEST, field_error, read
from controller.calls.errors import UnknownCall
from controller.calls.reporting.view import CallView
from controller.config.models.api import Scope

AUDITED = web.RequestKey("audited", tuple[str, Body | None])
"""The name of an operation that the audit log is told of, and its body or query once that was read."""
OPERATION = web.RequestKey("operation", str)
"""The name of whatever was asked for."""

AUDIT_DETAILS = web.RequestKey("audit_details", dict[str, Any])
"""What the audit log tells of a request besides its body: names and facts, nothing personal, no secret."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, read. `body` and `query` are of the types that the operation declares, None without one."""

    request: web.Request
    body: Any = None
    query: Any = None
    id: str | None = None
    """Of what it makes, if it was sent with a key and is `repeatable`; None: any."""

    @property
    def by(self) -> str:
        """The name of the token; empty where none is needed."""
        by: str = self.request.get(USER, "")
        return by

    def may(self, scope: Scope) -> bool:
        """Besides what the operation needs."""
        return scope in self.request.get(GRANTED, ())

    @property
    def limits(self) -> Limits:
        """What the key reaches."""
        limits: Limits = self.request.get(LIMITS, Limits())
        return limits

    def reaches(self, call: CallView) -> bool:
        return self.limits.reaches(call.agent, call.trunk)

    def reached(self, call: CallView) -> CallView:
        """Raises UnknownCall for one that the key does not reach: it is not to know of it."""
        if not self.reaches(call):
            raise UnknownCall("No live or recent call has this id.")
        return call

    @property
    def carried(self) -> bool:
        """Another node was asked, and vouches for who asks."""
        return CARRIED_PATH in self.request

    def call(self, where: Literal["path", "body", "query"] | None) -> str | None:
        """The id of the call that it concerns; None: of none."""
        if where == "path":
            return self.part("id")
        given: str | None = getattr(self.body if where == "body" else self.query, "call", None)
        return given

    def part(self, name: str) -> str:
        """Of the path."""
        return self.request.match_info[name]


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """An answer with headers of its own."""

    answer: Answer
    headers: Mapping[str, str] = field(default_factory=dict)
    status: HTTPStatus | None = None
    """If it is not the operation's."""


Handle = Callable[[ApiRequest], Awaitable[Answer | ApiResponse | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` is the OpenAPI operationId, and the method in `api/client.py`."""

    name: str
    method: Method
    path: str
    summary: str
    handle: Handle
    answer: type[Answer] | None = None
    """None: there is nothing in it, or `handle` makes the whole response, of the kind `media`."""
    scopes: tuple[Scope, ...] = ()
    """All of them are needed. None: for everybody, without a token."""
    body: type[Body] | None = None
    query: type[Body] | None = None
    status: HTTPStatus = HTTPStatus.OK
    problems: tuple[str, ...] = ()
    """Besides those that any request may meet."""
    media: str = "application/json"
    other_media: tuple[str, ...] = ()
    """Other kinds of a response that `handle` makes, where the query says so."""
    also: Mapping[HTTPStatus, type[Answer] | None] = field(default_factory=dict)
    """Other good answers; None: without a body."""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    """Optional ones, and what they are for."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer: name and what it says."""
    audited: Literal["if it changes something", "with words", "always"] = "if it changes something"
    """When a GET is written into the audit log; `with words`: for those who may have recordings."""
    repeatable: bool = False
    """With an `Idempotency-Key`: it may be done again if its first end is not known. Done twice with the same
    `ApiRequest.id` has the effect of doing it once."""
    limited: bool = False
    """It keeps to what a key that is limited to some agents or trunks reaches; otherwise such a key is refused."""
    largest: int = LARGEST
    """Bytes of its body."""
    idempotency: bool = True
    """False: a POST whose answer may not be kept for an `Idempotency-Key`."""
    of_call: Literal["path", "body", "query"] | None = None
    """It concerns a call, whose id is `id` in the path, or `call` in body or query: if another node has that, it is
    carried to that node."""
    own: Handle | None = None
    """What is answered to another node: of this node alone."""
    tag: str = "calls"


def routes(
    operations: Iterable[Operation],
    authenticator: Authenticator,
    keys: Idempotency | None = None,
    carrier: Carrier | None = None,
) -> list[web.RouteDef]:
    """A HEAD is answered where there is an answer to measure, not on a stream. Without `keys` there is no store,
    without `carrier` no other node."""
    return [
        web.route(
            each.method, each.path, _served(each, authenticator, keys, carrier if each.of_call else None), **_head(each)
        )
        for each in operations
    ]


def carried_routes(operations: Iterable[Operation], gate: NodeGate, keys: Idempotency | None) -> list[web.RouteDef]:
    """On which requests of other nodes arrive. They are answered here, whoever has the call."""
    return [
        web.route(each.method, carried_path(each.path), gate.taken(_carried(each, keys)), **_head(each))
        for each in operations
    ]


def _head(operation: Operation) -> dict[str, Any]:
    return {"allow_head": operation.media != STREAM} if operation.method == "GET" else {}


def _kind(operation: Operation) -> Kind:
    if operation.status is HTTPStatus.SWITCHING_PROTOCOLS:
        return "websocket"
    lasts = _lasts(operation)
    return "whole" if lasts == "moment" else lasts


def _carried(operation: Operation, keys: Idempotency | None) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        return await _done(operation, await _asked(operation, request), keys)

    return serve


async def _asked(operation: Operation, request: web.Request) -> ApiRequest:
    """Raises Problem."""
    if any("\0" in part for part in request.match_info.values()):
        raise Problem("not-found")  # no name has it, and no store could look for it
    query = _query(request, operation.query)
    body = await read(request, operation.body, operation.largest) if operation.body is not None else None
    return ApiRequest(request, body, query)


async def _done(operation: Operation, asked: ApiRequest, keys: Idempotency | None) -> web.StreamResponse:
    if operation.method != "POST" or keys is None or not operation.idempotency:
        return await _answered(operation, asked)
    do = lambda id_: _answered(operation, replace(asked, id=id_))  # noqa: E731
    return await keys.once(asked.request, asked.request.get(OWNER, asked.by), do, repeatable=operation.repeatable)


def _served(
    operation: Operation, authenticator: Authenticator, keys: Idempotency | None, carrier: Carrier | None
) -> Handler:
    kind = _kind(operation)

    async def serve(request: web.Request) -> web.StreamResponse:
        asked = await _asked(operation, request)
        if operation.method != "GET" or _discloses(operation, request):
            request[AUDITED] = operation.name, asked.body or asked.query
        if carrier is not None and (call := asked.call(operation.of_call)) is not None:
            answer = await carrier.to_owner(request, call, kind)
            if answer is not None:
                return answer
        return await _done(operation, asked, keys)

    guarded: Handler = serve
    if operation.scopes:
        guarded = authenticator.require(operation.scopes, serve, _lasts(operation), limited=operation.limited)

    async def noted(request: web.Request) -> web.StreamResponse:
        if operation.method != "GET" or operation.audited == "always":
            request[AUDITED] = operation.name, None  # also of those who may not
        request[OPERATION] = operation.name
        return await guarded(request)

    return noted


def _discloses(operation: Operation, request: web.Request) -> bool:
    if operation.audited == "with words":
        return "recordings" in request.get(GRANTED, ())
    return operation.audited == "always"


def _lasts(operation: Operation) -> Lasts:
    if operation.media == STREAM:
        return "stream"
    return "download" if operation.method == "GET" and operation.answer is None else "moment"


async def _answered(operation: Operation, asked: ApiRequest) -> web.StreamResponse:
    told = await operation.handle(asked)
    if isinstance(told, web.StreamResponse):
        return told
    if isinstance(told, Answer):
        told = ApiResponse(told)
    text = told.answer.model_dump_json()
    status = told.status or operation.status
    return web.Response(text=text, status=status, headers=told.headers, content_type="application/json")


def _query(request: web.Request, kind: type[Body] | None) -> Body | None:
    """Raises Problem 400 for a parameter that is unknown, given twice or wrong."""
    given = request.query
    if any("\0" in value for value in given.values()):
        raise malformed("The query has a NUL character.")
    known = {} if kind is None else kind.model_fields
    many = {name for name, each in known.items() if get_origin(each.annotation) is tuple}
    if any(name not in many and len(given.getall(name)) > 1 for name in set(given)):
        raise malformed("The query has a parameter twice.")
    unknown = [name for name in given if name not in known]
    if unknown:
        there_are = f"There are: {', '.join(known)}." if known else "There are none."
        raise malformed(f"The query has an unknown parameter. {there_are}")
    if kind is None:
        return None
    try:
        values = {name: tuple(given.getall(name)) if name in many else given[name] for name in set(given)}
        return kind.model_validate(values, strict=False)  # from text
    except ValidationError as error:
        details = error.errors(include_url=False)
        wrong = [{"parameter": str(each["loc"][0]), "detail": field_error(each)} for each in details]
        raise malformed("The query has a wrong parameter.", *wrong) from None
