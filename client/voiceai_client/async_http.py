"""HTTP under `AsyncClient`: requests, downloads and streams, over httpx.

Owns the connections. The rules are in `requests` and `continued`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
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


class AsyncHttp:
    def __init__(
        self,
        url: str,
        token: str,
        ca_file: str | Path | None,
        timeout: float,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.url, self._timeout = requests.checked_url(url), timeout
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers=requests.common_headers(token),
            timeout=timeout,
            verify=trusted(ca_file),
            trust_env=not requests.is_loopback(self.url),
            transport=transport,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, kind: type[M], request: Request) -> M:
        return decode(kind, requests.body_of((await self.send(request)).content))

    async def ask_or_none(self, kind: type[M], request: Request) -> M | None:
        """None: the answer has no content."""
        content = (await self.send(request)).content
        return decode(kind, requests.body_of(content)) if content else None

    async def text(self, request: Request) -> str:
        return (await self.send(request)).text

    async def send(self, request: Request) -> httpx.Response:
        """Raises UnreachableError, ProblemError, UnexpectedAnswerError."""
        tried = 0
        while True:
            tried += 1
            failed: Exception
            try:
                answer = await self._http.request(**self._options(request))
            except httpx.RequestError as error:
                wait, failed = requests.again(request, tried), self.unreachable(error)
            else:
                problem = requests.problem_in(request, answer.status_code, answer.headers, answer.content)
                if problem is None:
                    return answer
                wait, failed = requests.again(request, tried, problem), problem
            if wait is None:
                raise failed
            await asyncio.sleep(wait)

    async def pieces(self, request: Request) -> AsyncIterator[bytes]:
        """A download, as it comes."""
        async with self.response(request) as answer:
            try:
                async for piece in answer.aiter_bytes():
                    yield piece
            except httpx.RequestError as error:
                raise self.unreachable(error) from error

    async def stream(self, request: Request) -> AsyncIterator[StreamEvent]:
        """A stream that can't be continued: it ends with its connection."""
        async with self.response(request, SILENCE_SECONDS) as answer:
            parser = SseParser()
            try:
                async for piece in answer.aiter_bytes():
                    for event in parser.feed(piece):
                        yield event
            except httpx.RequestError as error:
                raise self.unreachable(error) from error

    def events(
        self, request: Request, last_event_id: str | None, reconnect_for_s: float, *, one_call: bool = False
    ) -> "AsyncEventStream":
        return AsyncEventStream(self, ContinuedStream(request, last_event_id, reconnect_for_s, one_call=one_call))

    def response(self, request: Request, silence_s: float | None = None) -> "_Streamed":
        """A good answer of which nothing was read. Raises UnreachableError, ProblemError, UnexpectedAnswerError."""
        return _Streamed(self, self._http, self._http.build_request(**self._options(request, silence_s)))

    async def _refusal(self, answer: httpx.Response) -> Exception:
        try:
            content = await answer.aread()
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


class _Streamed:
    """An answer while its block is open. No generator: a loop that ends closes those that are left all at once, and one
    that is within another one then fails."""

    def __init__(self, owner: AsyncHttp, http: httpx.AsyncClient, request: httpx.Request) -> None:
        self._owner, self._http, self._request = owner, http, request
        self._answer: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        try:
            answer = await self._http.send(self._request, stream=True)
        except httpx.RequestError as error:
            raise self._owner.unreachable(error) from error
        self._answer = answer
        if answer.is_success:
            return answer
        try:
            raise await self._owner._refusal(answer)
        finally:
            await answer.aclose()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._answer is not None:
            await self._answer.aclose()


class AsyncEventStream(AsyncIterator[StreamItem]):
    """Events as they happen. The stream is continued by itself where it broke off; `Gap` says where events are missing.

    Raises ProblemError for what coming back does not mend (401, 404), and UnreachableError when it was away for too
    long. As a context manager it is open from the beginning of the block, otherwise from the first event on. `close`
    ends it early."""

    def __init__(self, http: AsyncHttp, stream: ContinuedStream) -> None:
        self._http, self._stream = http, stream
        self._items = self._run()
        self._begun = False

    @property
    def last_event_id(self) -> str | None:
        """The place behind the event that was returned last: give it to a later stream to continue there."""
        return self._stream.last_event_id

    async def __anext__(self) -> StreamItem:
        self._begun = True
        while (item := await anext(self._items)) is None:
            pass
        return item

    async def __aenter__(self) -> Self:
        if not self._begun:
            self._begun = True
            await anext(self._items, None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._items.aclose()

    async def _run(self) -> AsyncGenerator[StreamItem | None, None]:
        """None: the first connection is open."""
        first = True
        while True:
            problem: Exception | None = None
            try:
                async with self._http.response(self._stream.next_request(), SILENCE_SECONDS) as answer:
                    if answer.status_code == httpx.codes.NO_CONTENT:
                        return
                    if not accepts(answer.headers):
                        raise UnexpectedAnswerError("the answer is no stream of events")
                    if first:
                        first = False
                        yield None
                    for item in self._stream.opened():
                        yield item
                    async for piece in answer.aiter_bytes():
                        for item in self._stream.feed(piece):
                            yield item
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
            await asyncio.sleep(wait)
