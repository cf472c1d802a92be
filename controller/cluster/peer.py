"""Requests of a node to another one, over HTTP: whether it lives, and what is carried to it, by which token.

A request is carried once: the node that it reaches answers for itself or refuses. Nothing is carried without
`cluster.token`, and no redirect is followed. Connections are kept for a moment; to one node there are MOST_AT_ONCE
requests at once.
"""

import asyncio
import hashlib
import hmac
import json
import socket
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from bridge.common.tls import client_context

PREFIX = "/cluster/v1/nodes/{name}"
"""Before the path of what is carried to this node."""
ANSWERED_BY = "Voiceai-Node"
"""A header: the node that has taken what was carried, and answers; of `/healthz` too. Whoever else answers does not say
so."""
TIMEOUT_S, PROBE_S, CONNECT_S = 5.0, 2.0, 2.0
"""Seconds for what is carried, for the question whether a node lives, and for a connection."""
MOST_AT_ONCE, ROOM_S = 64, 1.0
"""Requests to one node, and the seconds that one more waits for room."""
REFUSED_S = 5.0
"""Seconds for which a node that has refused our token is not asked again: it limits wrong tokens of an address
(`auth_throttle`), and other nodes may have ours."""
KEPT_S = 10.0
"""Seconds that a connection stays open after an answer: less than the other side gives it."""
LARGEST_MESSAGE, CLOSE_S = 1 << 20, 1.0
"""Bytes of one message of a websocket, and the seconds that its closing may last."""
MOST_BYTES, MOST_CARRIED_BYTES = 16_384, 8 << 20
"""Of an answer: to a drain, and to what is carried."""


class PeerError(Exception):
    """The other node can't be reached, or does not do it: nothing is done there."""


class TokenRefused(PeerError):
    """The other node does not take our `cluster.token`."""


class PeerTimeout(PeerError):
    """No answer in time, or none to its end: it may have been done."""


