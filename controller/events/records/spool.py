"""A file for what the store does not take at the moment: lines are added at its end, read from its beginning.

Owns the file, nothing else: its methods block, so they are called in a thread. A line that is not whole, as a loss of
power leaves it, is passed over. Readable by its owner only: it holds numbers and words of people.
"""

import os
from collections.abc import Sequence
from pathlib import Path

LARGEST = 512 * 1024 * 1024


class SpoolFull(OSError):
    """It is as large as it may become."""


class Spool:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0

    def __repr__(self) -> str:
        return f"<Journal {self._path}: {self.size} bytes>"

    @property
    def size(self) -> int:
        """Bytes that have not been taken out yet."""
        try:
            return self._path.stat().st_size - self._read_to
        except FileNotFoundError:
            return 0

    def add(self, lines: Sequence[bytes]) -> None:
        """All of them are on the disk when it returns. Raises OSError, and then the file is as it was."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            before = os.fstat(file).st_size
            data = b"".join(line + b"\n" for line in lines)
            if before + len(data) > LARGEST:
                raise SpoolFull(f"{self._path} has reached {LARGEST // 2**20} MiB")
            try:
                if os.write(file, data) != len(data):
                    raise OSError("the disk is full")
                os.fsync(file)
            except OSError:
                os.ftruncate(file, before)
                raise
        finally:
            os.close(file)

    def first(self, most: int) -> tuple[list[bytes], int]:
        """Up to so many lines, and how far they reach: for `taken`."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_to)
                lines = [line for _ in range(most) if (line := file.readline())]
        except FileNotFoundError:
            return [], 0
        return [line.rstrip(b"\n") for line in lines], self._read_to + sum(map(len, lines))

    def taken(self, to: int) -> None:
        """What came before is not needed any more. A file that was read to its end goes."""
        self._read_to = to
        if self.size <= 0:
            self._path.unlink(missing_ok=True)
            self._read_to = 0
