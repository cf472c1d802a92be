"""The one thread of a worker that touches the disk, so that the event loop never waits for it.

Jobs run in the order in which they were given.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

import structlog

Job = Callable[[], None]

log = structlog.get_logger()


class DiskThread:
    """Runs jobs in order, one at a time. Made on first use; a daemon, because a dead disk must not hold the process."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        return self._jobs.qsize()

    def put(self, job: Job) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def close(self, timeout: float) -> None:
        """Waits until the present jobs are done, for at most `timeout` seconds."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(timeout)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # the top of this thread
                log.exception("a job of the disk thread failed")
