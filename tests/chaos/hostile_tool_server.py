"""A hostile tool server: it answers tools, look-ups and webhooks with what a fuzzer makes of HTTP.

Owns one listening socket and raw answers, so that what a library would not send can be sent. About a third of the
answers is good, so that calls also get past their look-up. Reads one request per connection.
"""

import asyncio
import random
import socket
import struct
import zlib
from collections import Counter
from contextlib import suppress
from typing import Any

from tests.chaos import hostile_values as odd

GOOD = 0.35
SLOW_SECONDS, ENDLESS_SECONDS = 2.0, 8.0
TYPES = (
    *("application/json", "application/json; charset=idna", "application/json; charset=undefined", "text/plain"),
    *("application/json; charset=utf-7", "text/html; charset=unicode_escape", "text/plain; charset=punycode"),
    *("application/json; charset=utf-16", "text/plain; charset=rot13", "text/plain; charset=hex", "image/png"),
    *("application/json; charset=" + "x" * 500, "application/json; charset=\xe9", "text/plain; charset=zip", ";;=", ""),
)
ELSEWHERE = (
    *("http://169.254.169.254/latest", "http://[::1]:1/", "http://10.0.0.1/", "file:///etc/passwd", "//", "gopher://a"),
    *("http://[::127.0.0.1]/", "http://0x7f.1/", "/" * 9000, "http://[fe80::1%25eth0]/", "\xff"),
)


