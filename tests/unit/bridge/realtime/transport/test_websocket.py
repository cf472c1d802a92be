"""`RealtimeWebSocket`: however the server's bytes are cut, each message is handed over once, in order."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from bridge.realtime.transport.framing import frame_bounds
from bridge.realtime.transport.websocket import MAX_MESSAGE, RealtimeWebSocket


class _Transport(asyncio.Transport):
    """Takes what is written; there is no network."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self.aborted = self._closing = True

    def write_eof(self) -> None: ...
    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


async def _opened() -> tuple[RealtimeWebSocket, _Transport, bytes]:
    """A connection whose request is written, and the bytes with which a server accepts it."""
    transport = _Transport()
    protocol = ClientProtocol(parse_uri("ws://127.0.0.1/v1/realtime"), max_size=MAX_MESSAGE)
    socket = RealtimeWebSocket(protocol, max_queue=None, ping_interval=None)
    socket.connection_made(transport)
    protocol.send_request(protocol.connect())
    request = b"".join(protocol.data_to_send())
    server = ServerProtocol()
    server.receive_data(request)
    asked = server.events_received()[0]
    assert isinstance(asked, Request)
    server.send_response(server.accept(asked))
    return socket, transport, b"".join(server.data_to_send())


def _frame(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=False)


def _message(payload: bytes, pieces: int) -> bytes:
    """One text message in so many frames, with a ping between two of them."""
    size = -(-len(payload) // pieces) or 1
    cut = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    frames = [_frame(Opcode.CONT if n else Opcode.TEXT, each, fin=n == len(cut) - 1) for n, each in enumerate(cut)]
    return _frame(Opcode.PING, b"?").join(frames)


def _cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[begin:end] for begin, end in zip(places, places[1:], strict=False) if begin < end]


async def _received(pieces: Sequence[bytes], socket: RealtimeWebSocket, count: int) -> list[bytes]:
    heard: list[bytes] = []
    done = asyncio.Event()

    def hear(message: bytes) -> None:
        heard.append(message)
        if len(heard) == count:
            done.set()

    listening = asyncio.create_task(socket.listen(hear))
    for number, piece in enumerate(pieces):
        socket.data_received(piece)
        if number % 3 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        if count:
            await done.wait()
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
        await listening
    return heard


_messages = st.lists(st.tuples(st.sampled_from([0, 1, 5, 125, 126, 3000, 70_000]), st.integers(1, 4)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(_messages, st.lists(st.integers(0, 400_000), max_size=25))
def test_each_message_comes_once_and_in_order(sizes: list[tuple[int, int]], cuts: list[int]) -> None:
    messages = [bytes([97 + n % 26]) * size for n, (size, _) in enumerate(sizes)]

    async def run() -> list[bytes]:
        socket, _, accepted = await _opened()
        frames = b"".join(_message(each, pieces) for each, (_, pieces) in zip(messages, sizes, strict=True))
        return await _received(_cut(accepted + frames, cuts), socket, len(messages))

    assert asyncio.run(run()) == messages


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x85abcdhello", 1002),  # masked
        (b"\xc1\x05hello", 1002),  # a reserved bit
        (b"\x80\x05hello", 1002),  # goes on with no message
        (b"\x81\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big") + b"{" * 2000, 1009),
        (b"\x81\x7f" + b"\xff" * 8, 1009),
    ],
)
async def test_what_is_no_message_ends_the_connection(frame: bytes, code: int) -> None:
    socket, _, accepted = await _opened()
    heard = await _received([accepted, _frame(Opcode.TEXT, b"first"), frame, _frame(Opcode.TEXT, b"late")], socket, 1)
    assert heard == [b"first"]
    assert socket.protocol.close_sent is not None
    assert socket.protocol.close_sent.code == code


async def test_the_largest_message_is_taken() -> None:
    socket, _, accepted = await _opened()
    heard = await _received([accepted, _frame(Opcode.TEXT, b"x" * MAX_MESSAGE)], socket, 1)
    assert [len(each) for each in heard] == [MAX_MESSAGE]


async def test_nothing_is_handed_over_after_the_close_frame() -> None:
    socket, _, accepted = await _opened()
    rest = _frame(Opcode.TEXT, b"first") + _frame(Opcode.CLOSE, b"\x03\xe8") + _frame(Opcode.TEXT, b"late")
    assert await _received([accepted + rest], socket, 1) == [b"first"]


async def test_a_listener_that_fails_ends_the_connection_and_hears_no_more() -> None:
    socket, transport, accepted = await _opened()
    heard: list[bytes] = []

    def hear(message: bytes) -> None:
        heard.append(message)
        raise RuntimeError("fault")

    listening = asyncio.create_task(socket.listen(hear))
    await asyncio.sleep(0)
    socket.data_received(accepted + _frame(Opcode.TEXT, b"first") + _frame(Opcode.TEXT, b"second"))
    assert transport.aborted
    socket.connection_lost(None)
    with pytest.raises(RuntimeError):
        await listening
    assert heard == [b"first"]


@given(st.binary(max_size=20))
def test_bounds_are_beyond_what_has_come_until_the_header_is_whole(data: bytes) -> None:
    start, end = frame_bounds(data)
    assert start <= end
    if end <= len(data):
        assert start >= 2
