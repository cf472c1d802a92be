"""The websocket itself: written to without waiting, and heard without a task in between.

Owns what the library does well and with much ado for each frame. A frame of ours is one `write`. A message is handed
over in the very callback in which it comes: an interruption takes effect before the next tick, and not a round of the
event loop later. Whatever is not one whole message, or comes while nobody listens, goes the library's way, and all that
follows it behind it, so that the order is kept.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any, NoReturn

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from bridge.realtime.masked import Masking

_OPEN, _TEXT = State.OPEN, Opcode.TEXT
_BEGINS = (Opcode.TEXT, Opcode.BINARY)
_masking = Masking()


class Connection(ClientConnection):
    """A websocket that can be written to without a task, an await or a lock per frame.

    `protocol` and `transport` are the library's sans-I/O core and asyncio's transport. The library's `send` waits for
    the buffer to drain, which is exactly what fifty frames a second must not do. Whatever the core has to say (pings,
    the end) the library writes at once, so that our frames fall in between.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.opened_at = monotonic()
        """When it was made: a server counts a connection's time from here, however long it waited for its call."""
        self._hear: Callable[[bytes], None] | None = None
        self._queued = 0
        """Messages that have begun to come and are the library's."""
        self._fault: Exception | None = None

    @property
    def backlog(self) -> int:
        """Bytes written and not yet taken by the kernel."""
        return self.transport.get_write_buffer_size()

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

    def process_event(self, event: Any) -> None:
        """The library's hook for what has come."""
        if isinstance(event, Frame):
            if event.opcode is _TEXT and event.fin and self._hear is not None and not self._queued:
                self._hand_over(bytes(event.data))
                return
            self._queued += event.opcode in _BEGINS
        super().process_event(event)

    def _hand_over(self, data: bytes) -> None:
        assert self._hear is not None
        try:
            self._hear(data)
        except Exception as fault:  # the top of this connection: its listener is told in its own task
            self._fault, self._hear = fault, None
            self.transport.abort()