class HostileToolServer:
    """`async with` listens at `port`; `done` counts answers by their kind."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"hostile tool server {seed}")
        self.done: Counter[str] = Counter()
        self.port = 0

    async def __aenter__(self) -> "HostileToolServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: Any) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(20):
                await reader.readuntil(b"\r\n\r\n")
                await self._answer(writer)
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        if self._chance.random() < GOOD:
            self.done["good"] += 1
            writer.write(answer(b'{"name": "Ada", "order": "on its way"}'))
            await writer.drain()
            return
        kinds = (
            *(self._odd_body, self._odd_body, self._odd_head, self._elsewhere, self._lie, self._slow, self._reset),
            *(self._second, self._endless, self._odd_chunks),
        )
        kind = self._chance.choice(kinds)
        self.done[kind.__name__.lstrip("_")] += 1
        await kind(writer)

    # ------------------------------------------------------------ answers

    async def _odd_body(self, writer: asyncio.StreamWriter) -> None:
        chance = self._chance
        bodies = (
            odd.deep_json(chance).encode(),
            odd.dumps({"name": odd.text(chance), odd.text(chance)[:90]: odd.value(chance)}).encode(),
            odd.broken(chance, '{"name": "Ada"}').encode(errors="replace"),
            b'{"name": "\\ud83d", "caller": "\\udc00"}',
            b"{" + b",".join(b'"k%d": "v"' % number for number in range(20_000)) + b"}",
            b'{"name": ' + b"9" * 10_000 + b"}",
            b"[" * 16_000,
            b"+2D/YPQ- +AGEAYg \\ud83d \\N{BULLET}",
            chance.randbytes(900),
            b"\xed\xa0\xbd",
            b"",
            b"x" * odd.LARGEST,
        )
        writer.write(answer(chance.choice(bodies), chance.choice(TYPES)))
        await writer.drain()

    async def _odd_head(self, writer: asyncio.StreamWriter) -> None:
        chance = self._chance
        bomb = zlib.compress(bytes(8_000_000))
        heads = (
            answer(b"{}", more=[("Set-Cookie", f"a{number}=b" * 20) for number in range(400)]),
            answer(bomb, more=[("Content-Encoding", "deflate")]),
            answer(b"{}", status=chance.choice(["500 No", "204 No Content", "999 X", "000 X", "-1 X", "abc", "101 S"])),
            answer(b"{}", more=[("X", "y" * 200_000)]),
            answer(b"{}", more=[("X\0", "\r\n\r\n"), ("", "")]),
            answer(b"{}", more=[("Transfer-Encoding", "chunked"), ("Retry-After", "-" + "9" * 400)], status="429 Slow"),
            answer(b"{}", more=[("Retry-After", odd.text(chance)[:300])], status="503 Away"),
            b"HTTP/1.1 100 Continue\r\n\r\n" * 300 + answer(b"{}"),
            b"HTTP/9.9 200 OK\r\n\r\n",
            b"SSH-2.0-OpenSSH_9\r\n",
            b"\x15\x03\x01\x00\x02\x02\x28",
            chance.randbytes(300),
            b"",
        )
        writer.write(chance.choice(heads))
        await writer.drain()

    async def _elsewhere(self, writer: asyncio.StreamWriter) -> None:
        to = self._chance.choice([*ELSEWHERE, f"http://127.0.0.1:{self.port}/loop"])
        status = self._chance.choice(["301 Moved", "302 Found", "307 Temporary", "300 Many", "304 Same"])
        writer.write(answer(b"", more=[("Location", to)], status=status))
        await writer.drain()

    async def _lie(self, writer: asyncio.StreamWriter) -> None:
        """The length is not that of the body."""
        length = self._chance.choice(["100000", "1", "-1", "0x10", "9" * 30, "2, 3", "2\r\nContent-Length: 5", ""])
        body = self._chance.choice([b'{"name": "Ada"}', b"", b"{}{}{}"])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ")
        writer.write(length.encode() + b"\r\n\r\n" + body)
        await writer.drain()
        await asyncio.sleep(self._chance.choice([0.0, SLOW_SECONDS]))

    async def _slow(self, writer: asyncio.StreamWriter) -> None:
        """One character at a time, for longer than anybody should wait."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        async with asyncio.timeout(ENDLESS_SECONDS):
            while True:
                writer.write(self._chance.choice([b"1\r\n[\r\n", b"1;" + b"x" * 500 + b"\r\n[\r\n"]))
                await writer.drain()
                await asyncio.sleep(0.05)

    async def _second(self, writer: asyncio.StreamWriter) -> None:
        """Two answers to one request, on a connection that stays: the second is nobody's, or the next one's."""
        kept = answer(b'{"name": "Ada"}').replace(b"Connection: close", b"Connection: keep-alive")
        evil = answer(b'{"name": "Mallory"}', status=self._chance.choice(["200 OK", "100 Continue", "500 No"]))
        writer.write(kept + evil)
        await writer.drain()
        await asyncio.sleep(self._chance.choice([0.0, SLOW_SECONDS]))

    async def _endless(self, writer: asyncio.StreamWriter) -> None:
        """A head or a body that does not stop, as fast as it is read."""
        body = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
        starts = (
            (b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n" * 500),
            (body, b"[" * 9000),
            (body + b'"', b"\xf0\x9f\x98" * 3000),
        )
        start, more = self._chance.choice(starts)
        writer.write(start)
        async with asyncio.timeout(SLOW_SECONDS):
            while True:
                writer.write(more)
                await writer.drain()

    async def _odd_chunks(self, writer: asyncio.StreamWriter) -> None:
        """Lengths of chunks that are none, and trailers that are too many."""
        ends = (
            "-1",
            "0x5",
            "fffffffffffffffff",
            "5 ",
            "\u0665",
            "5;a=" + "b" * 90_000,
            "",
            "0\r\n" + "X: y\r\n" * 5000,
            "0\r\n",
        )
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
        writer.write(head + self._chance.choice(ends).encode() + b"\r\n")
        await writer.drain()
        await asyncio.sleep(self._chance.choice([0.0, SLOW_SECONDS]))

    async def _reset(self, writer: asyncio.StreamWriter) -> None:
        writer.write(self._chance.choice([b"", b"HTTP/1.1 200", answer(b"{}")[:-1]]))
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


def answer(
    body: bytes, kind: str = "application/json", *, status: str = "200 OK", more: list[tuple[str, str]] | None = None
) -> bytes:
    """An HTTP answer, right or wrong."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {given}" for name, given in more or []]
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body
