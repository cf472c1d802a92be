"""Requests about a call of another node: carried to that node, and taken by it.

The node that was asked knows who asks: it authenticates, checks scopes and pace, reads the body and writes the line of
the audit log. The other one trusts `cluster.token` alone, is told who asks with which scopes and limits, does what it
would do for them, and answers; idempotency keys count there. The answer comes back as it is, problems too. What was
carried is never carried again: the routes on which it arrives know no other node.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import SecretStr, ValidationError

from bridge.common.auth_throttle import AuthThrottle
from bridge.common.token_bucket import RETRY_AFTER
from controller.api.auth.authenticator import GRANTED, LIMITS, OWNER
from controller.api.auth.limits import Limits
from controller.api.carried_websocket import is_websocket, pass_on
from controller.api.models.base import Body, Name
from controller.api.problems import PACE, REQUEST_ID, USER, Problem, malformed
from controller.cluster.membership import Membership
from controller.cluster.ownership import CallOwners, Owner
from controller.cluster.peer import (
    ANSWERED_BY,
    PREFIX,
    PeerAnswer,
    PeerError,
    PeerNode,
    PeerRefusal,
    PeerRequest,
    Peers,
    PeerTimeout,
    is_token,
)
from controller.config.models.api import SCOPES
from controller.config.models.cluster import Cluster
from controller.config.values import SomeText
from controller.store.database import Database

STREAM = "text/event-stream"
ASKED_BY = "Voiceai-Asked-By"
"""A header, or several to be joined: who asks, as JSON in base64 (`Person`)."""
PIECE = 4000
"""Characters of one: servers take lines of up to 8190."""
Kind = Literal["whole", "stream", "download", "websocket"]
"""Of an answer."""
READ_S = 2.0
"""Seconds for what only reads: few of a token's are answered at once."""
SILENT_S, WRITE_S = 40.0, 30.0
"""Seconds without anything in a stream after which its node is taken for gone: it says every 15 s that it is there.
And seconds for which who asked may read nothing."""
LATER: Mapping[str, str] = {hdrs.RETRY_AFTER: "2"}

CARRIED_PATH = web.RequestKey("carried_path", str)
"""The path for which a request was sent, on the node that it was carried to."""

_GOES = (hdrs.CONTENT_TYPE, "Idempotency-Key", "Last-Event-ID", hdrs.RANGE, hdrs.IF_RANGE, hdrs.IF_MODIFIED_SINCE)
_COMES = (hdrs.CONTENT_TYPE, hdrs.LOCATION, hdrs.RETRY_AFTER, "Idempotency-Replayed", hdrs.ALLOW)
_PASSED_ON = (
    *(hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH, hdrs.CONTENT_RANGE, hdrs.ACCEPT_RANGES, hdrs.LAST_MODIFIED, hdrs.ETAG),
    *(hdrs.CACHE_CONTROL, "X-Accel-Buffering"),
)
"""Headers that are carried on, and back."""


class Person(Body):
    """Who asks another node. A field that this release does not know is refused: it may be a limit. A scope that is not
    known gives nothing."""

    name: SomeText
    owner: SomeText
    """Whose idempotency keys count."""
    scopes: list[str]
    agents: list[Name] | None = None
    trunks: list[Name] | None = None
    """Limits of their key."""


class Carrier:
    """What carries requests from this node to the one that has the call."""

    def __init__(self, owners: CallOwners, peers: Peers) -> None:
        self.owners, self.peers = owners, peers

    async def to_owner(self, request: web.Request, call: str, kind: Kind = "whole") -> web.StreamResponse | None:
        """The answer of the node that has this call; None: no other node has it. What is not `whole` has no end, and is
        passed on as it comes. Raises Problem 502 and 504."""
        owner = await self.owners.elsewhere(call)
        if owner is None:
            return None
        limit, asked = READ_S if request.method in ("GET", "HEAD") else None, await carried(request)
        try:
            if kind == "websocket" and is_websocket(request):
                return await pass_on(request, self.peers, owner.node, asked)
            if kind in ("stream", "download"):
                answer = await self._passed_on(request, owner.node, asked)
            else:
                answer = _response(await self.peers.carry(owner.node, asked, timeout_s=limit))
            return None if answer.status == HTTPStatus.NOT_FOUND and not owner.live else answer
        except PeerRefusal as refusal:
            return _response(refusal.answer)
        except PeerError as error:
            if not owner.live:  # what is known of it here is an answer, too
                return None
            raise unreachable(owner, error) from None

    async def _passed_on(self, request: web.Request, node: PeerNode, asked: PeerRequest) -> web.StreamResponse:
        """Raises PeerError before it has begun. If the node is gone later, the stream ends: who reads it comes back."""
        async with self.peers.open(node, asked, timeout_s=READ_S) as answer:
            self.peers.check_answered_by(node, answer.status_code, answer.headers)
            if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                return _response(await self.peers.rest_of(node, answer, READ_S))
            headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
            response = web.StreamResponse(status=answer.status_code, headers=headers)
            await response.prepare(request)
            try:
                async for piece in self.peers.pieces(node, answer, SILENT_S):
                    async with asyncio.timeout(WRITE_S):
                        await response.write(piece)
                await response.write_eof()
            except (PeerError, TimeoutError, ConnectionError):  # one of the two is gone, or hangs
                if request.transport is not None:
                    request.transport.abort()
            return response


