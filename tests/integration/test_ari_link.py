"""The event link against a small Asterisk of our own that can refuse, drop, lie and fall silent."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.utils import accept_key

from bridge.common.backoff import Backoff
from controller.ari.errors import AriError, Unauthorized, Unavailable
from controller.ari.events import ApplicationReplaced, ChannelUnhold, Event, Other, StasisEnd
from controller.ari.link import Link, LinkDown, LinkUp
from controller.ari.rest import BadArgument

FAST = Backoff((0.01,))
REPLACED = json.dumps({"type": "ApplicationReplaced", "application": "voiceai"})

News = LinkUp | LinkDown | Event
Script = Callable[[ServerConnection], Any]


def unhold(channel: str) -> str:
    return json.dumps({"type": "ChannelUnhold", "channel": {"id": channel, "name": "PJSIP/x", "state": "Up"}})


@dataclass
class Pbx:
    """Refuses with each of `refusals` in turn, then serves one of `scripts` to each connection, the last for ever."""

    refusals: list[int] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: list[ServerConnection] = field(default_factory=list)
    url: str = ""

    locations: list[str] = field(default_factory=list)
    """Of the refusals that are redirects, in turn."""

    def decide(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if not self.refusals:
            return None
        answer = connection.respond(HTTPStatus(self.refusals.pop(0)), "no\n")
        if self.locations:
            answer.headers["Location"] = self.locations.pop(0)
        return answer

    async def talk(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        await script(connection)


async def stay(connection: ServerConnection) -> None:
    await connection.wait_closed()


def say(*frames: str | bytes) -> Script:
    async def script(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)
        await connection.wait_closed()

    return script


def say_and_close(*frames: str, code: int = 1000) -> Script:
    async def script(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)
        await connection.close(code)

    return script


def say_and_abort(*frames: str) -> Script:
    async def script(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)
        connection.transport.abort()

    return script


@pytest.fixture
async def pbx() -> AsyncIterator[Pbx]:
    pbx = Pbx(scripts=[stay])
    async with serve(pbx.talk, "127.0.0.1", 0, process_request=pbx.decide, close_timeout=0.2) as server:
        pbx.url = address(server)
        yield pbx


def address(server: Server) -> str:
    host, port = next(iter(server.sockets)).getsockname()
    return f"http://{host}:{port}/ari"


def link_to(pbx: Pbx, **more: Any) -> Link:
    return Link(pbx.url, "voiceai", "s3cret", "voiceai", **{"backoff": FAST, **more})


@pytest.fixture
async def stream(pbx: Pbx) -> AsyncIterator[AsyncGenerator[News, None]]:
    async with aclosing(link_to(pbx).stream()) as stream:
        yield stream


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


async def take(stream: AsyncGenerator[News, None], count: int) -> list[News]:
    async with asyncio.timeout(10):
        return [await anext(stream) for _ in range(count)]


def names(news: list[News]) -> list[str]:
    return [each.channel.id if isinstance(each, ChannelUnhold) else type(each).__name__ for each in news]


# ---------------------------------------------------------------- up


async def test_asks_for_our_app_only_with_credentials_in_a_header(pbx: Pbx, stream: AsyncGenerator[News, None]) -> None:
    assert await take(stream, 1) == [LinkUp(first=True)]
    (request,) = pbx.requests
    assert request.path == "/ari/events?app=voiceai&subscribeAll=false"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"voiceai:s3cret").decode()
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_events_come_in_order(pbx: Pbx, stream: AsyncGenerator[News, None]) -> None:
    pbx.scripts = [say(*(unhold(f"c{n}") for n in range(500)))]
    assert names(await take(stream, 501)) == ["LinkUp", *(f"c{n}" for n in range(500))]


async def test_a_slow_reader_loses_nothing_even_if_the_link_drops_meanwhile(
    pbx: Pbx, stream: AsyncGenerator[News, None]
) -> None:
    gone = asyncio.Event()

    async def script(connection: ServerConnection) -> None:
        for n in range(2000):
            await connection.send(unhold(f"c{n}"))
        await connection.close()
        gone.set()

    pbx.scripts = [script, stay]
    await take(stream, 1)
    await gone.wait()
    news = await take(stream, 2002)
    assert names(news) == [*(f"c{n}" for n in range(2000)), "LinkDown", "LinkUp"]


async def test_what_cannot_be_read_is_told_and_the_rest_goes_on(
    pbx: Pbx, stream: AsyncGenerator[News, None], logged: list[Any]
) -> None:
    bad = json.dumps({"type": "StasisEnd", "channel": "+4930123"})
    pbx.scripts = [say("", "{", bad, b"\xff\x00", unhold("c1").encode(), '{"type": "New"}', unhold("c2"))]
    news = await take(stream, 4)
    assert names(news) == ["LinkUp", "c1", "Other", "c2"]
    assert news[2] == Other("New")
    errors = [each for each in logged if each["log_level"] == "error"]
    assert len(errors) == 4
    assert "4930123" not in repr(logged)


# ---------------------------------------------------------------- down and up again


@pytest.mark.parametrize(
    "end",
    [say_and_close(unhold("c1")), say_and_close(unhold("c1"), code=1001), say_and_close(unhold("c1"), code=1011)],
    ids=["1000", "1001", "1011"],
)
async def test_any_close_is_a_drop(pbx: Pbx, stream: AsyncGenerator[News, None], end: Script) -> None:
    pbx.scripts = [end, say(unhold("c2"))]
    news = await take(stream, 5)
    assert names(news) == ["LinkUp", "c1", "LinkDown", "LinkUp", "c2"]
    assert (news[0], news[3]) == (LinkUp(first=True), LinkUp(first=False))


async def test_a_connection_torn_off_is_a_drop(pbx: Pbx, stream: AsyncGenerator[News, None]) -> None:
    pbx.scripts = [say_and_abort(), say_and_abort(), say(unhold("c2"))]
    assert names(await take(stream, 6)) == ["LinkUp", "LinkDown", "LinkUp", "LinkDown", "LinkUp", "c2"]


async def test_a_peer_that_falls_silent_is_a_drop() -> None:
    """It accepts, upgrades, and then answers no ping: SIGSTOP does this."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(": ")[1]
            for line in request.decode().split("\r\n")
            if line.lower().startswith("sec-websocket-key")
        )
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
        )
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = "http://{}:{}/ari".format(*server.sockets[0].getsockname())
    link = Link(url, "u", "p", "app", backoff=FAST, ping_interval=0.05, ping_timeout=0.05)
    async with server, aclosing(link.stream()) as stream:
        news = await take(stream, 3)
    assert names(news) == ["LinkUp", "LinkDown", "LinkUp"]
    assert isinstance(news[1], LinkDown)
    assert not news[1].closed


