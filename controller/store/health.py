"""What is wrong with the store at this moment, for `/readyz` and the log.

Owns two observations: which file SQLite has open, and when a writing transaction failed last. After the file was
deleted or replaced, SQLite goes on writing to the old one without an error, and that one is gone when the process ends.
Only the inode of the path shows it.
"""

import asyncio
import os
from time import monotonic

import structlog

log = structlog.get_logger()

RECENT_SECONDS = 60.0
"""Every writer tries again sooner than that. So after an older failure the store works again, or nobody writes."""
CHECK_SECONDS = 5.0


class StoreHealth:
    """`watch()` until cancelled."""

    def __init__(self) -> None:
        self._path: str | None = None
        self._file: tuple[int, int] | None = None
        self._failed: tuple[float, str] | None = None

    def opened(self, path: str) -> None:
        """A connection to this file was made."""
        self._path, self._file = path, _identity(path)

    def failed(self, reason: str) -> None:
        """A writing transaction failed."""
        self._failed = (monotonic(), reason)

    def written(self) -> None:
        """A writing transaction succeeded."""
        self._failed = None

    def trouble(self) -> list[str]:
        """Warnings, one line each."""
        found = []
        if self._lost():
            found.append(
                f"the store's file {self._path} was deleted or replaced: what is written is lost when this process "
                "ends; put the file back, or restart now"
            )
        if self._failed is not None and monotonic() - self._failed[0] < RECENT_SECONDS:
            found.append(f"the store does not take what is written: {self._failed[1]}")
        return found

    async def watch(self) -> None:
        """Until cancelled: one line in the log when the file is lost, and one when it is back."""
        told = False
        while True:
            lost = self._lost()
            if lost and not told:
                log.error(
                    "the store's file was deleted or replaced: what is written is lost when this process ends",
                    file=self._path,
                )
            if told and not lost:
                log.info("the store's file is there again", file=self._path)
            told = lost
            await asyncio.sleep(CHECK_SECONDS)

    def _lost(self) -> bool:
        """The path names another file than the one that is open, or none."""
        return self._path is not None and self._file is not None and _identity(self._path) != self._file


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode; None: there is no such file, or it can't be examined."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
