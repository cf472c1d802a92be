"""Ends a process that does not end by itself within a time.

Owns one thread, which works even if the event loop stands still: a task that waits for a disk may be impossible to
cancel. Without this the process could wait for ever and keep ports and files that the next one needs.
"""

import os
import threading
import time

import structlog

log = structlog.get_logger()

FLUSH_SECONDS = 0.2
"""How long the thread that writes the log is waited for."""


class ShutdownDeadline:
    """One deadline, which can be set again and cancelled."""

    def __init__(self, status: int) -> None:
        """`status`: the exit status if the process is ended here."""
        self._status = status
        self._timer: threading.Timer | None = None

    def set(self, seconds: float) -> None:
        """Ends the process after `seconds`, counted from the latest call of this function."""
        self.cancel()
        self._timer = threading.Timer(seconds, self._expire, [seconds])
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self, seconds: float) -> None:
        log.critical("the controller did not end in time, and is ended: something never answered", seconds=seconds)
        time.sleep(FLUSH_SECONDS)
        os._exit(self._status)
