"""The programs that a call needs around it: Asterisk, the simulated Realtime server, and `voiceai serve`.

Owns starting each, knowing when it is ready, and ending what was started here and nothing else. The demo and the
end-to-end tests use the same. What is said in the call is not its concern.
"""

import asyncio
import contextlib
import json
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from simulator.ports import free_port

T = TypeVar("T")
ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "asterisk" / "asterisk"

ASTERISK_SECONDS = 600.0  # the first start on a machine fetches Asterisk
READY_SECONDS = 60.0
STOP_SECONDS = 12.0


class ServiceError(Exception):
    """A program did not come up, or went away. The text says which, and where its log is."""


@dataclass(frozen=True, slots=True)
class Asterisk:
    """A running instance of `asterisk/asterisk`. `settings`: all that its `env` prints."""

    name: str
    settings: Mapping[str, str] = field(repr=False)

    @property
    def sip(self) -> str:
        """host:port for SIP."""
        return f"127.0.0.1:{self.settings['SIP_PORT']}"

    @property
    def trunk_port(self) -> int:
        """Where it looks for its carrier on 127.0.0.1."""
        return int(self.settings["TRUNK_PORT"])

    def ari(self) -> httpx.AsyncClient:
        """A client of its own for looking at channels and bridges."""
        auth = (self.settings["ARI_USERNAME"], self.settings["ARI_PASSWORD"])
        return httpx.AsyncClient(base_url=self.settings["ARI_URL"], auth=auth, timeout=5)

    @property
    def ari_keys(self) -> dict[str, str]:
        """`asterisk.ari` of a config that uses it."""
        return {key: self.settings[f"ARI_{key.upper()}"] for key in ("url", "username", "password", "app")}


