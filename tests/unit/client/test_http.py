"""Both clients do the same with answers, lost connections and streams. No socket: httpx's own stand-in answers."""

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from voiceai_client import (
    AsyncClient,
    Client,
    ConflictError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnreachableError,
    continued,
    requests,
)
from voiceai_client.async_http import AsyncEventStream, AsyncHttp
from voiceai_client.sync_http import EventStream, SyncHttp

URL, TOKEN = "http://controller.example:8080", "token"
CALL = {
    "id": "c1", "url": "/v1/calls/c1", "direction": "outbound", "state": "queued", "agent": "reception",
    "started_at": "2026-11-22T09:30:00Z", "turns": 0, "latency": {}, "cost": 0, "caller_hold": False,
    "recording": "off",
}  # fmt: skip
IN_USE = {"type": "/problems/key-in-use", "title": "In use", "status": 409, "request_id": "r"}
NO_TOKEN = {"type": "/problems/unauthorized", "title": "No", "status": 401, "request_id": "r"}
STREAM = {"content-type": "text/event-stream; charset=utf-8"}
Answer = httpx.Response | Exception
Use = Callable[[list[Answer], Callable[[Any], Any]], tuple[Any, list[httpx.Request]]]


@pytest.fixture(autouse=True)
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "FIRST_DELAY_SECONDS", 0.0)
    monkeypatch.setattr(continued, "FIRST_DELAY_SECONDS", 0.0)


def transport(answers: list[Answer], seen: list[httpx.Request]) -> httpx.MockTransport:
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        given = next(left)
        if isinstance(given, Exception):
            raise given
        return given

    return httpx.MockTransport(answer)


def synchronously(answers: list[Answer], ask: Callable[[Any], Any]) -> tuple[Any, list[httpx.Request]]:
    seen: list[httpx.Request] = []
    with Client(URL, TOKEN, transport=transport(answers, seen)) as client:
        found = ask(client)
        return (list(found) if isinstance(found, Iterator) else found), seen


