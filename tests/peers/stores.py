"""Where a test's store is: a SQLite file, or a database of its own on a real PostgreSQL (`pytest --store postgresql`).

Owns that server: Debian's PostgreSQL in a folder of its own, on loopback, without fsync, gone with the session. A
server refuses to run as root: then it runs as `nobody`. A test that stops one has its own (`with Server() as server:`).
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import update

from controller.store.database import Database
from controller.store.tables.nodes import installation
from simulator.ports import free_port

START_SECONDS = 30.0
NOBODY = 65534
TRUSTED = "voiceai"

_server: "Server | None" = None
"""This process's PostgreSQL; None: tests use SQLite."""


def store_at(folder: Path) -> str:
    """The URL of the store that belongs to this folder, the same one each time. Not necessarily made yet on SQLite."""
    if _server is None:
        return f"sqlite+aiosqlite:///{folder}/voiceai.sqlite3"
    return _server.url("t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20])


async def of_one_installation(*folders: Path) -> None:
    """The stores of these count as one for a Valkey, though nodes have one each, so that no PostgreSQL is needed."""
    for each in folders:
        async with Database(store_at(each)) as database, database.writing() as store:
            await store.execute(update(installation).values(id="one"))


def on_postgresql() -> bool:
    return _server is not None


@contextmanager
def postgresql() -> Iterator[int]:
    """From now on `store_at` means a server of our own; yields its port."""
    global _server
    with Server() as server:
        _server = server
        try:
            yield server.port
        finally:
            _server = None


class Server:
    """A PostgreSQL that is there from `with` on. It can be frozen, killed, and started again with what it held."""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="voiceai-postgresql-", dir="/tmp"))
        try:
            if os.getuid() == 0:
                os.chown(self._folder, NOBODY, NOBODY)
            _run("initdb", "-D", str(self._folder / "data"), "-U", TRUSTED, "-A", "trust", "-E", "UTF8", "--no-sync")
            self.port = free_port()
            self.start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.kill()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """Of a database, which is made if there is none of this name."""
        made = _run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", TRUSTED, name, check=False)
        assert made.returncode == 0 or "already exists" in made.stderr, made.stderr
        return f"postgresql+asyncpg://{TRUSTED}@127.0.0.1:{self.port}/{name}"

    def dump(self, url: str) -> str:
        """All that is in the database of this URL, as pg_dump tells it."""
        name = url.rpartition("/")[2]
        return _run("pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", TRUSTED, "--inserts", name).stdout

    def start(self) -> None:
        """Returns once it answers."""
        folder = self._folder
        options = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        options += ["-c", "fsync=off", "-c", "max_connections=200"]
        with (folder / "log").open("a") as log:
            command = [_program("postgres"), "-D", str(folder / "data"), *options]
            self._process = subprocess.Popen(command, stderr=log, **_as_nobody())
        deadline = time.monotonic() + START_SECONDS
        while _run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), check=False).returncode != 0:
            assert self._process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)

    @property
    def killed(self) -> bool:
        return self._process.poll() is not None

    def freeze(self) -> None:
        """SIGSTOP to all its processes: it does not answer, but the kernel still accepts connections."""
        os.kill(self._process.pid, signal.SIGSTOP)
        self._tell_children(signal.SIGSTOP)

    def thaw(self) -> None:
        self._tell_children(signal.SIGCONT)
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, frozen or not. What was committed is there at the next start."""
        if self.killed:
            return
        self._process.send_signal(signal.SIGQUIT)
        self.thaw()
        self._process.wait(timeout=20)

    def _tell_children(self, number: signal.Signals) -> None:
        """Each has a session of its own. The list is reliable while their parent is stopped: it neither starts any nor
        reaps them (proc_pid_task_children(5))."""
        server = self._process.pid
        for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)


def _program(name: str) -> str:
    """The newest PostgreSQL's; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    assert program, f"{name} is missing: install Debian's postgresql (make setup does it)"
    return program


def _run(name: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    command = [_program(name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/tmp", **_as_nobody())
    assert done.returncode == 0 or not check, done.stderr
    return done


def _as_nobody() -> dict[str, Any]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.getuid() == 0 else {}
