"""What is wrong with the store at this moment, for `/readyz` and the log.

Owns two observations: which file SQLite has open, and when a transaction that writes failed last. A file that was
deleted or replaced goes on taking what is written, unseen, until the process ends: only its inode tells.
"""

import asyncio
import os
from time import monotonic

import structlog

log = structlog.get_logger()

RECENT_SECONDS = 60.0
"""Whoever has something to write tries again sooner: a failure that is older is over, or nobody needs the store."""
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
        """Something could not be written."""
        self._failed = (monotonic(), reason)

    def written(self) -> None:
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
        """Tells the log of a file that is not there any more, once."""
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
        return self._path is not None and self._file is not None and _identity(self._path) != self._file


def _identity(path: str) -> tuple[int, int] | None:
    """None: there is no such file, or it can't be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