async def test_while_asterisk_boots(pbx: Pbx, stream: AsyncGenerator[News, None], logged: list[Any]) -> None:
    """First failure as a warning, the rest for those who look."""
    pbx.refusals = [404, 404, 503, 500]
    assert names(await take(stream, 1)) == ["LinkUp"]
    assert len(pbx.requests) == 5
    assert [each["log_level"] for each in logged] == ["warning", "debug", "debug", "debug", "info"]


async def test_redirects_are_refusals(pbx: Pbx, stream: AsyncGenerator[News, None]) -> None:
    """As a proxy in front of Asterisk may answer, now to https, now to nowhere."""
    pbx.locations = ["https://127.0.0.1/ari/events", "http://[", "ws://a..b/", "/ari/events"]
    pbx.refusals = [301, 302, 307, 308]
    assert names(await take(stream, 1)) == ["LinkUp"]
    assert len(pbx.requests) == 5


async def test_nobody_listens_yet(logged: list[Any]) -> None:
    pbx = Pbx(scripts=[stay])
    server = await serve(pbx.talk, "127.0.0.1", 0, process_request=pbx.decide)
    pbx.url = address(server)
    port = next(iter(server.sockets)).getsockname()[1]
    server.close()
    await server.wait_closed()
    async with aclosing(link_to(pbx).stream()) as stream:
        first = asyncio.ensure_future(anext(stream))
        while len(logged) < 3:  # noqa: ASYNC110 - a log line is no event
            await asyncio.sleep(0.005)
        async with serve(pbx.talk, "127.0.0.1", port, process_request=pbx.decide, close_timeout=0.2):
            assert await asyncio.wait_for(first, 10) == LinkUp(first=True)
            await stream.aclose()
    assert [each["log_level"] for each in logged][:3] == ["warning", "debug", "debug"]


@pytest.mark.parametrize("status", [401, 403])
async def test_wrong_password_is_loud_once_and_waits_the_longest(pbx: Pbx, logged: list[Any], status: int) -> None:
    backoff = Backoff((0.001, 0.03))
    pbx.refusals = [status, status, status]
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with aclosing(link_to(pbx, backoff=backoff).stream()) as stream:
        assert names(await take(stream, 1)) == ["LinkUp"]
    assert loop.time() - began >= 3 * 0.03
    assert [each["log_level"] for each in logged] == ["error", "debug", "debug", "info"]
    assert "ari.conf" in logged[0]["event"]


async def test_credentials_are_never_logged(
    pbx: Pbx, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    pbx.refusals = [401, 503]
    pbx.scripts = [say_and_close(), stay]
    async with aclosing(link_to(pbx).stream()) as stream:
        await take(stream, 3)
    said = capsys.readouterr()
    own = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("websockets.server"))
    for secret in ("s3cret", base64.b64encode(b"voiceai:s3cret").decode()):
        assert secret not in own + said.out + said.err
    assert "s3cret" not in repr(link_to(pbx))


# ---------------------------------------------------------------- the end


