"""The connection pool towards Asterisk, whatever is cancelled and whenever: no place of it is lost."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest

from controller.ari.http_transport import HttpTransport
from tests.integration.webhook_harness import eventually

PLACES = 3
LIMITS = httpx.Limits(max_connections=PLACES, max_keepalive_connections=2, keepalive_expiry=5.0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request after `pause` seconds, in two pieces."""

    def __init__(self) -> None:
        self.pause = 0.0
        self.open = 0
        self.served: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(self.pause)
                writer.write(ANSWER[:-1])
                await asyncio.sleep(0)
                writer.write(ANSWER[-1:])
        except (OSError, asyncio.IncompleteReadError):
            self.open -= 1
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    peer = Server()
    listening = await asyncio.start_server(peer.accept, "127.0.0.1", 0)
    yield peer, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/ari"
    listening.close()
    for task in peer.served:
        task.cancel()
    await asyncio.wait(peer.served)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=HttpTransport(False, LIMITS, largest=1000), timeout=5.0) as client:
        yield client


async def all_answered(http: httpx.AsyncClient, url: str) -> None:
    """As many requests at once as the pool has places, and more."""
    answers = await asyncio.gather(*(http.get(url) for _ in range(3 * PLACES)))
    assert [answer.text for answer in answers] == ["{}"] * 3 * PLACES


async def test_cancelled_at_every_step(http: httpx.AsyncClient, server: tuple[Server, str]) -> None:
    """Each request after another number of steps of the event loop, once or twice; the seed is fixed."""
    chance = random.Random(20)
    for steps in range(60):
        asked = [asyncio.create_task(http.get(server[1])) for _ in range(2 * PLACES)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for each in asked:
            for _ in range(chance.choice((0, 1, 1, 2))):
                each.cancel()
            if chance.random() < 0.3:
                await asyncio.sleep(0)
        await asyncio.wait(asked)
    await all_answered(http, server[1])


async def test_a_pause_of_the_whole_process(http: httpx.AsyncClient, server: tuple[Server, str]) -> None:
    """All time limits, of one request inside another, have passed when the loop goes on."""

    async def ask() -> None:
        with suppress(TimeoutError, httpx.TimeoutException):
            async with asyncio.timeout(0.03), asyncio.timeout(0.02):
                await http.get(server[1], timeout=0.02)

    for pause in (0.0, 0.005, 0.01, 0.015, 0.02):
        server[0].pause = pause
        for steps in range(12):
            asked = [asyncio.create_task(ask()) for _ in range(4 * PLACES)]
            for _ in range(3 * steps):
                await asyncio.sleep(0)
            time.sleep(0.04)  # noqa: ASYNC251 - the pause
            await asyncio.wait(asked)
    server[0].pause = 0.0
    await all_answered(http, server[1])


async def test_what_is_given_up_is_no_longer_sent(http: httpx.AsyncClient, server: tuple[Server, str]) -> None:
    server[0].pause = 0.05
    busy = [asyncio.create_task(http.get(server[1])) for _ in range(PLACES)]
    await eventually(lambda: server[0].open == PLACES)
    asked: list[str] = []
    waits = asyncio.create_task(http.get(server[1], extensions={"trace": _note(asked)}))
    await asyncio.sleep(0.01)
    waits.cancel()
    await asyncio.wait(busy)
    await all_answered(http, server[1])
    assert asked == []


def _note(asked: list[str]) -> object:
    async def trace(event: str, info: object) -> None:
        asked.append(event)

    return trace


async def test_closed_while_requests_wait(server: tuple[Server, str]) -> None:
    server[0].pause = 60.0
    transport = HttpTransport(False, LIMITS, largest=1000)
    client = httpx.AsyncClient(transport=transport, timeout=5.0)
    asked = [asyncio.create_task(client.get(server[1])) for _ in range(2 * PLACES)]
    await eventually(lambda: server[0].open == PLACES)
    await transport.aclose()
    done, late = await asyncio.wait(asked, timeout=2)
    assert not late
    assert all(isinstance(each.exception(), httpx.ReadError) for each in done)
