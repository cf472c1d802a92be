"""The last resort of a shutdown: a process that does not end by itself is ended.

Owns one thread, which needs neither the event loop nor any library to be in order: a store, a disk or a server that
never answers can hold up a task that nobody can cancel. What it prevents is a process that waits for ever, with ports
and files that the next one needs.
"""

import os
import threading
import time

import structlog

log = structlog.get_logger()

FLUSH_SECONDS = 0.2
"""For the thread that writes the log."""


class ShutdownDeadline:
    def __init__(self, status: int) -> None:
        """`status`: the exit status of a process that was ended."""
        self._status = status
        self._timer: threading.Timer | None = None

    def set(self, seconds: float) -> None:
        """The process ends within so many seconds. A second call counts from then."""
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
