"""A real Asterisk for a test: an instance of `asterisk/asterisk` on ports that nobody else has."""

import fcntl
import os
import shlex
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simulator import services
from simulator.ports import free_port
from simulator.services import SCRIPT
from tests.peers import script

START_TIMEOUT = 600.0  # seconds: the first start on a machine has to fetch Asterisk


@dataclass(frozen=True, slots=True)
class Asterisk(services.Asterisk):
    """An Asterisk with the operations that only tests need."""

    @property
    def ari_url(self) -> str:
        return self.settings["ARI_URL"]

    @property
    def ari_username(self) -> str:
        return self.settings["ARI_USERNAME"]

    @property
    def ari_password(self) -> str:
        return self.settings["ARI_PASSWORD"]

    @property
    def ari_app(self) -> str:
        return self.settings["ARI_APP"]

    @property
    def sip_port(self) -> int:
        return int(self.settings["SIP_PORT"])

    @property
    def pid(self) -> int:
        return int((Path(self.settings["ASTERISK_HOME"]) / "pid").read_text().split()[0])

    def rx(self, command: str) -> str:
        """One command on Asterisk's command line, and what it printed."""
        return run("--name", self.name, "rx", command)

    def kill(self) -> None:
        """SIGKILL, as in a crash. Returns once init has reaped the process."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline, f"process {pid} does not go away"
            time.sleep(0.02)

    def start_again(self) -> None:
        """With the same settings; returns once ARI and SIP answer."""
        run("--name", self.name, "start")


def run(*arguments: str, **environment: str) -> str:
    return script.run(SCRIPT, *arguments, timeout=START_TIMEOUT, **environment)


def free_udp_port() -> int:
    return free_port(socket.SOCK_DGRAM)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Tests run in several processes, and ports are looked for and then taken: two that look at once find the same."""
    with (Path(tempfile.gettempdir()) / f"voiceai-e2e-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def instance(name: str, **settings: str) -> Iterator[Asterisk]:
    try:
        with one_at_a_time():
            own = {"TRUNK_PORT": str(free_udp_port())} | settings
            run("--name", name, "--ports", "auto", "start", **own)
        lines = run("--name", name, "env").splitlines()
        yield Asterisk(name, dict(shlex.split(line)[0].split("=", 1) for line in lines))
    finally:
        run("--name", name, "remove")