async def carried(request: web.Request) -> PeerRequest:
    """A request whose body has been read, as it goes to another node."""
    kept = [(name, value) for name in _GOES for value in request.headers.getall(name, [])]
    headers = (*_person(request), ("X-Request-Id", request[REQUEST_ID]), *kept)
    return PeerRequest(request.method, request.rel_url.raw_path_qs, headers, await request.read())


def unreachable(owner: Owner, error: PeerError) -> Problem:
    type_ = "node-timeout" if isinstance(error, PeerTimeout) else "node-unreachable"
    what = "If the node is dead, the other nodes end its calls within 15 s: `GET /v1/nodes` shows its state."
    return Problem(type_, f"The node {owner.node.name} has this call. {error} {what}", headers=LATER)


def _response(answer: PeerAnswer) -> web.Response:
    headers = {name: answer.headers[name] for name in _COMES if name in answer.headers}
    return web.Response(body=answer.body or None, status=answer.status, headers=headers)


def _person(request: web.Request) -> Sequence[tuple[str, str]]:
    limits: Limits = request.get(LIMITS, Limits())
    return _asked_by(
        {
            "name": request[USER],
            "owner": request.get(OWNER, request[USER]),
            "scopes": sorted(request.get(GRANTED, ())),
            "agents": None if limits.agents is None else sorted(limits.agents),
            "trunks": None if limits.trunks is None else sorted(limits.trunks),
        }
    )


def question() -> PeerRequest:
    """Of a node on its own behalf, who may see nothing: whether the other one takes its token."""
    person = {"name": "(node)", "owner": "(node)", "scopes": []}
    return PeerRequest("GET", "/v1/calls?limit=1", tuple(_asked_by(person)))


def _asked_by(told: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    text = base64.b64encode(json.dumps(told).encode()).decode()
    return [(ASKED_BY, text[start : start + PIECE]) for start in range(0, len(text), PIECE)]


class NodeGate:
    """Lets other nodes in, by `cluster.token`, and nobody else."""

    def __init__(self, own_name: str, token: SecretStr | None) -> None:
        self.own_name, self._token = own_name, token
        self._throttle = AuthThrottle()

    def admit(self, request: web.Request) -> None:
        """Raises Problem 401, 403 where no token is set, 429 for an address with too many wrong ones, and 404 if
        another node is meant."""
        if self._token is None:
            raise Problem("forbidden", "`cluster.token` is not set on this node: it takes no requests of other nodes.")
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        right = len(given) == 1 and is_token(self._token, given[0])
        if wait := self._throttle.wait(request.remote, "(node)" if right else None, time.monotonic()):
            raise Problem("too-many-guesses", headers={RETRY_AFTER: str(int(wait) + 1)})
        if not right:
            wanted = 'Bearer realm="voiceai nodes", error="invalid_token"'
            raise Problem("unauthorized", "This is for other nodes.", headers={hdrs.WWW_AUTHENTICATE: wanted})
        if request.match_info["node"] != self.own_name:
            raise Problem("unknown-node", f"This is the node {self.own_name}.")

    def taken(self, handler: Handler) -> Handler:
        """`handler`, on behalf of who has asked the other node."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            self.admit(request)
            person = _read(request.headers.getall(ASKED_BY, []))
            request[USER], request[OWNER] = person.name, person.owner
            request[GRANTED] = frozenset(each for each in SCOPES if each in person.scopes)
            request[LIMITS] = Limits(_set(person.agents), _set(person.trunks))
            request[CARRIED_PATH] = request.path.removeprefix(PREFIX.format(name=self.own_name))
            request[PACE] = {ANSWERED_BY: quote(self.own_name, safe="")}
            return await handler(request)

        return guarded


@dataclass(frozen=True, slots=True)
class ApiNode:
    """This node, as far as the API goes. `carrier`: to the others; None: there are none that it hears of."""

    name: str
    gate: NodeGate
    peers: Peers
    carrier: Carrier | None = None

    async def close(self, _: web.Application) -> None:
        await self.peers.close()


def node_of(settings: Cluster, membership: Membership, database: Database, knows: Callable[[str], bool]) -> ApiNode:
    """`knows`: whether a call is on this node, or was lately."""
    name, peers = membership.node.name, Peers(settings.token, ca_file=settings.ca_file)
    carrier = Carrier(CallOwners(membership, database, knows), peers) if membership.shared else None
    return ApiNode(name, NodeGate(name, settings.token), peers, carrier)


def carried_path(path: str) -> str:
    """Of a route on which requests arrive that are sent to `path`."""
    return PREFIX.replace("{name}", "{node}") + path


def _read(pieces: Sequence[str]) -> Person:
    """Raises Problem 400."""
    try:
        return Person.model_validate_json(base64.b64decode("".join(pieces), validate=True))
    except (ValueError, ValidationError):
        raise malformed(f"`{ASKED_BY}` does not say who asks.") from None


def _set(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