async def test_replaced_ends_for_good(pbx: Pbx) -> None:
    pbx.scripts = [say(unhold("c1"), REPLACED, unhold("c2"))]
    async with asyncio.timeout(10):
        news = [each async for each in link_to(pbx).stream()]
    assert names(news) == ["LinkUp", "c1", "ApplicationReplaced"]
    assert news[-1] == ApplicationReplaced("voiceai")
    assert len(pbx.requests) == 1


async def test_the_connection_is_closed_before_replaced_is_told(pbx: Pbx, stream: AsyncGenerator[News, None]) -> None:
    """Its owner may stop reading right there, and nothing must be left open."""
    pbx.scripts = [say(REPLACED)]
    await take(stream, 2)
    async with asyncio.timeout(5):
        await pbx.connections[0].wait_closed()


def others(before: set[asyncio.Task[Any]]) -> set[str]:
    """Tasks that were not there before and are not the server's, which end when their connection does."""
    tasks = asyncio.all_tasks() - before - {asyncio.current_task()}
    return {task.get_coro().__qualname__ for task in tasks if task.get_coro() is not None}  # type: ignore[union-attr]


@pytest.mark.parametrize("after", [0, 1, 2, 3])
async def test_cancelled_at_each_wait_leaves_nothing(pbx: Pbx, after: int) -> None:
    """While connecting, up and waiting, after an event, in the back-off."""
    hanging = asyncio.Event()
    before = asyncio.all_tasks()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hanging.set()
        await reader.read()
        writer.close()
        await writer.wait_closed()

    if after == 0:
        server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
        pbx.url = "http://{}:{}/ari".format(*server.sockets[0].getsockname())
    pbx.scripts = [say(unhold("c1")), stay] if after < 3 else [say_and_close(unhold("c1")), stay]
    reached = asyncio.Event()

    async def follow() -> None:
        count = 0
        async for _ in link_to(pbx, backoff=Backoff((60.0,))).stream():
            count += 1
            if count == after:
                reached.set()

    following = asyncio.create_task(follow())
    await asyncio.wait_for(hanging.wait() if after == 0 else reached.wait(), 10)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    if after == 0:
        server.close()
    async with asyncio.timeout(5):
        for connection in pbx.connections:
            await connection.wait_closed()
        while others(before):  # noqa: ASYNC110 - the server's own tasks end a moment later
            await asyncio.sleep(0.005)


async def test_left_early_and_closed(pbx: Pbx) -> None:
    stream = link_to(pbx).stream()
    assert await anext(stream) == LinkUp(first=True)
    await stream.aclose()
    async with asyncio.timeout(5):
        await pbx.connections[0].wait_closed()


def test_a_url_or_app_that_is_none() -> None:
    for url, app in (("ws://x/ari", "a"), ("http://u:p@x/ari", "a"), ("http://x/ari", "a&subscribeAll=true")):
        with pytest.raises(BadArgument):
            Link(url, "u", "p", app)


def test_events_of_asterisk_are_news() -> None:
    """What an owner matches on: LinkUp and LinkDown are not events of Asterisk."""
    assert not isinstance(LinkUp(True), Event)
    assert issubclass(StasisEnd, Event)


async def test_the_app_is_registered_only_where_we_are_let_in(pbx: Pbx, logged: list[Any]) -> None:
    """A user who may only read is shown every caller, and can do nothing for any."""
    wrong: list[AriError] = [
        Unauthorized("x", 403, "Write access denied"),
        Unavailable("x", 404, "HTTP 404, not by ARI"),
    ]

    async def admit() -> None:
        if wrong:
            raise wrong.pop(0)

    async with aclosing(link_to(pbx, admit=admit).stream()) as stream:
        assert await take(stream, 1) == [LinkUp(first=True)]
        assert not wrong
        assert len(pbx.requests) == 1
    assert [line["status"] for line in logged if "does not let us in" in line["event"]] == [403]


@pytest.mark.parametrize("script", [say_and_abort(), say_and_close()], ids=["reset", "closed"])
async def test_a_link_that_the_far_end_has_closed_says_so(pbx: Pbx, script: Script) -> None:
    pbx.scripts = [script]
    async with aclosing(link_to(pbx).stream()) as stream:
        down = (await take(stream, 2))[1]
        assert isinstance(down, LinkDown)
        assert down.closed


async def test_a_link_that_is_dropped_comes_back_once_it_may(pbx: Pbx) -> None:
    may = asyncio.Event()
    may.set()

    async def admit() -> None:
        if not may.is_set():
            raise Unauthorized("x", 401, "Authentication required")

    link = link_to(pbx, admit=admit)
    async with aclosing(link.stream()) as stream:
        await take(stream, 1)
        may.clear()
        dropped = asyncio.create_task(link.drop("asterisk refuses what we ask"))
        assert await take(stream, 1) == [LinkDown("asterisk refuses what we ask")]
        await dropped
        coming = asyncio.create_task(take(stream, 1))
        done, _ = await asyncio.wait({coming}, timeout=0.1)
        assert not done
        assert len(pbx.connections) == 1
        may.set()
        assert await coming == [LinkUp(first=False)]
