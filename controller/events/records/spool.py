"""A file of lines that wait until the store is back: added at its end, read from its beginning.

Owns the file. Its methods block, so they are to be called in a thread. A line may be incomplete after a loss of power:
the reader skips it. The file is readable by its owner only: it holds numbers and words of people.
"""

import os
from collections.abc import Sequence
from pathlib import Path

LARGEST = 512 * 1024 * 1024


class SpoolFull(OSError):
    """The file has reached `LARGEST` bytes."""


class Spool:
    """`path`: the file, which may be missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0

    def __repr__(self) -> str:
        return f"<Spool {self._path}: {self.size} bytes>"

    @property
    def size(self) -> int:
        """Bytes that have not been removed by `taken` yet."""
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
        """The first lines, up to so many, and the offset of their end, for `taken`. Raises OSError."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_to)
                lines = [line for _ in range(most) if (line := file.readline())]
        except FileNotFoundError:
            return [], 0
        return [line.rstrip(b"\n") for line in lines], self._read_to + sum(map(len, lines))

    def taken(self, to: int) -> None:
        """Removes everything before this offset. A file that was read to its end is deleted. Raises OSError."""
        self._read_to = to
        if self.size <= 0:
            self._path.unlink(missing_ok=True)
            self._read_to = 0
