"""HTTP under the API's typed client: requests, streams, and what goes wrong with them.

Owns the connection. Problems are raised as `ApiProblem`, and what stands between as `Unreachable`. A request that may
be sent again, because it changes nothing or has an idempotency key, is sent again when the connection breaks.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import ValidationError

from bridge.common.proxies import BadProxy, ProxyFault, socks_for
from bridge.common.socks import ThroughSocksBlocking
from bridge.common.tls import LOOPBACK
from controller.api.models.base import Answer
from controller.api.problems import ProblemAnswer

TIMEOUT_SECONDS = 15.0
SILENCE_SECONDS = 45.0
"""A stream that sends not even its heartbeat is dead."""
TRIES = 3

A = TypeVar("A", bound=Answer)


class ApiProblem(Exception):
    """What the API said no with (RFC 9457). `type` is the last part of the problem's URI, e.g. `wrong-state`."""

    def __init__(self, problem: ProblemAnswer, retry_after: float | None = None) -> None:
        super().__init__(": ".join(each for each in (problem.title, problem.detail) if each))
        self.problem = problem
        self.type = problem.type.rpartition("/")[2]
        self.status = problem.status
        self.retry_after = retry_after
        """Seconds, where the API says so."""


class Unreachable(Exception):
    """No answer, or none that this client understands."""


class Unusable(Unreachable):
    """Nothing was asked: the URL, the token or the environment (proxy, certificates) can't be used."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """`type` and `data` as in docs/events.md; `id` is what a stream is read on from."""

    id: str | None
    type: str
    data: dict[str, Any]


class ClientTransport:
    """One connection pool to one controller, with one token."""

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url, self.token = url.rstrip("/"), token
        with _made(self.url):
            _check(self.url, token)
            proxy = socks_for(self.url)
            if proxy is not None and transport is None:
                transport = ThroughSocksBlocking(proxy, tls=httpx.create_ssl_context())
            self._http = httpx.Client(
                base_url=self.url,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                transport=transport,
                trust_env=httpx.URL(self.url).host not in LOOPBACK,  # no proxy reaches this machine's loopback
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def _get(self, kind: type[A], path: str, query: dict[str, Any] | None = None) -> A:
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        return self._ask(kind, "GET", path, params=wanted)

    def _post(self, kind: type[A], path: str, body: dict[str, Any] | None = None, **more: Any) -> A:
        sent = {name: value for name, value in (body or {}).items() if value is not None}
        return self._ask(kind, "POST", path, json=sent, **more)

    def _ask(self, kind: type[A], method: str, path: str, **more: Any) -> A:
        return read_answer(kind, self._send(method, path, **more))

    def _send(self, method: str, path: str, *, fine: tuple[int, ...] = (), **more: Any) -> httpx.Response:
        """What can't be done twice by mistake is tried again when the connection breaks, `TRIES` times at most."""
        safe = method == "GET" or "Idempotency-Key" in more.get("headers", {})
        for left in reversed(range(TRIES if safe else 1)):
            try:
                answer = self._http.request(method, path, **more)
                break
            except (httpx.HTTPError, ProxyFault) as error:
                if not left:
                    raise _unreachable(self.url, error) from error
                time.sleep(0.2)
            except UnicodeEncodeError:  # half of a character, as an argument of the command line may have
                raise Unusable("a text is not UTF-8") from None
        if answer.is_error and answer.status_code not in fine:
            raise _problem(answer)
        return answer

    def _pieces(self, path: str, query: dict[str, Any]) -> Iterator[bytes]:
        try:
            with self._http.stream("GET", path, params=query) as answer:
                if answer.is_error:
                    answer.read()
                    raise _problem(answer)
                yield from answer.iter_bytes()
        except (httpx.HTTPError, ProxyFault) as error:
            raise _unreachable(self.url, error) from error

    def _stream(
        self, path: str, query: Mapping[str, Any], last_id: str | None, body: Mapping[str, Any] | None = None
    ) -> Iterator[StreamEvent]:
        """With a `body` it is a POST."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        wait = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
        try:
            asked: dict[str, Any] = {} if body is None else {"json": dict(body)}
            options: dict[str, Any] = {"params": dict(query), "headers": headers, "timeout": wait, **asked}
            with self._http.stream("POST" if asked else "GET", path, **options) as answer:
                if answer.is_error:
                    answer.read()
                    raise _problem(answer)
                yield from _events(_lines(answer.iter_bytes()))
        except (httpx.HTTPError, ProxyFault) as error:
            raise _unreachable(self.url, error) from error


def read_answer(kind: type[A], answer: httpx.Response) -> A:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise Unreachable(
            f"{answer.url.copy_with(path='/')} answers, but not as this version of voiceai does"
        ) from error


def _problem(answer: httpx.Response) -> ApiProblem | Unreachable:
    try:
        problem = ProblemAnswer.model_validate_json(answer.content)
    except ValidationError:
        return Unreachable(f"the answer was HTTP {answer.status_code} {answer.reason_phrase}, which voiceai never says")
    later = answer.headers.get("Retry-After", "")
    return ApiProblem(problem, float(later) if later.isdigit() else None)


@contextmanager
def _made(url: str) -> Iterator[None]:
    """What httpx raises before it asks anybody. Nothing of the token is told."""
    try:
        yield
    except BadProxy as error:
        raise Unusable(str(error)) from None
    except UnicodeError:
        raise Unusable("the URL or the token has letters that can't be sent: set it anew (--url, --token)") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Unusable(
            f"the certificates of SSL_CERT_FILE or SSL_CERT_DIR can't be used ({why}): unset it, or name a PEM file "
            "that this user may read"
        ) from None
    except (httpx.InvalidURL, ValueError):
        raise Unusable(
            f"{url} is no URL such as http://127.0.0.1:8080 (--url), or the environment names a proxy that is none "
            "(ALL_PROXY, HTTPS_PROXY, HTTP_PROXY)"
        ) from None


def _check(url: str, token: str) -> None:
    """Raises ValueError and UnicodeError: httpx would send it, or name the token in what it raises."""
    if httpx.URL(url).scheme not in ("http", "https"):
        raise ValueError
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UnicodeError


def _unreachable(url: str, error: Exception) -> Unreachable:
    return Unreachable(f"voiceai is not answering at {url}: {error or type(error).__name__}")


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """They end with LF only: httpx also ends them at U+2028 and the like, which may stand in what somebody said."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (each.decode("utf-8", "replace") for each in whole)


def _events(lines: Iterator[str]) -> Iterator[StreamEvent]:
    """Server-Sent Events (WHATWG HTML §9.2.6), of which ours have one line of data each."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line and name:
            found[name] = value.removeprefix(" ")
        elif not line:
            if "data" in found:
                yield StreamEvent(found.get("id"), found.get("event", "message"), json.loads(found["data"]))
            found = {}
