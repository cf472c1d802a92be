"""A typed client of the HTTP API: one method per operation, named as in the OpenAPI document.

    with Client("http://127.0.0.1:8080", token) as voiceai:
        call = voiceai.place_call(to="+4930123", agent="reception")
        voiceai.say(call.id, text="One moment, please.")

Answers are the API's own models, problems are raised as `ApiProblem`, and what stands between as `Unreachable`. A call
is placed with an idempotency key, so that a request whose answer was lost may be sent again: this is done by itself.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import ValidationError

from bridge.common.proxies import BadProxy, ProxyFault, socks_for
from bridge.common.socks import ThroughSocksBlocking
from bridge.common.tls import LOOPBACK
from controller.api.models.audit import AuditPage
from controller.api.models.base import Answer
from controller.api.models.call_trace import TraceAnswer
from controller.api.models.calls import CallAnswer, CallDetailAnswer, CallPage, ParticipantAnswer
from controller.api.models.events import LetterPage, Replayed
from controller.api.models.history import Forgotten, HistoryPage, PastCallDetail
from controller.api.models.queue import QueueAnswer, QueuePage
from controller.api.models.system import ConfigAnswer, Health, Readiness, WorkerAnswer, WorkerPage
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


class Client:
    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.url, self.token = url.rstrip("/"), token
        with _made(self.url):
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

    # ------------------------------------------------------------ calls

    def place_call(self, *, to: str, idempotency_key: str | None = None, **more: Any) -> CallAnswer:
        """`more` as in POST /v1/calls; None is left out."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
        return self._post(CallAnswer, "/v1/calls", {"to": to, **more}, headers=headers)

    def list_calls(self, **query: Any) -> CallPage:
        """`state`, `direction`, `agent`, `trunk`, `limit`, `before`."""
        return self._get(CallPage, "/v1/calls", query)

    def calls(self, **query: Any) -> Iterator[CallAnswer]:
        """All pages of `list_calls`."""
        page = self.list_calls(**query)
        yield from page.calls
        while page.next is not None:
            page = self.list_calls(**query | {"before": page.next})
            yield from page.calls

    def show_call(self, call: str) -> CallDetailAnswer:
        return self._get(CallDetailAnswer, _of(call))

    def trace_call(self, call: str) -> TraceAnswer:
        return self._get(TraceAnswer, _of(call, "trace"))

    def hang_up(self, call: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "hangup"))

    def transfer(self, call: str, *, to: str, **more: Any) -> CallAnswer:
        """`kind`: blind, attended or refer; `announce`, `timeout`, `decide_timeout` as in docs/live-control.md."""
        return self._post(CallAnswer, _of(call, "transfer"), {"to": to, **more})

    def cancel_transfer(self, call: str) -> CallAnswer:
        return self._ask(CallAnswer, "DELETE", _of(call, "transfer"))

    def decide_transfer(self, call: str, *, accept: bool) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "transfer", "decision"), {"accept": accept})

    def supervise(self, call: str, *, to: str | None = None, mode: str = "listen") -> CallAnswer:
        """`mode`: listen, whisper or take_over."""
        return self._post(CallAnswer, _of(call, "supervise"), {"to": to, "mode": mode})

    def leave(self, call: str) -> CallAnswer:
        """The supervisor goes."""
        return self._ask(CallAnswer, "DELETE", _of(call, "supervise"))

    # ------------------------------------------------------------ live calls

    def hold(self, call: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "hold"))

    def resume(self, call: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "resume"))

    def mute(self, call: str, *, side: str) -> CallAnswer:
        """`side`: caller or agent."""
        return self._post(CallAnswer, _of(call, "mute"), {"side": side})

    def unmute(self, call: str, *, side: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "unmute"), {"side": side})

    def send_digits(self, call: str, *, digits: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "dtmf"), {"digits": digits})

    def say(self, call: str, *, text: str, exact: bool = True) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "say"), {"text": text, "exact": exact})

    def switch_agent(self, call: str, **to: Any) -> CallAnswer:
        """`agent`, `instructions`, `variables`: at least one."""
        return self._post(CallAnswer, _of(call, "agent"), to)

    def record(self, call: str, *, action: str) -> CallAnswer:
        """`action`: start, pause, resume or stop."""
        return self._post(CallAnswer, _of(call, "recording"), {"action": action})

    def add_participant(self, call: str, *, to: str) -> ParticipantAnswer:
        return self._post(ParticipantAnswer, _of(call, "participants"), {"to": to})

    def drop_participant(self, call: str, leg: str) -> ParticipantAnswer:
        return self._ask(ParticipantAnswer, "DELETE", _of(call, "participants", leg))

    # ------------------------------------------------------------ the queue

    def list_queue(self, **query: Any) -> QueuePage:
        """`status`, `limit`, `before`."""
        return self._get(QueuePage, "/v1/queue", query)

    def pause_queue(self, trunk: str | None = None) -> QueueAnswer:
        return self._post(QueueAnswer, "/v1/queue/pause", {"trunk": trunk})

    def resume_queue(self, trunk: str | None = None) -> QueueAnswer:
        return self._post(QueueAnswer, "/v1/queue/resume", {"trunk": trunk})

    # ------------------------------------------------------------ events and webhooks

    def stream_events(self, types: Sequence[str] = (), last_id: str | None = None) -> Iterator[StreamEvent]:
        """From now on, or from behind `last_id`. Ends when the connection does, which raises Unreachable."""
        return self._stream("/v1/events", {"type": list(types)}, last_id)

    def stream_call_events(
        self, call: str, types: Sequence[str] = (), last_id: str | None = None
    ) -> Iterator[StreamEvent]:
        """All that has happened in the call and what happens until it ends, with which the stream ends."""
        return self._stream(_of(call, "events"), {"type": list(types)}, last_id)

    def stream_live(self, call: str | None = None) -> Iterator[StreamEvent]:
        """Who speaks, and how loud, twice a second: of all live calls, or of one."""
        return self._stream("/v1/live", {} if call is None else {"call": call}, None)

    def list_dead_letters(self, **query: Any) -> LetterPage:
        """`receiver`, `call`, `after`, `limit`."""
        return self._get(LetterPage, "/v1/webhooks/dead-letters", query)

    def replay_dead_letters(self, *, receiver: str | None = None, call: str | None = None) -> Replayed:
        return self._post(Replayed, "/v1/webhooks/dead-letters/replay", {"receiver": receiver, "call": call})

    def replay_dead_letter(self, number: int) -> Replayed:
        return self._post(Replayed, f"/v1/webhooks/dead-letters/{number}/replay")

    def discard_dead_letter(self, number: int) -> None:
        self._send("DELETE", f"/v1/webhooks/dead-letters/{number}")

    # ------------------------------------------------------------ the rest

    def list_audit(self, **query: Any) -> AuditPage:
        """`by`, `operation`, `call`, `limit`, `before`."""
        return self._get(AuditPage, "/v1/audit", query)

    def list_history(self, **query: Any) -> HistoryPage:
        """`since`, `until`, `direction`, `agent`, `trunk`, `outcome`, `number`, `text`, `limit`, `before`."""
        return self._get(HistoryPage, "/v1/history", query)

    def show_past_call(self, call: str, attempt: int | None = None) -> PastCallDetail:
        return self._get(PastCallDetail, _past(call), {"attempt": attempt})

    def get_recording(self, call: str, number: int = 1, attempt: int | None = None) -> Iterator[bytes]:
        """The file, in pieces."""
        wanted = {} if attempt is None else {"attempt": attempt}
        return self._pieces(_past(call, f"recordings/{number}"), wanted)

    def export_history(self, **query: Any) -> Iterator[bytes]:
        """`format` (csv, json or cdr), and all by which `list_history` seeks. The file, in pieces."""
        return self._pieces("/v1/history/export", {name: each for name, each in query.items() if each is not None})

    def forget_caller(self, number: str) -> Forgotten:
        """Deletes all that is kept of calls from and to this number."""
        return self._post(Forgotten, "/v1/history/forget", {"number": number})

    def show_config(self) -> ConfigAnswer:
        return self._get(ConfigAnswer, "/v1/config")

    def list_workers(self) -> WorkerPage:
        return self._get(WorkerPage, "/v1/workers")

    def drain_worker(self, name: str, *, seconds: float | None = None) -> WorkerAnswer:
        """It takes no new calls; after `seconds` others take over those that it has."""
        return self._post(WorkerAnswer, f"/v1/workers/{quote(name, safe='')}/drain", {"seconds": seconds})

    def health(self) -> Health:
        return self._get(Health, "/healthz")

    def readiness(self) -> Readiness:
        """Also where it says no."""
        return _read(Readiness, self._send("GET", "/readyz", fine=(503,)))

    # ------------------------------------------------------------ over the wire

    def _get(self, kind: type[A], path: str, query: dict[str, Any] | None = None) -> A:
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        return self._ask(kind, "GET", path, params=wanted)

    def _post(self, kind: type[A], path: str, body: dict[str, Any] | None = None, **more: Any) -> A:
        sent = {name: value for name, value in (body or {}).items() if value is not None}
        return self._ask(kind, "POST", path, json=sent, **more)

    def _ask(self, kind: type[A], method: str, path: str, **more: Any) -> A:
        return _read(kind, self._send(method, path, **more))

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

    def _stream(self, path: str, query: Mapping[str, Any], last_id: str | None) -> Iterator[StreamEvent]:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        wait = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
        try:
            with self._http.stream("GET", path, params=dict(query), headers=headers, timeout=wait) as answer:
                if answer.is_error:
                    answer.read()
                    raise _problem(answer)
                yield from _events(answer.iter_lines())
        except (httpx.HTTPError, ProxyFault) as error:
            raise _unreachable(self.url, error) from error


def _of(call: str, *more: str) -> str:
    return "/v1/calls/" + "/".join(quote(each, safe="") for each in (call, *more))


def _past(call: str, *more: str) -> str:
    return "/".join(("/v1/history", quote(call, safe=""), *more))


def _read(kind: type[A], answer: httpx.Response) -> A:
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


def _unreachable(url: str, error: Exception) -> Unreachable:
    return Unreachable(f"voiceai is not answering at {url}: {error or type(error).__name__}")


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