class PeerRefusal(Exception):
    """It has taken the request for a websocket, and gives another answer."""

    def __init__(self, answer: "PeerAnswer") -> None:
        super().__init__(f"it answered {answer.status}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class PeerState:
    """What a node answers of itself."""

    state: Literal["accepting", "draining"]
    calls: int


@dataclass(frozen=True, slots=True)
class PeerNode:
    """Another node. `url`: where it says that its API is; empty: it does not."""

    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """`path`: of the operation, such as `/v1/calls/…/hangup`, with the query, percent-encoded."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    status: int
    headers: Mapping[str, str]
    """Without regard to the case of their names."""
    body: bytes = field(default=b"", repr=False)


def is_token(secret: SecretStr, authorization: str) -> bool:
    """Whether this header has the token. In constant time."""
    kind, _, given = authorization.partition(" ")
    right = hmac.compare_digest(_digest(secret.get_secret_value()), _digest(given.strip()))
    return right and kind.lower() == "bearer"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


class Peers:
    """`token`: `cluster.token`; None: nothing is carried. `ca_file`: PEM, of whom to trust by https; None: the system's
    authorities. `close()` at the end."""

    def __init__(self, token: SecretStr | None, timeout_s: float = TIMEOUT_S, *, ca_file: str | None = None) -> None:
        self._token, self._timeout_s, self._ca_file = token, timeout_s, ca_file
        self._clients: dict[bool, httpx.AsyncClient] = {}
        """By whether it is for https."""
        self._refused: dict[tuple[str, str], tuple[float, TokenRefused]] = {}
        """By name and URL of the node: until when it is not asked (monotonic), and why."""
        self._room: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MOST_AT_ONCE))

    async def set_drained(self, name: str, url: str, drained: bool, *, by: str, request_id: str) -> PeerState:
        """`by`: who asks; `request_id`: for the log of that node. Raises PeerError, PeerTimeout."""
        node, path = PeerNode(name, url), "/drain" if drained else "/undrain"
        headers = ("X-Request-Id", request_id), ("Content-Type", "application/json")
        body = json.dumps({"by": by[:128] or "(nobody)"}).encode()
        answer = await self.ask(node, PeerRequest("POST", path, headers, body), most=MOST_BYTES)
        if answer.status in (*_REFUSALS, 404):
            self.check_answered_by(node, answer.status, answer.headers)
        self._refused.pop((name, url), None)
        return _read(name, answer.status, answer.body)

    async def carry(
        self, node: PeerNode, request: PeerRequest, *, timeout_s: float | None = None, most: int = MOST_CARRIED_BYTES
    ) -> PeerAnswer:
        """What the node answers to an operation of the API, whatever that is. Raises PeerError, PeerTimeout."""
        answer = await self.ask(node, request, timeout_s=timeout_s, most=most)
        self.check_answered_by(node, answer.status, answer.headers)
        return answer

    async def ask(
        self, node: PeerNode, request: PeerRequest, *, timeout_s: float | None = None, most: int
    ) -> PeerAnswer:
        """The whole answer, of at most so many bytes. Raises PeerError, PeerTimeout."""
        seconds, room = timeout_s or self._timeout_s, self._room[node.name]
        try:
            async with asyncio.timeout(ROOM_S):
                await room.acquire()
        except TimeoutError:
            raise PeerError(f"{node.name} has not answered {MOST_AT_ONCE} other requests of this node yet.") from None
        try:
            with _failures(node, seconds):
                async with asyncio.timeout(seconds), self.open(node, request, timeout_s=seconds) as response:
                    return await self.rest_of(node, response, seconds, most=most)
        finally:
            room.release()

    @asynccontextmanager
    async def open(
        self, node: PeerNode, request: PeerRequest, *, timeout_s: float | None = None
    ) -> AsyncIterator[httpx.Response]:
        """The answer from its headers on, for which the time limit is; who reads the rest sets another. Raises
        PeerError, PeerTimeout."""
        (url, headers), seconds = self._sent(node, request), timeout_s or self._timeout_s
        with _failures(node, seconds):
            async with asyncio.timeout(seconds):
                client = self._client(url)
                asked = client.build_request(request.method, url, headers=headers, content=request.body)
                response = await client.send(asked, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def rest_of(
        self, node: PeerNode, response: httpx.Response, timeout_s: float, *, most: int = MOST_CARRIED_BYTES
    ) -> PeerAnswer:
        """The whole of an answer that is `open`. Raises PeerTimeout."""
        told = bytearray()
        with _failures(node, timeout_s):
            async with asyncio.timeout(timeout_s):
                async for piece in response.aiter_raw():
                    told += piece
                    if len(told) > most:
                        raise PeerTimeout(f"{node.name} answered with more than {most} bytes. It may have done it.")
        return PeerAnswer(response.status_code, response.headers, bytes(told))

    async def pieces(self, node: PeerNode, response: httpx.Response, silent_s: float) -> AsyncIterator[bytes]:
        """An answer without an end, as it comes. Raises PeerTimeout when nothing comes for so many seconds."""
        came = response.aiter_raw()
        while True:
            with _failures(node, silent_s):
                async with asyncio.timeout(silent_s):
                    piece = await anext(came, None)
            if piece is None:
                return
            yield piece

    async def websocket(self, node: PeerNode, request: PeerRequest, protocols: Sequence[str]) -> ClientConnection:
        """Raises PeerError, PeerTimeout, PeerRefusal."""
        url, headers = self._sent(node, request)
        options = {"max_size": LARGEST_MESSAGE, "close_timeout": CLOSE_S, "open_timeout": None}
        try:
            with _failures(node, self._timeout_s):
                async with asyncio.timeout(self._timeout_s):
                    made = await _Connect(
                        "ws" + url.removeprefix("http"),
                        subprotocols=[Subprotocol(each) for each in protocols] or None,
                        additional_headers=headers,
                        ssl=_trust(url, self._ca_file),
                        compression=None,
                        proxy=None,
                        **options,  # type: ignore[arg-type]
                    )
        except InvalidStatus as refused:
            told = refused.response
            self.check_answered_by(node, told.status_code, told.headers)
            raise PeerRefusal(PeerAnswer(told.status_code, told.headers, bytes(told.body or b""))) from None
        except WebSocketException as error:
            raise PeerError(f"{node.name} opens no websocket: {type(error).__name__}.") from None
        return made

    def check_answered_by(self, node: PeerNode, status: int, headers: Mapping[str, str]) -> None:
        """Raises PeerError for an answer that is not of this node."""
        if headers.get(ANSWERED_BY) == quote(node.name, safe=""):
            self._refused.pop((node.name, node.url), None)
            return
        if status == 404:
            raise PeerError(f"At the `cluster.api_url` of {node.name} another node answers, or a release without this.")
        if status not in _REFUSALS or not headers.get("Content-Type", "").startswith("application/problem+json"):
            raise PeerError(f"{node.name} takes no request of this node at the moment: it answered {status}.")
        refusal = TokenRefused(f"{node.name} refused the `cluster.token` of this node: {_REFUSALS[status]} ({status}).")
        self._refused[node.name, node.url] = monotonic() + REFUSED_S, refusal
        raise refusal

    def refusal(self, name: str, url: str) -> str | None:
        """Why this node has refused our token, if it has and has not taken it since."""
        found = self._refused.get((name, url))
        return str(found[1]) if found is not None else None

    def _sent(self, node: PeerNode, request: PeerRequest) -> tuple[str, list[tuple[str, str]]]:
        """Where to, and with which headers. Raises PeerError."""
        if self._token is None:
            raise PeerError("`cluster.token` is not set on this node: it carries nothing to other nodes.")
        if not node.url:
            raise PeerError(f"Where the API of {node.name} is, is not known: it has no `cluster.api_url`, or is away.")
        until, refusal = self._refused.get((node.name, node.url), (0.0, None))
        if refusal is not None and monotonic() < until:
            raise TokenRefused(str(refusal))
        url = node.url.rstrip("/") + PREFIX.format(name=quote(node.name, safe="")) + request.path
        return url, [("Authorization", f"Bearer {self._token.get_secret_value()}"), *request.headers]

    async def close(self) -> None:
        clients, self._clients = self._clients, {}
        for each in clients.values():
            await each.aclose()

    def _client(self, url: str) -> httpx.AsyncClient:
        tls = url.lower().startswith("https:")
        if tls not in self._clients:
            limits = httpx.Limits(max_keepalive_connections=MOST_AT_ONCE, keepalive_expiry=KEPT_S)
            self._clients[tls] = _client(url, limits, self._ca_file)
        return self._clients[tls]


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """None is followed."""
        return exc


async def answers(node: PeerNode, ca_file: str | None = None, *, named: bool = True) -> bool:
    """Whether this node lives: 200 for `/healthz` at its URL, in an answer that names it. Whatever else answers there
    says nothing of it: another node, something in front that knows the path, or who has a certificate that we don't
    trust. `named`: False of a release before this header; there an answer without it counts."""
    own = quote(node.name, safe="")
    try:
        async with _client(node.url, ca_file=ca_file) as http, asyncio.timeout(PROBE_S):
            answer = await http.get(f"{node.url.rstrip('/')}/healthz")
        return answer.status_code == 200 and answer.headers.get(ANSWERED_BY, "" if named else own) == own
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, TimeoutError):
        return False


def _client(url: str, limits: httpx.Limits | None = None, ca_file: str | None = None) -> httpx.AsyncClient:
    """Whoever asks sets a time limit. Over plain HTTP there is nothing to verify, and reading the authorities takes
    30 ms."""
    context = _trust(url, ca_file)
    return httpx.AsyncClient(
        verify=context if context is not None else False,
        trust_env=False,
        timeout=httpx.Timeout(None, connect=CONNECT_S),
        follow_redirects=False,
        limits=limits or httpx.Limits(),
        headers={"Accept-Encoding": "identity"},
    )


def _trust(url: str, ca_file: str | None) -> ssl.SSLContext | None:
    """None: nothing is encrypted."""
    return client_context("https://", ca_file) if url.lower().startswith("https:") else None


_REFUSALS = {
    401: "it has another one",
    403: "it has none",
    429: "it looks at none from this address for a while, since too many wrong ones came from there",
}
"""Why, by status of a problem without the name of the node: what a node has done on behalf of somebody has it. What is
in front of a node, and refuses, answers with no problem."""
_UNREACHED = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol),
    *(ConnectionRefusedError, socket.gaierror, ssl.SSLError),  # of a websocket
)


@contextmanager
def _failures(node: PeerNode, seconds: float) -> Iterator[None]:
    """Raises PeerError and PeerTimeout for what goes wrong on the way."""
    try:
        yield
    except (*_UNREACHED, httpx.InvalidURL) as error:
        raise PeerError(f"{node.name} can't be reached at its `cluster.api_url`: {type(error).__name__}.") from None
    except (TimeoutError, httpx.TimeoutException):
        raise PeerTimeout(f"{node.name} gave no answer within {seconds:g} s. It may have done it.") from None
    except (httpx.HTTPError, OSError) as error:
        raise PeerTimeout(f"{node.name} broke off its answer: {type(error).__name__}. It may have done it.") from None


def _read(name: str, status: int, told: bytes) -> PeerState:
    try:
        answer = json.loads(told)
        if status == 200:
            return PeerState("draining" if answer["state"] == "draining" else "accepting", int(answer["calls"]))
        detail = str(answer["detail"])[:200]
    except (ValueError, TypeError, KeyError):
        detail = "with nothing that can be read"
    raise PeerError(f"{name} answered {status}: {detail}")
