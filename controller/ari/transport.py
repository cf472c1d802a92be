"""One ARI request over HTTP, with a time limit; failures become `AriError`.

Owns the time limit and the translation of httpx's exceptions. Never retries: most of ARI's operations take effect twice
if sent twice. Parameters go into a JSON body and not into the URL (Asterisk reads either): they can hold telephone
numbers, and httpx and proxies log URLs.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from bridge.common.strict_json import well_formed
from controller.ari.errors import AriError, BadAnswer, BadArgument, TimedOut, Unavailable, refusal
from controller.ari.http_transport import HttpTransport
from controller.ari.resources import BadShape, Json
from controller.ari.websocket_transport import WebSocketTransport

Read = TypeVar("Read")

Observer = Callable[[str, float, str], None]
"""Called after each request with the operation, the seconds, and `ok` or the kind of AriError, such as `notfound`."""

MAX_MESSAGE = 1000
"""Characters of Asterisk's message about a refusal that are kept."""
TIMEOUT = 5.0
"""Seconds for one request with its connection: a stopped Asterisk accepts requests and never answers."""
CONNECT_TIMEOUT = 3.0

_LIMITS = httpx.Limits(
    max_connections=32,
    max_keepalive_connections=8,  # with each request httpcore looks at all that are idle
    keepalive_expiry=10.0,  # less than the 15 s of Asterisk (http.conf session_keep_alive)
)

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes. A list of 1,000 channels has about 1 MiB."""

_ID = re.compile(r"[A-Za-z0-9_.:@;+=-]{1,149}")  # 149: AST_MAX_PUBLIC_UNIQUEID
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\([^\x00-\x1f\x7f]*\))?")


def checked_url(url: str) -> str:
    """ARI's base URL without a slash at its end. Raises BadArgument."""
    wrong = "the ARI url must be like http://127.0.0.1:8088/ari, without user and password"
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise BadArgument(wrong) from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query:
        raise BadArgument(wrong)
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise BadArgument(wrong)
    return str(parsed).rstrip("/")


def checked_id(what: str, value: str) -> str:
    """An id that we or Asterisk made. Raises BadArgument for one that could change the path of a request."""
    if not _ID.fullmatch(value) or value in (".", ".."):
        raise BadArgument(f"not a usable {what} id")
    return value


def segment(what: str, value: str) -> str:
    return quote(checked_id(what, value), safe="")


def reported_id(what: str, value: str) -> str:
    """An id that Asterisk reported. Other applications choose such ids (ARI's `channelId`, `systemname`), so it may be
    any text; it must be possible to hang up every channel. Raises BadArgument for an id that can't be sent."""
    if not value or value in (".", "..") or len(value) > 1000:
        raise BadArgument(f"not a usable {what} id")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadArgument(f"not a usable {what} id") from None
    return value


def reported_segment(what: str, value: str) -> str:
    return quote(reported_id(what, value), safe="")


def checked_variable(name: str) -> str:
    """A channel variable or dialplan function, such as `VOICEAI_CALL` or `CDR(ai_session)`."""
    if not _VARIABLE.fullmatch(name):
        raise BadArgument("not a usable variable name")
    return name


def checked_variables(variables: Mapping[str, str] | None) -> dict[str, str] | None:
    return {checked_variable(name): value for name, value in variables.items()} if variables else None


def given(**fields: object) -> dict[str, Any]:
    """The fields that have a value. Raises BadArgument for control characters, which SIP does not allow."""
    for name, value in fields.items():
        if isinstance(value, str) and _CONTROL.search(value):
            raise BadArgument(f"{name} holds a control character")
    return {name: value for name, value in fields.items() if value is not None}


@contextmanager
def _translated_errors(operation: str) -> Iterator[None]:
    """Exceptions of httpx and asyncio become AriError."""
    try:
        yield
    except (TimeoutError, httpx.TimeoutException) as error:
        raise TimedOut(operation, None, "no answer in time") from error
    except (httpx.RequestError, httpx.InvalidURL, OSError) as error:  # OSError: for example no free file descriptor
        raise Unavailable(operation, None, f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)


class Transport:
    """The lower half of `Ari`; `async with` closes its connections. Raises BadArgument for an invalid URL.

    `trust`: certificates for https; by default those that httpx trusts.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        app: str,
        *,
        timeout: float = TIMEOUT,
        connect_timeout: float = CONNECT_TIMEOUT,
        observe: Observer | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.app = checked_id("app", app)
        self._timeout = timeout
        self._base = checked_url(url)
        self._observers = [observe] if observe is not None else []
        # Over plain HTTP there is nothing to verify, and reading the CA list takes 30 ms.
        tls = trust if trust is not None else url.startswith("https:")
        http = HttpTransport(tls, _LIMITS, largest=LARGEST_ANSWER)
        self.websocket = WebSocketTransport(http, f"{httpx.URL(self._base).path.rstrip('/')}/")
        """The event link, if there is one, calls its `opened`, `take` and `closed`."""
        self._http = httpx.AsyncClient(
            transport=self.websocket,
            auth=httpx.BasicAuth(username, password),
            timeout=httpx.Timeout(timeout, connect=min(connect_timeout, timeout)),
            headers={"Accept-Encoding": "identity"},
        )

    def also_observe(self, observe: Observer) -> None:
        self._observers.append(observe)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _call(
        self, operation: str, method: str, path: str, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> _Answer:
        """Send one request and return an answer of status 2xx."""
        started, result = perf_counter(), "cancelled"
        try:
            answer = await self._send(operation, method, path, body, query)
            result = "ok"
        except AriError as error:
            result = type(error).__name__.lower()
            raise
        finally:
            for observe in self._observers:
                observe(operation, perf_counter() - started, result)
        return answer

    async def _send(
        self, operation: str, method: str, path: str, body: Json | None, query: Mapping[str, str] | None
    ) -> _Answer:
        with _translated_errors(operation):
            async with asyncio.timeout(self._timeout):
                # An empty object is not sent: without a body there are no parameters.
                async with self._http.stream(method, self._base + path, json=body or None, params=query) as response:
                    answer = await _read(operation, response)
        if not response.is_success:
            raise refusal(operation, answer.status, _message(answer))
        return answer

    async def _do(
        self, operation: str, method: str, path: str, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> None:
        await self._call(operation, method, path, body, query)

    async def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[Any], Read],
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Read:
        """Send one request and read its answer. Raises BadAnswer if that fails."""
        answer = await self._call(operation, method, path, body, query)
        try:
            source = json.loads(answer.body)
            if not isinstance(source, dict | list):
                raise BadShape("neither an object nor a list")
            return read(source)
        except (ValueError, RecursionError, AttributeError) as error:
            raise BadAnswer(operation, answer.status, "the answer is not of the documented form") from error


async def _read(operation: str, response: httpx.Response) -> _Answer:
    """The body; Asterisk does not compress. Raises BadAnswer if it is too large."""
    body = b"".join([piece async for piece in response.aiter_raw()])
    if len(body) > LARGEST_ANSWER:
        raise BadAnswer(operation, response.status_code, "the answer is too large")
    return _Answer(response.status_code, response.headers, body)


def _message(answer: _Answer) -> str | None:
    """Asterisk's message: in `message` or, where an allocation failed, in `error`."""
    try:
        source = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(source, dict):
        return None
    message = source.get("message", source.get("error"))
    return well_formed(message[:MAX_MESSAGE]) if isinstance(message, str) else None
