"""One attempt of a call from the queue, as call control sees it: stored before anybody is dialled.

Owns the time between the two: at the end of the process, calls that are stored as being dialled and of which Asterisk
has not answered yet are waited for.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from controller.calls import errors
from controller.calls.outbound.entry import QueuedCall
from controller.calls.outbound.queue import NotQueued, Queue
from controller.calls.reporting import view
from controller.store.database import StoreError

LEAVE_SECONDS = 6.0
"""An answer of Asterisk takes up to 5."""


def _now() -> datetime:
    return datetime.now(UTC)


class Dialling:
    """The calls that are stored as being dialled, until Asterisk has answered. Once it is closed no call enters: it
    stays in the queue, for the next controller."""

    def __init__(self) -> None:
        self._closed = False
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def enter(self) -> None:
        if self._closed:
            await asyncio.Event().wait()
        self._inside += 1
        self._empty.clear()

    def leave(self) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    async def close(self) -> None:
        """Returns when nobody is inside."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._empty.wait()


class QueuedAttempt:
    """One attempt (`runtime.ports.OutboundAttempt`): call control awaits `before_dial` before it asks Asterisk to dial,
    and calls `after_dial` when it has asked, and `over` once."""

    def __init__(
        self,
        entry: QueuedCall,
        queue: Queue,
        done: Callable[["QueuedAttempt", view.CallView], None],
        dialling: Dialling | None = None,
    ) -> None:
        self.entry = entry
        self.began = _now()
        self.dialled_at: datetime | None = None
        self.got_through = False
        """A telephone has rung, or has been answered."""
        self.trunk = entry.order.trunk
        self._queue = queue
        self._done = done
        self._dialling = dialling or Dialling()

    async def before_dial(self) -> None:
        """Raises errors.WrongState: the call must not be dialled."""
        await self._dialling.enter()
        try:
            await self._write_down()
        except BaseException:
            self._dialling.leave()
            raise

    def after_dial(self) -> None:
        self._dialling.leave()

    async def _write_down(self) -> None:
        try:
            await self._queue.dial(self.entry.id, _now())
        except NotQueued:
            raise errors.WrongState("The call was cancelled before it was dialled.") from None
        except StoreError as error:
            raise errors.WrongState(f"The call can't be written down, so it is not dialled: {error}") from error
        self.dialled_at = _now()

    @property
    def dialled(self) -> bool:
        return self.dialled_at is not None

    def over(self, call: view.CallView) -> None:
        self._done(self, call)
