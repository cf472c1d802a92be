"""Worker processes that go on when their controller was killed: the next controller finds them and goes on with them.

Owns the file that says which process is which worker, the token of the link (it must be the same for the next
controller), and what can be done with a process that is not our child. Linux only (pidfd_open(2)); elsewhere workers
end with their controller.
"""

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger()


class DetachedWorker:
    """A worker process that another controller has started: what a supervisor needs of `asyncio.subprocess.Process`.
    `returncode` is -1 once it has ended: only its parent is told the exit status."""

    def __init__(self, pid: int) -> None:
        """Raises OSError: it has ended."""
        self.pid = pid
        self.returncode: int | None = None
        self._fd = os.pidfd_open(pid)
        self._ended: asyncio.Event | None = None

    async def wait(self) -> int:
        """Until it has ended. May be awaited by several tasks."""
        if self.returncode is None:
            if self._ended is None:
                self._ended = asyncio.Event()
                asyncio.get_running_loop().add_reader(self._fd, self._over)
            await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def _over(self) -> None:
        assert self._ended is not None, "it is `wait` that asks for this"
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        self.returncode = -1
        self._ended.set()

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)


class PidFile:
    """Which process is which worker, in a file: `{"w1": 4711}`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pids: dict[str, int] = {}

    def survivors(self) -> dict[str, DetachedWorker]:
        """Workers of an earlier controller that live, by name. From then on they are in the file as ours."""
        found = {}
        for name, pid in self._read().items():
            with suppress(OSError, AttributeError):
                survivor = DetachedWorker(pid)
                if _is_worker(
                    pid, name
                ):  # asked after pidfd_open: from then on the pid can't stand for another process
                    log.warning("a worker of an earlier controller goes on", worker=name, pid=pid)
                    found[name], self._pids[name] = survivor, pid
        self._write()
        return found

    def add(self, name: str, pid: int) -> None:
        self._pids[name] = pid
        self._write()

    def remove(self, name: str) -> None:
        self._pids.pop(name, None)
        self._write()

    def _read(self) -> dict[str, int]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): pid for name, pid in found.items() if type(pid) is int} if isinstance(found, dict) else {}

    def _write(self) -> None:
        try:
            if self._pids:
                _put(self._path, json.dumps(self._pids))
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the next controller would not find our workers", reason=error.strerror)


def link_token(beside: Callable[[str], Path]) -> str:
    """The token for the link of workers of this machine. Made once and kept in a file that only its owner can read, so
    that workers of an earlier controller can connect to the next one. Where no file can be written, they can't."""
    path = beside("voiceai.link-token")
    try:
        found = path.read_text().strip() if path.is_file() else ""
        if len(found) >= 32 and found.isascii() and found.isprintable():
            return found
    except (OSError, UnicodeDecodeError):
        pass
    made = secrets.token_urlsafe(32)
    try:
        _put(path, made)
    except OSError as error:
        log.warning("workers would not outlive this controller: no token can be kept", reason=error.strerror)
    return made


def _put(path: Path, text: str) -> None:
    """Writes the whole file, or leaves it as it was. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _is_worker(pid: int, name: str) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b"bridge.worker" in words and (b"--name", name.encode()) in zip(words, words[1:], strict=False)
