"""Connections to the API's port: limits in total and per address; idle connections keep nobody out."""

import asyncio
import asyncio.constants
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from structlog.testing import capture_logs

from bridge import contract
from controller.api import connections
from controller.api.auth.authenticator import Authenticator
from controller.api.problems import answer_problems
from controller.api.server import ApiServer
from controller.config.models.api import Connections, Token

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Harness:
    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.begun, self.go = asyncio.Semaphore(0), asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def open(self, sent: bytes = b"", address: str = "127.0.0.1") -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, local_addr=(address, 0))
        self.writers.append(writer)
        writer.write(sent)
        return reader

    async def at_work(self, address: str = "127.0.0.1") -> asyncio.StreamReader:
        reader = await self.open(HEAD.replace(b"/", b"/slow", 1) + b"\r\n", address)
        async with asyncio.timeout(10):
            await self.begun.acquire()
        return reader

    async def answers(self, address: str = "127.0.0.1") -> bool:
        reader = await self.open(HEAD + b"Connection: close\r\n\r\n", address)
        return (await rest(reader)).startswith(b"HTTP/1.1 200")


async def rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@asynccontextmanager
async def harness(total: int = 10, per_address: int = 10) -> AsyncIterator[Harness]:
    app = web.Application()
    server = ApiServer(app, "127.0.0.1", 0, caps=Connections(total=total, per_address=per_address))
    it = Harness(server)

    async def quick(_: web.Request) -> web.Response:
        return web.Response(text="here")

    async def slow(_: web.Request) -> web.Response:
        it.begun.release()
        await it.go.wait()
        return web.Response(text="done")

    app.router.add_get("/", quick)
    app.router.add_get(contract.LINK_PATH, slow)
    app.router.add_get("/slow", slow)
    async with server:
        try:
            yield it
        finally:
            it.go.set()
            for writer in it.writers:
                writer.close()


@pytest.mark.parametrize("sent", [b"", HEAD, b"GET", HEAD + b"X: " + b"y" * 4000])
async def test_whoever_never_finishes_asking_keeps_nobody_out(sent: bytes) -> None:
    async with harness() as it:
        for number in range(60):
            await it.open(sent, f"127.0.0.{2 + number % 3}")
        assert await it.answers()
        assert await it.answers("127.0.0.2")
        assert len(it.server.connections) <= 10


async def test_those_at_work_stay_and_a_new_one_is_refused() -> None:
    async with harness() as it:
        working = [await it.at_work(f"127.0.0.{number % 4 + 1}") for number in range(10)]
        assert not await it.answers()
        it.go.set()
        for reader in working:
            assert b"done" in await asyncio.wait_for(reader.readuntil(b"done"), 10)
        assert await it.answers(), "kept alive, and idle"


async def test_the_links_of_workers_have_places_besides() -> None:
    """They come from this machine, as what a proxy hands on does."""
    async with harness() as it:
        for _ in range(10):
            await it.at_work()
        for sent in (b"", HEAD, HEAD + b"X: y"):
            for _ in range(40):
                await it.open(sent)
        link = await it.open(HEAD.replace(b"/ ", contract.LINK_PATH.encode() + b" ", 1) + b"\r\n")
        async with asyncio.timeout(10):
            await it.begun.acquire()
        for _ in range(100):
            await it.open()
        assert not await it.answers()
        assert len(it.server.connections) <= 10 + connections.SPARE
        it.go.set()
        assert b"done" in await asyncio.wait_for(link.readuntil(b"done"), 10)


async def test_one_token_holds_so_many_downloads_too() -> None:
    go, keeper = (
        asyncio.Event(),
        Authenticator([Token(name="a", token=SecretStr("x"), scopes=("read",))], most_streams=2),
    )

    async def slow(_: web.Request) -> web.Response:
        await go.wait()
        return web.Response(text="sound")

    app = web.Application(middlewares=[answer_problems])
    app.router.add_get("/sound", keeper.require(("read",), slow, "download"))
    app.router.add_get("/live", keeper.require(("read",), slow, "stream"))
    app.router.add_get("/now", keeper.require(("read",), slow))
    headers = {"Authorization": "Bearer x"}
    async with ApiServer(app, "127.0.0.1", 0) as server, aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as it:

        async def ask(path: str) -> int:
            async with it.get(path, headers=headers) as answer:
                return answer.status

        asked = [asyncio.create_task(ask(path)) for path in ("/sound", "/live", "/now") for _ in range(2)]
        while keeper._streams.total() < 4:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        assert [await ask("/sound"), await ask("/live")] == [503, 503]
        go.set()
        assert await asyncio.gather(*asked) == [200] * 6
        assert await ask("/sound") == 200


async def test_one_address_has_its_share_and_the_others_have_the_rest() -> None:
    async with harness(total=10, per_address=5) as it:
        idle = await it.open(address="127.0.0.3")
        for _ in range(5):
            await it.at_work("127.0.0.2")
        assert not await it.answers("127.0.0.2")
        assert await it.answers("127.0.0.1")
        for _ in range(20):
            await it.open(address="127.0.0.4")
        assert await it.answers("127.0.0.4"), "its own idle ones make room"
        assert not idle.at_eof(), "nobody else's"


async def test_room_comes_back() -> None:
    async with harness() as it:
        for _ in range(50):
            assert await it.answers()
        async with asyncio.timeout(10):
            while len(it.server.connections):  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)


async def test_an_answer_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNTAKEN_SECONDS", 0.5)
    written = asyncio.Event()

    async def large(_: web.Request) -> web.Response:
        written.set()
        return web.Response(body=bytes(50_000_000))

    app = web.Application()
    app.router.add_get("/", large)
    async with ApiServer(app, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(HEAD + b"\r\n")
        await written.wait()
        async with asyncio.timeout(20):
            while len(server.connections):  # noqa: ASYNC110 - the kernel tells nobody else
                await asyncio.sleep(0.05)
        writer.close()
        assert not reader.at_eof()


async def test_without_files_it_is_told_once_and_whoever_waits_is_answered_afterwards(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio.constants, "ACCEPT_RETRY_DELAY", 0.05)
    async with harness() as it:
        waits = socket.create_connection(("127.0.0.1", it.server.port))
        waits.sendall(HEAD + b"Connection: close\r\n\r\n")
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with capture_logs() as told:
            resource.setrlimit(resource.RLIMIT_NOFILE, (waits.fileno() + 1, limits[1]))
            try:
                await asyncio.sleep(0.5)  # ten times the time after which it tries again
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert [each["reason"] for each in told] == ["Too many open files"]
        assert not caplog.records
        waits.setblocking(False)
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(waits, 100)
        waits.close()
