"""Requests over the event websocket: which of them, what comes of a lost one, and how many wait behind each other."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from controller.ari.websocket_transport import WebSocketTransport

BASE = "http://127.0.0.1:8088/ari"


class Socket:
    """The websocket: what was sent on it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.full = asyncio.Lock()
        """Held: nothing more can be sent."""
        self._changed = asyncio.Condition()

    async def send(self, message: str) -> None:
        async with self.full, self._changed:
            self.sent.append(json.loads(message))
            self._changed.notify_all()

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: len(self.sent) >= count)
        return self.sent


class Http(httpx.AsyncBaseTransport):
    """The other way: what was asked there."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        return httpx.Response(204)


def answer(number: str, status: int = 204, **more: Any) -> bytes:
    return json.dumps({"type": "RESTResponse", "request_id": number, "status_code": status, **more}).encode()


class Ways:
    """The transport with both ends; `prompt`: the websocket has answered its first request."""

    def __init__(self) -> None:
        self.http, self.socket = Http(), Socket()
        self.transport = WebSocketTransport(self.http, "/ari/")
        self.client = httpx.AsyncClient(transport=self.transport)

    async def opened(self, *, prompt: bool = True) -> "Ways":
        await self.transport.opened(self.socket)
        if prompt:
            assert self.transport.take(answer(self.socket.sent[0]["request_id"], 200))
        self.socket.sent.clear()
        return self

    def ask(self, path: str, method: str = "GET", body: Any = None) -> "asyncio.Task[httpx.Response]":
        return asyncio.create_task(self.client.request(method, BASE + path, json=body))

    async def sent(self, count: int) -> list[dict[str, Any]]:
        return await self.socket.until(count)


async def test_a_request_and_its_answer() -> None:
    ways = await Ways().opened()
    asked = ways.ask("/channels/a%20b/variable?variable=X(y%2Cz)", "POST", {"value": "bär"})
    (sent,) = await ways.sent(1)
    assert (sent["type"], sent["method"]) == ("RESTRequest", "POST")
    assert sent["uri"] == "channels/a%20b/variable?variable=X(y%2Cz)"
    assert json.loads(sent["message_body"]) == {"value": "bär"}
    body = {"message": "Channel not found"}
    assert ways.transport.take(answer(sent["request_id"], 404, message_body=json.dumps(body)))
    got = await asked
    assert (got.status_code, got.json(), ways.http.asked) == (404, body, [])


@pytest.mark.parametrize(
    "path",
    ["/channels", "/bridges", "/channels/externalMedia", "/channels/create", "/applications/a", "/endpoints/PJSIP/a"],
)
async def test_what_can_take_long_goes_over_http(path: str) -> None:
    ways = await Ways().opened()
    await ways.ask(path)
    assert (ways.http.asked, ways.socket.sent) == (["/ari" + path], [])


async def test_without_a_link_or_an_asterisk_that_knows_them_all_goes_over_http() -> None:
    ways = Ways()
    await ways.ask("/channels/a")
    await ways.opened(prompt=False)
    await ways.ask("/channels/a")
    ways.transport.take(answer("0"))
    ways.transport.closed()
    await ways.ask("/channels/a")
    assert ways.http.asked == ["/ari/channels/a"] * 3


async def test_nobody_waits_behind_another_channel_that_does_not_answer() -> None:
    ways = await Ways().opened()
    stuck = [ways.ask("/channels/a"), ways.ask("/channels/a/variable?variable=X")]
    await ways.sent(2)
    assert (await ways.ask("/channels/b")).status_code == 204
    assert (await ways.ask("/bridges/a")).status_code == 204
    assert ways.http.asked == ["/ari/channels/b", "/ari/bridges/a"]
    for each in ways.socket.sent:
        ways.transport.take(answer(each["request_id"]))
    await asyncio.gather(*stuck)
    again = ways.ask("/channels/b")
    await ways.sent(3)
    ways.transport.take(answer(ways.socket.sent[2]["request_id"]))
    await again


async def test_a_lost_link_ends_what_waits() -> None:
    ways = await Ways().opened()
    asked = ways.ask("/channels/a")
    await ways.sent(1)
    ways.transport.closed()
    with pytest.raises(httpx.ReadError):
        await asked
    assert (await ways.ask("/channels/a")).status_code == 204


async def test_who_gave_up_leaves_the_way_free_and_a_late_answer_is_nobodys() -> None:
    ways = await Ways().opened()
    asked = ways.ask("/channels/a")
    (sent,) = await ways.sent(1)
    asked.cancel()
    await asyncio.wait([asked])
    assert ways.transport.take(answer(sent["request_id"]))
    ways.ask("/channels/b")
    assert (await ways.sent(2))[1]["uri"] == "channels/b"


async def test_a_request_that_never_gets_an_answer_is_over_when_a_later_ping_has_one() -> None:
    """Perhaps it was given up before it was sent. Asterisk answers in order."""
    ways = await Ways().opened()
    lost = ways.ask("/channels/a")
    await ways.sent(1)
    lost.cancel()
    await asyncio.wait([lost])
    await ways.ask("/channels/b")
    await ways.ask("/channels/c")
    _, ping = await ways.sent(2)
    assert (ping["uri"], ways.http.asked) == ("asterisk/ping", ["/ari/channels/b", "/ari/channels/c"])
    assert ways.transport.take(answer(ping["request_id"], 200))
    asked = ways.ask("/channels/d")
    sent = (await ways.sent(3))[2]
    assert sent["uri"] == "channels/d"
    ways.transport.take(answer(sent["request_id"]))
    assert (await asked).status_code == 204


async def test_a_ping_that_was_given_up_before_it_was_sent_is_followed_by_another() -> None:
    ways = await Ways().opened()
    lost = ways.ask("/channels/a")
    await ways.sent(1)
    lost.cancel()
    async with ways.socket.full:
        hurried = ways.ask("/channels/b")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hurried, 0.05)
    await ways.ask("/channels/c")
    assert [each["uri"] for each in await ways.sent(2)] == ["channels/a", "asterisk/ping"]


async def test_a_request_that_was_given_up_holds_nobody_up_until_its_answer() -> None:
    """Asterisk still waits for the channel's lock, and reads no further request of this websocket."""
    ways = await Ways().opened()
    asked = ways.ask("/channels/a")
    (sent,) = await ways.sent(1)
    asked.cancel()
    await asyncio.wait([asked])
    assert (await ways.ask("/channels/b")).status_code == 204
    assert (await ways.ask("/channels/a")).status_code == 204
    assert ways.http.asked == ["/ari/channels/b", "/ari/channels/a"]
    ways.transport.take(answer(sent["request_id"]))
    ways.ask("/channels/b")
    assert [each["uri"] for each in await ways.sent(3)] == ["channels/a", "asterisk/ping", "channels/b"]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"StasisStart"}',
        b'{"type":"RESTResponse"',
        b'{"type":"RESTResponse","status_code":200}',
        b'{"type":"RESTResponse","request_id":"1","status_code":"200"}',
        b'{"type":"RESTResponse","request_id":"1","status_code":99}',
        b'{"type":"RESTResponse","request_id":"1","status_code":200,"message_body":{}}',
        b'["RESTResponse"]',
    ],
)
async def test_what_is_no_answer_is_left_to_who_reads_events(frame: bytes) -> None:
    ways = await Ways().opened()
    assert not ways.transport.take(frame)


async def test_an_answer_with_half_a_character() -> None:
    ways = await Ways().opened()
    asked = ways.ask("/channels/a")
    (sent,) = await ways.sent(1)
    ways.transport.take(answer(sent["request_id"], 200, message_body='{"name":"\ud800"}'))
    assert (await asked).status_code == 200
