"""Where a test's store is: a SQLite file, or a database of its own on a real PostgreSQL (`pytest --store postgresql`).

Owns that server: Debian's PostgreSQL in a folder of its own, on loopback, without fsync, gone with the session. A
server refuses to run as root: then it runs as `nobody`.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.ports import free_port

START_SECONDS = 30.0
NOBODY = 65534
TRUSTED = "voiceai"

_server: int | None = None
"""The port of this process's PostgreSQL; None: tests use SQLite."""


def store_at(folder: Path) -> str:
    """The URL of the store that belongs to this folder, the same one each time. Not necessarily made yet on SQLite."""
    if _server is None:
        return f"sqlite+aiosqlite:///{folder}/voiceai.sqlite3"
    name = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    made = _run("createdb", "-h", "127.0.0.1", "-p", str(_server), "-U", TRUSTED, name, check=False)
    assert made.returncode == 0 or "already exists" in made.stderr, made.stderr
    return f"postgresql+asyncpg://{TRUSTED}@127.0.0.1:{_server}/{name}"


def on_postgresql() -> bool:
    return _server is not None


@contextmanager
def postgresql() -> Iterator[int]:
    """From now on `store_at` means a server of our own; yields its port."""
    global _server
    folder = Path(tempfile.mkdtemp(prefix="voiceai-postgresql-", dir="/tmp"))
    try:
        if os.getuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        data = folder / "data"
        _run("initdb", "-D", str(data), "-U", TRUSTED, "-A", "trust", "-E", "UTF8", "--no-sync")
        port = free_port()
        options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        options += ["-c", "fsync=off", "-c", "max_connections=200"]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen([_program("postgres"), "-D", str(data), *options], stderr=log, **_as_nobody())
        try:
            _wait(server, port, folder / "log")
            _server = port
            yield port
        finally:
            _server = None
            server.terminate()
            server.wait(timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while _run("pg_isready", "-h", "127.0.0.1", "-p", str(port), check=False).returncode != 0:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


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
