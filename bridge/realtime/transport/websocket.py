"""A websocket that is written to without waiting, and whose messages are handed over without a task in between.

Replaces the library's slower way for single frames. A frame of ours is one `write`. What comes is split into frames
here (`framing`), and a frame that is a whole message is handed over in the callback in which it comes, so that an
interruption takes effect before the next tick. What is not one whole message, or comes while nobody listens, goes
through the library, and so does all that follows until that is handed over: the order is kept.

Much data at once is read in slices: between two of them the event loop runs, and nothing more is taken from the
network. Connections that need many slices take turns (`read_queue`), so that servers that send without end, or very
many small frames, do not delay the worker's other calls.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic, perf_counter, thread_time
from typing import Any, NoReturn

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from bridge.realtime.protocol.server_events import Event, SessionCreated
from bridge.realtime.transport.framing import MASKED, TEXT, frame_bounds
from bridge.realtime.transport.masking import Masking
from bridge.realtime.transport.read_queue import read_queue

SLICE_S = 0.004
SHORT_SLICE_S = 0.001
"""The first one of a connection while others wait for their turns."""
PIECE = 1024
"""Bytes between two looks at the clock, of what is no frame: an HTTP response, what is too large, or comes too late."""
MAX_MESSAGE = 4 * 1024 * 1024
"""Bytes. Decoding a larger message would delay the worker's other calls; a delta of audio has some 10 kB."""
MOST_EARLY = 64
LAST_S = 0.01
"""For what had come before the connection was lost. Of the core's time: what other programs take does not count."""

_OPEN, _CONNECTING = State.OPEN, State.CONNECTING
_END_OF_HEADERS = b"\r\n\r\n"
_BEGINS = (Opcode.TEXT, Opcode.BINARY)
_masking = Masking()


class RealtimeWebSocket(ClientConnection):
    """A websocket that can be written to without a task, an await or a lock per frame.

    `protocol` and `transport` are the library's sans-I/O core and asyncio's transport. The library's `send` waits for
    the buffer to drain, which is exactly what fifty frames a second must not do. Whatever the core has to say (pings,
    the end) the library writes at once, so that our frames fall in between.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.opened_at = monotonic()
        """When it was made: a server counts a connection's time from here, however long it waited for its call."""
        self.created: SessionCreated | None = None
        """The server's `session.created`."""
        self.early: deque[Event] = deque(maxlen=MOST_EARLY)
        """What came while the session was being set up: the call hears of it as soon as it listens."""
        self._hear: Callable[[bytes], None] | None = None
        self._queued = 0
        """Messages that have begun to come and are the library's."""
        self._fault: Exception | None = None
        self._unread = bytearray()
        """Has come and waits: for the rest of its frame, or (`_waits`) for the next slice."""
        self._waits = False
        """There is more to read than one slice. Nothing is taken from the network meanwhile."""
        self._framed = False
        """The headers of the server's answer have been read: frames follow, if it has accepted."""

    @property
    def backlog(self) -> int:
        """Bytes written and not yet taken by the kernel; 0 for less than 32 KiB, where the library sets `paused`."""
        return self.transport.get_write_buffer_size() if self.paused else 0

    def write_text(self, frame: bytes) -> bool:
        """Hand one UTF-8 text frame to the transport. False: the connection is not open (any more)."""
        transport = self.transport
        if self.protocol.state is not _OPEN or transport.is_closing():
            return False
        transport.write(_masking.text_frame(frame))
        return True

    async def message(self) -> bytes:
        """The next one, while nobody listens. Raises ConnectionClosed."""
        data = await self.recv(decode=False)
        self._queued -= 1
        return data

    async def listen(self, hear: Callable[[bytes], None]) -> NoReturn:
        """Hand over each message, in order, until the connection ends: a ConnectionClosed. What `hear` raises ends it
        too, and is raised here."""
        self._hear = hear
        try:
            while True:
                message = await self.message()
                if self._fault is not None:
                    break
                hear(message)
        except ConnectionClosed:
            if self._fault is None:
                raise
        finally:
            self._hear = None
        raise self._fault

    # ------------------------------------------------------------ what comes, in slices

    def data_received(self, data: bytes) -> None:
        """asyncio's callback."""
        self._unread += data
        if self._waits:
            return
        others = read_queue()
        if self._read(SHORT_SLICE_S if others else SLICE_S):
            self._waits = True
            if not self.transport.is_closing():
                self.transport.pause_reading()
            others.add(self._next_slice)

    def eof_received(self) -> None:
        """asyncio's callback."""
        self._read_rest()
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's callback."""
        self._read_rest()
        super().connection_lost(exc)

    def _next_slice(self) -> bool:
        """Whether more waits."""
        self._waits = self._read(SLICE_S)
        if not self._waits and not self.transport.is_closing():
            self.transport.resume_reading()
        return self._waits

    def _read(self, seconds: float, clock: Callable[[], float] = perf_counter) -> bool:
        """Reads for at most `seconds`. Returns whether more waits that can be read."""
        until = clock() + seconds
        while self._read_next():
            if clock() >= until:
                return bool(self._unread)
        return False

    def _read_next(self) -> bool:
        """Reads the next frame, or piece of what is no frame. False: it has not come yet."""
        unread, state = self._unread, self.protocol.state
        here = len(unread)
        if state is _OPEN:
            start, end = frame_bounds(unread)
            if end - start > MAX_MESSAGE:
                end = min(here, PIECE)  # the library refuses it by its header
            elif end > here:
                return False
            elif unread[0] == TEXT and unread[1] < MASKED and self._hear is not None and not self._queued:
                with memoryview(unread) as view:
                    message = bytes(view[start:end])
                del unread[:end]
                self._hand_over(message)
                return True
        elif state is _CONNECTING and not self._framed:
            found = unread.find(_END_OF_HEADERS)
            self._framed = found >= 0
            end = found + len(_END_OF_HEADERS) if self._framed else here - len(_END_OF_HEADERS) + 1
        else:
            end = min(here, PIECE)
        if end <= 0:
            return False
        piece = bytes(unread[:end])
        del unread[:end]
        super().data_received(piece)
        return True

    def _read_rest(self) -> None:
        """Reads what had come before the end, for at most `LAST_S`. The rest is dropped."""
        if not self._read(LAST_S, thread_time) and self._unread:
            super().data_received(bytes(self._unread))  # a part of a frame: the library knows what its end means
        self._unread.clear()

    # ------------------------------------------------------------ messages

    def process_event(self, event: Any) -> None:
        """The library's hook for what has come by it."""
        if isinstance(event, Frame):
            self._queued += event.opcode in _BEGINS
        super().process_event(event)

    def _hand_over(self, data: bytes) -> None:
        assert self._hear is not None
        try:
            self._hear(data)
        except Exception as fault:  # the top of this connection: its listener is told in its own task
            self._fault, self._hear = fault, None
            self.transport.abort()
