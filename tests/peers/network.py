"""A network between the parts of a test, which can be cut: one relay for TCP from each part to each other one.

A cut link carries nothing, in either direction, and closes nothing. Connections are still taken, as the kernel of a
process that stands still takes them. What was sent meanwhile arrives once the link is whole again.
Owns a thread with an event loop, so that a test that computes delays nobody.
"""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self, TypeVar

from simulator.ports import free_port

T = TypeVar("T")
WAIT_S = 10.0


@dataclass(eq=False)
class Link:
    """From `source` to `target`, which listens on the port `to` of 127.0.0.1. `told`: words of the target's answers
    in whose place others are told, such as addresses that are reached over other links."""

    source: str
    target: str
    to: int
    told: Mapping[bytes, bytes]
    port: int = field(default_factory=free_port)
    carried: set[asyncio.StreamWriter] = field(default_factory=set)
    whole: asyncio.Event = field(default_factory=asyncio.Event)


class Network:
    """`with Network() as network:`; all ports are of 127.0.0.1. Its methods may be called by any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._links: list[Link] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, name="network")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(WAIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    def link(self, source: str, target: str, to: int, told: Mapping[bytes, bytes] | None = None) -> int:
        """The port where `source` reaches `target`."""
        made = Link(source, target, to, told or {})
        asyncio.run_coroutine_threadsafe(self._listen(made), self._loop).result(WAIT_S)
        return made.port

    def cut(self, part: str, *others: str) -> None:
        """All links of this part, or those to these others."""
        for each in self._of(part, others):
            self._do(each.whole.clear)

    def mend(self, part: str, *others: str) -> None:
        for each in self._of(part, others):
            self._do(each.whole.set)

    def reset_one(self, source: str, target: str, chance: random.Random) -> bool:
        """A connection of this link, by chance; False: it has none."""
        return self._do(lambda: self._reset_one(source, target, chance))

    def _do(self, what: Callable[[], T]) -> T:
        async def here() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(here(), self._loop).result(WAIT_S)

    def _of(self, part: str, others: tuple[str, ...]) -> list[Link]:
        found = [each for each in self._links if part in (each.source, each.target)]
        return [each for each in found if not others or {each.source, each.target} & set(others)]

    def _reset_one(self, source: str, target: str, chance: random.Random) -> bool:
        found = [
            writer
            for each in self._links
            if (each.source, each.target) == (source, target)
            for writer in sorted(each.carried, key=lambda writer: str(writer.get_extra_info("peername")))
        ]
        if found:
            writer = chance.choice(found)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return bool(found)

    async def _listen(self, link: Link) -> None:
        link.whole.set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            with suppress(OSError, asyncio.CancelledError):
                await self._carry(link, reader, writer)

        self._servers.append(await asyncio.start_server(connected, "127.0.0.1", link.port))
        self._links.append(link)

    async def _carry(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closed(writer):
            await link.whole.wait()
            there, away = await asyncio.open_connection("127.0.0.1", link.to)
            async with _closed(away):
                link.carried.add(writer)
                try:
                    pipes = _pipe(link, reader, away, {}), _pipe(link, there, writer, link.told)
                    await asyncio.gather(*pipes)
                finally:
                    link.carried.discard(writer)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pipe(
    link: Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, told: Mapping[bytes, bytes]
) -> None:
    while data := await source.read(65536):
        await link.whole.wait()
        for word, other in told.items():
            data = data.replace(word, other)
        sink.write(data)
        await sink.drain()
    await link.whole.wait()
    with suppress(OSError):
        sink.write_eof()


@asynccontextmanager
async def _closed(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """At the end, at once after an error, so that neither side waits for the other."""
    try:
        yield
    except BaseException:
        writer.transport.abort()
        raise
    writer.close()
