"""Asterisk's port as it is seen from outside: in use, refused, behind a relay, and with nobody who answers."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from controller.ari import process, process_signs
from controller.ari.process import AsteriskProcess, port_state
from controller.ari.process_signs import Media, Port


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


async def test_a_port_is_refused_only_if_nothing_listens_there(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "TRY_TIMEOUT_S", 0.2)
    port = listening.getsockname()[1]
    for ask in (True, False):  # as one that stands still: the kernel takes the connection
        assert await port_state("127.0.0.1", port, ask=ask) is Port.IN_USE
    assert await port_state("localhost", port) is Port.IN_USE
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        for _ in range(3):  # more than its backlog takes: the kernel drops the next ones
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        assert await port_state("127.0.0.1", full.getsockname()[1]) is Port.IN_USE, "nobody answers"
    assert await port_state("no.such.name.invalid", port) in (Port.NO_HOST, Port.IN_USE), "if a DNS server answers"
    listening.close()
    assert await port_state("127.0.0.1", port) is Port.REFUSED
    assert await port_state("localhost", port) is Port.REFUSED


@pytest.mark.parametrize(
    ("answer", "state"), [(b"HTTP/1.1 404 Not Found\r\n\r\n", Port.IN_USE), (b"", Port.CLOSED), (None, Port.CLOSED)]
)
async def test_who_closes_without_an_answer_has_nobody_behind_them(answer: bytes | None, state: Port) -> None:
    async def relay(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is None:
            writer.transport.abort()
        else:
            writer.write(answer)
            writer.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        assert await port_state("127.0.0.1", server.sockets[0].getsockname()[1]) is state


async def test_the_end_is_told_once_while_the_link_is_down(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "TRY_S", 0.01)
    monkeypatch.setattr(process_signs, "DEAD_S", 0.05)
    told: list[datetime] = []
    heard = asyncio.Event()

    def ended(since: datetime) -> None:
        told.append(since)
        heard.set()

    watched = AsteriskProcess(f"http://127.0.0.1:{listening.getsockname()[1]}/ari", Media, ended)
    watched.link_up()
    watching = asyncio.create_task(watched.run())
    listening.close()
    await asyncio.sleep(0.2)
    assert told == [], "the link is up: nothing is tried"
    before = datetime.now(UTC)
    watched.link_lost(closed=True)
    async with asyncio.timeout(5):
        await heard.wait()
    await asyncio.sleep(0.2)
    assert len(told) == 1
    assert before <= told[0] <= datetime.now(UTC)
    watching.cancel()
    await asyncio.wait([watching])