@asynccontextmanager
async def asterisk(name: str, **settings: str) -> AsyncIterator[Asterisk]:
    """Starts the instance, with these settings, if it does not run, and stops it afterwards if it was started here."""
    status = await asyncio.create_subprocess_exec(
        SCRIPT, "--name", name, "status", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    ours = await status.wait() != 0
    try:
        if ours:
            settings = {"TRUNK_PORT": str(free_port(socket.SOCK_DGRAM))} | settings
            await _script("--name", name, "--ports", "auto", "start", **settings)
        lines = (await _script("--name", name, "env")).splitlines()
        yield Asterisk(name, dict(shlex.split(line)[0].split("=", 1) for line in lines))
    finally:
        if ours:
            await _script("--name", name, "stop")


async def _script(*arguments: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        SCRIPT,
        *arguments,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    async with asyncio.timeout(ASTERISK_SECONDS):
        output, _ = await process.communicate()
    if process.returncode != 0:
        raise ServiceError(f"asterisk/asterisk {' '.join(arguments)} failed: {output.decode().strip()}")
    return output.decode()


@asynccontextmanager
async def realtime_server(log: Path, key: str) -> AsyncIterator[str]:
    """The simulator that recognises speech and speaks, as a process of its own; yields its websocket's URL."""
    command = (sys.executable, "-m", "simulator.realtime", "--port", "0", "--model", "demo", "--key", key)
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=file, start_new_session=True
        )
    assert process.stdout is not None
    try:
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = (await process.stdout.readline()).decode()
                while "ws://" not in line:
                    if not line:
                        raise ServiceError(f"the simulated Realtime server ended at once; see {log}")
                    line = (await process.stdout.readline()).decode()
        except TimeoutError:
            raise ServiceError(f"the simulated Realtime server did not start; see {log}") from None
        yield line[line.index("ws://") :].strip()
    finally:
        await end(process)


class Service:
    """`async with Service(config, folder) as service:` is `voiceai serve` with this config, once /readyz says 200.

    Its JSON log goes to `folder`/service.log and, line by line, to `hear`. `token` is for its API. `home`: where it
    runs; None: here. Each of several nodes needs its own. `program`: the installed `voiceai`; None: the one beside this
    Python.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        folder: Path,
        *,
        token: str = "",
        environment: Mapping[str, str] | None = None,
        hear: Callable[[dict[str, Any]], None] | None = None,
        home: Path | None = None,
        program: Path | None = None,
    ) -> None:
        self._program = program or Path(sys.executable).with_name("voiceai")
        self._config, self._folder, self._token, self._hear = config, folder, token, hear
        self._home = home
        self._environment = dict(environment or {})
        self.log = folder / "service.log"
        self.url = f"http://{config['api']['listen']}"
        self.lines: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self.api = httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=10)

    def another(self, environment: Mapping[str, str] | None = None) -> "Service":
        """One that would be started the same way, or with another environment, once this one has ended."""
        return Service(
            *(self._config, self._folder),
            token=self._token,
            environment=self._environment if environment is None else environment,
            hear=self._hear,
            home=self._home,
            program=self._program,
        )

    async def __aenter__(self) -> "Service":
        path = self._folder / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(dict(self._config), sort_keys=False, allow_unicode=True))
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            *("serve", "--config", str(path)),
            env={**os.environ, "VOICEAI_LOG": "json", "VOICEAI_LOG_PII": "1", **self._environment},
            cwd=self._home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
            # Ctrl-C at the terminal is for us: we end things in order.
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read(), name="service log")
        try:
            await self._ready()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.api.aclose()
        await end(self._process)
        if self._process.returncode != 0:
            self._end_workers()
        await self._reader

    def _end_workers(self) -> None:
        """A service that was killed could not end them; they hold our end of the log open."""
        for line in self.lines:
            if line.get("event") == "worker started":
                with contextlib.suppress(OSError):
                    if b"bridge.worker" in Path(f"/proc/{line['pid']}/cmdline").read_bytes():
                        os.kill(int(line["pid"]), signal.SIGTERM)

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this as long as the service runs. Raises ServiceError if it ends first."""
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_exited(self._process))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return await task
            raise ServiceError(f"voiceai serve ended with status {self._process.returncode}; see {self.log}")
        finally:
            for each in (task, gone):
                each.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def exited(self, timeout: float = 10.0) -> None:
        """Until the process has ended by itself, well. Raises ServiceError."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await _exited(self._process)
        if self._process.returncode != 0:
            raise ServiceError(f"voiceai serve has not ended, or not well ({self._process.returncode}); see {self.log}")

    async def logged(self, event: str, timeout: float = 10.0, *, nth: int = 1, **fields: object) -> dict[str, Any]:
        """The nth log line, past or to come, of this text with these fields. Raises ServiceError."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    found = [each for each in self.lines if _is(each, event, fields)]
                    if len(found) >= nth:
                        return found[nth - 1]
                    await self._changed.wait()
        raise ServiceError(f"voiceai logged no {event!r} with {fields} within {timeout:g} s; see {self.log}")

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _ready(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while self.running:
                    with contextlib.suppress(httpx.TransportError):
                        if (await self.api.get("/readyz")).is_success:
                            return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ServiceError(f"voiceai serve is not ready after {READY_SECONDS:g} s; see {self.log}") from None
        raise ServiceError(f"voiceai serve ended with status {self._process.returncode}; see {self.log}")

    async def _read(self) -> None:
        assert self._process.stderr is not None
        with self.log.open("ab") as file:
            async for raw in self._process.stderr:
                file.write(raw)
                file.flush()
                try:
                    line = json.loads(raw)
                except ValueError:
                    continue  # a traceback, or what a library prints
                if isinstance(line, dict):
                    self.lines.append(line)
                    self._tell()
                    if self._hear is not None:
                        self._hear(line)


def _is(line: Mapping[str, Any], event: str, fields: Mapping[str, object]) -> bool:
    return line.get("event") == event and all(line.get(name) == value for name, value in fields.items())


async def end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, and SIGKILL for one that does not end in time."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await _exited(process)
    except TimeoutError:
        process.kill()
        await _exited(process)


async def _exited(process: asyncio.subprocess.Process) -> None:
    """asyncio's own `wait()` also waits for the pipes to close, which a child of the process may hold open."""
    while process.returncode is None:  # noqa: ASYNC110 - nothing else tells of it
        await asyncio.sleep(0.02)
