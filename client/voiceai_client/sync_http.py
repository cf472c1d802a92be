"""HTTP under `Client`: requests, downloads and streams, over httpx.

Owns the connections. The rules are in `requests` and `continued`.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from voiceai_client import requests
from voiceai_client.continued import SILENCE_SECONDS, ContinuedStream, accepts
from voiceai_client.decoding import Model, decode
from voiceai_client.errors import ProblemError, UnexpectedAnswerError, UnreachableError, error_of
from voiceai_client.events import StreamItem
from voiceai_client.requests import Request
from voiceai_client.server_sent_events import SseParser, StreamEvent
from voiceai_client.trust import trusted

M = TypeVar("M", bound=Model)


class SyncHttp:
    def __init__(
        self, url: str, token: str, ca_file: str | Path | None, timeout: float, transport: httpx.BaseTransport | None
    ) -> None:
        self.url, self._timeout = requests.checked_url(url), timeout
        self._http = httpx.Client(
            base_url=self.url,
            headers=requests.common_headers(token),
            timeout=timeout,
            verify=trusted(ca_file),
            trust_env=not requests.is_loopback(self.url),
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

    def ask(self, kind: type[M], request: Request) -> M:
        return decode(kind, requests.body_of(self.send(request).content))

    def ask_or_none(self, kind: type[M], request: Request) -> M | None:
        """None: the answer has no content."""
        content = self.send(request).content
        return decode(kind, requests.body_of(content)) if content else None

    def text(self, request: Request) -> str:
        return self.send(request).text

    def send(self, request: Request) -> httpx.Response:
        """Raises UnreachableError, ProblemError, UnexpectedAnswerError."""
        tried = 0
        while True:
            tried += 1
            failed: Exception
            try:
                answer = self._http.request(**self._options(request))
            except httpx.RequestError as error:
                wait, failed = requests.again(request, tried), self.unreachable(error)
            else:
                problem = requests.problem_in(request, answer.status_code, answer.headers, answer.content)
                if problem is None:
                    return answer
                wait, failed = requests.again(request, tried, problem), problem
            if wait is None:
                raise failed
            time.sleep(wait)

    def pieces(self, request: Request) -> Iterator[bytes]:
        """A download, as it comes."""
        with self.response(request) as answer:
            try:
                yield from answer.iter_bytes()
            except httpx.RequestError as error:
                raise self.unreachable(error) from error

    def stream(self, request: Request) -> Iterator[StreamEvent]:
        """A stream that can't be continued: it ends with its connection."""
        with self.response(request, SILENCE_SECONDS) as answer:
            parser = SseParser()
            try:
                for piece in answer.iter_bytes():
                    yield from parser.feed(piece)
            except httpx.RequestError as error:
                raise self.unreachable(error) from error

    def events(
        self, request: Request, last_event_id: str | None, reconnect_for_s: float, *, one_call: bool = False
    ) -> "EventStream":
        return EventStream(self, ContinuedStream(request, last_event_id, reconnect_for_s, one_call=one_call))

    @contextmanager
    def response(self, request: Request, silence_s: float | None = None) -> Iterator[httpx.Response]:
        """A good answer of which nothing was read. Raises UnreachableError, ProblemError, UnexpectedAnswerError."""
        try:
            answer = self._http.send(self._http.build_request(**self._options(request, silence_s)), stream=True)
        except httpx.RequestError as error:
            raise self.unreachable(error) from error
        try:
            if not answer.is_success:
                raise self._refusal(answer)
            yield answer
        finally:
            answer.close()

    def _refusal(self, answer: httpx.Response) -> Exception:
        try:
            content = answer.read()
        except httpx.RequestError as error:
            return self.unreachable(error)
        return error_of(answer.status_code, answer.headers.get("retry-after"), content)

    def _options(self, request: Request, silence_s: float | None = None) -> dict[str, Any]:
        longest = max(self._timeout, request.longest_s) if silence_s is None else silence_s
        return {
            "method": request.method,
            "url": request.path,
            "params": request.query,
            "headers": request.all_headers,
            "timeout": httpx.Timeout(self._timeout, read=longest),
            **({} if request.body is None else {"json": request.body}),
        }

    def unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError(f"voiceai does not answer at {self.url}: {error or type(error).__name__}")


class EventStream(Iterator[StreamItem]):
    """Events as they happen. The stream is continued by itself where it broke off; `Gap` says where events are missing.

    Raises ProblemError for what coming back does not mend (401, 404), and UnreachableError when it was away for too
    long. As a context manager it is open from the beginning of the block, otherwise from the first event on. `close`
    ends it early."""

    def __init__(self, http: SyncHttp, stream: ContinuedStream) -> None:
        self._http, self._stream = http, stream
        self._items = self._run()
        self._begun = False

    @property
    def last_event_id(self) -> str | None:
        """The place behind the event that was returned last: give it to a later stream to continue there."""
        return self._stream.last_event_id

    def __next__(self) -> StreamItem:
        self._begun = True
        while (item := next(self._items)) is None:
            pass
        return item

    def __enter__(self) -> Self:
        if not self._begun:
            self._begun = True
            next(self._items, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._items.close()

    def _run(self) -> Generator[StreamItem | None, None, None]:
        """None: the first connection is open."""
        first = True
        while True:
            problem: Exception | None = None
            try:
                with self._http.response(self._stream.next_request(), SILENCE_SECONDS) as answer:
                    if answer.status_code == httpx.codes.NO_CONTENT:
                        return
                    if not accepts(answer.headers):
                        raise UnexpectedAnswerError("the answer is no stream of events")
                    if first:
                        first = False
                        yield None
                    yield from self._stream.opened()
                    for piece in answer.iter_bytes():
                        yield from self._stream.feed(piece)
                if self._stream.is_over():
                    return
                failed: Exception = UnreachableError(f"the stream of {self._http.url} ended")
            except httpx.RequestError as error:
                failed = self._http.unreachable(error)
            except UnreachableError as error:
                failed = error
            except ProblemError as error:
                failed = problem = error
            wait = self._stream.delay(time.monotonic(), problem)
            if wait is None:
                raise failed
            time.sleep(wait)