def asynchronously(answers: list[Answer], ask: Callable[[Any], Any]) -> tuple[Any, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    async def use() -> Any:
        async with AsyncClient(URL, TOKEN, transport=transport(answers, seen)) as client:
            found = ask(client)
            return await found if inspect.isawaitable(found) else [each async for each in found]

    return asyncio.run(use()), seen


@pytest.fixture(params=[synchronously, asynchronously])
def use(request: pytest.FixtureRequest) -> Use:
    found: Use = request.param
    return found


def lost() -> Exception:
    return httpx.ReadError("connection lost")


def test_a_call_whose_answer_was_lost_is_asked_for_again_with_the_same_key(use: Use) -> None:
    answers: list[Answer] = [lost(), httpx.Response(409, json=IN_USE), httpx.Response(202, json=CALL)]
    call, seen = use(answers, lambda client: client.calls.place(to="+4930123"))
    assert call.id == "c1"
    keys = {each.headers["idempotency-key"] for each in seen}
    assert (len(seen), len(keys)) == (3, 1)
    assert seen[0].content == b'{"to":"+4930123"}'
    assert seen[0].headers["authorization"] == "Bearer token"


def test_what_may_be_done_twice_by_mistake_is_not(use: Use) -> None:
    with pytest.raises(UnreachableError, match="connection lost"):
        use([lost()], lambda client: client.calls.hang_up("c1"))
    with pytest.raises(ConflictError):
        use([httpx.Response(409, json=IN_USE)], lambda client: client.calls.hang_up("c1", idempotency_key="k"))
    with pytest.raises(UnreachableError):
        use([lost(), lost(), lost()], lambda client: client.calls.list())


@pytest.mark.parametrize(("status", "answer"), [(200, {"text": "<html>"}), (302, {}), (200, {"json": []})])
def test_another_server_is_told_apart(use: Use, status: int, answer: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswerError):
        use([httpx.Response(status, **answer)], lambda client: client.calls.list())


def test_none_clears_a_limit_and_what_is_left_out_stays(use: Use) -> None:
    key = {"id": "k", "prefix": "vk", "name": "n", "comment": "", "version": 2, "created_by": "a", "changed_by": "a"}
    _, seen = use([httpx.Response(200, json=key)], lambda client: client.keys.change("k", agents=None, comment="x"))
    assert seen[0].content == b'{"agents":null,"comment":"x"}'
    assert "if-match" not in seen[0].headers


def test_a_refused_download_is_a_problem(use: Use) -> None:
    with pytest.raises(UnauthorizedError):
        use([httpx.Response(401, json=NO_TOKEN)], lambda client: client.history.export())
    pieces, _ = use([httpx.Response(200, content=b"a,b")], lambda client: client.recordings.get("c1", 1))
    assert b"".join(pieces) == b"a,b"


def event(number: int) -> bytes:
    data = f'{{"call": "c1", "attempt": 1, "number": {number}, "state": "talking"}}'
    told = f'{{"id": "e-{number}", "type": "call.adopted", "timestamp": "2026-01-01T00:00:00Z", "data": {data}}}'
    return f"id: e-{number}\nevent: call.adopted\ndata: {told}\n\n".encode()


def test_a_stream_goes_on_until_the_api_says_that_there_is_no_more(use: Use) -> None:
    answers: list[Answer] = [
        lost(),
        httpx.Response(200, headers=STREAM, content=event(1) + event(2)[:20]),
        httpx.Response(503, json=NO_TOKEN | {"status": 503}),
        lost(),
        httpx.Response(200, headers=STREAM, content=event(2)),
        httpx.Response(204),
    ]
    found, seen = use(answers, lambda client: client.calls.events("c1"))
    assert [each.id for each in found] == ["e-1", "e-2"]
    places = [each.headers.get("last-event-id") for each in seen]
    assert places == [None, None, "e-1", "e-1", "e-1", "e-2"]


class Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in itertools.count(1):
            yield event(number)
            await asyncio.sleep(0)


def test_a_stream_that_is_left_by_an_error_closes_without_one_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """Without `async with` the loop closes it at its end."""

    async def read() -> None:
        answers: list[Answer] = [httpx.Response(200, headers=STREAM, stream=Endless())]
        async with AsyncClient(URL, TOKEN, transport=transport(answers, [])) as client:
            async for _ in client.events():
                raise KeyError("of the reader")

    with pytest.raises(KeyError, match="of the reader"):
        asyncio.run(read())
    assert not caplog.records


def test_a_stream_that_is_refused_or_is_none_raises(use: Use) -> None:
    stream = httpx.Response(200, headers=STREAM, content=event(1))
    with pytest.raises(UnauthorizedError):
        use([stream, httpx.Response(401, json=NO_TOKEN)], lambda client: client.events())
    with pytest.raises(UnexpectedAnswerError, match="no stream"):
        use([httpx.Response(200, text="hello")], lambda client: client.events())
    with pytest.raises(UnreachableError):
        use([lost(), lost(), lost()], lambda client: client.events())


def test_what_cannot_be_continued_ends_with_its_connection(use: Use) -> None:
    scenes = httpx.Response(200, headers=STREAM, content=b'event: scenes\ndata: {"scenes": []}\n\n')
    found, _ = use([scenes], lambda client: client.events.live())
    assert [(each.type, each.data) for each in found] == [("scenes", {"scenes": []})]


@pytest.mark.parametrize(
    ("one", "other"), [(Client, AsyncClient), (SyncHttp, AsyncHttp), (EventStream, AsyncEventStream)]
)
def test_both_have_the_same_methods(one: type, other: type) -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        named = {name: each for name, each in inspect.getmembers(kind, callable) if name in kind.__dict__}
        return {
            name.replace("__a", "__"): list(inspect.signature(each).parameters)
            for name, each in named.items()
            if not name.startswith("__") or name in ("__init__", "__enter__", "__aenter__")
        }

    assert methods(one) == methods(other)
