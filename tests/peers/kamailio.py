"""A real Kamailio for a test: an instance of `deploy/kamailio/kamailio` on ports that nobody else has."""

import os
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from simulator.ports import free_port
from tests.peers import script

SCRIPT = Path(__file__).parents[2] / "deploy" / "kamailio" / "kamailio"
START_TIMEOUT = 120.0  # seconds: the first start on a machine has to fetch Kamailio


@dataclass(frozen=True, slots=True)
class Kamailio:
    """An instance. `settings`: as the script takes them; `nodes` of them are SIP ports on 127.0.0.1."""

    name: str
    port: int
    metrics_port: int
    settings: Mapping[str, str]

    @property
    def sip(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self._home / "console.log").read_text(errors="replace")

    @property
    def _home(self) -> Path:
        return SCRIPT.parents[2] / "var" / "kamailio" / self.name

    def send_signal(self, number: signal.Signals) -> None:
        """To all its processes, such as SIGKILL."""
        os.killpg(int((self._home / "pid").read_text().split()[0]), number)

    def start(self) -> None:
        run("--name", self.name, "start", **self.settings)

    def twin(self, name: str) -> "Kamailio":
        """One more with the same settings and the same address, not started yet. On one machine the kernel gives what
        comes to an address to whoever has taken it last (SO_REUSEADDR, which Kamailio sets): if `self` stands still, it
        is as if the address had moved to another machine."""
        metrics = free_port()
        return Kamailio(name, self.port, metrics, {**self.settings, "METRICS_PORT": str(metrics)})

    def remove(self) -> None:
        run("--name", self.name, "remove")

    def send(self, by: socket.socket, message: str) -> None:
        by.sendto(message.encode(), ("127.0.0.1", self.port))

    def restart(self) -> None:
        run("--name", self.name, "restart")

    def reload(self, **settings: str) -> None:
        run("--name", self.name, "reload", **settings)

    def states(self) -> dict[int, str]:
        """By SIP port: `A` takes calls, `T` has failed once, `I` takes none, `D` off."""
        lines = [line.split() for line in run("--name", self.name, "nodes").splitlines()]
        return {int(node.rpartition(":")[2]): flags[0] for node, flags in lines}

    def metric(self, name: str) -> float:
        """The sum over all labels; 0: there is none yet."""
        text = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).text
        lines = [line for line in text.splitlines() if line.startswith(f"kamailio_{name}")]
        return sum(float(line.rpartition("}")[2].split()[0]) for line in lines)


def run(*arguments: str, **environment: str) -> str:
    return script.run(SCRIPT, *arguments, timeout=START_TIMEOUT, **environment)


@contextmanager
def instance(name: str, port: int, nodes: Sequence[int], trunks: str, **settings: str) -> Iterator[Kamailio]:
    """One process for SIP, because SIPp knows no 180 that comes after the 200. `port`: for SIP on 127.0.0.1. `nodes`:
    the SIP ports of the nodes there. `trunks`: as the script takes them."""
    metrics = free_port()
    own = {"SIP_PORT": str(port), "METRICS_PORT": str(metrics), "TRUNKS": trunks, "WORKERS": "1", **settings}
    made = Kamailio(name, port, metrics, {"NODES": " ".join(f"127.0.0.1:{node}" for node in nodes), **own})
    try:
        made.start()
        yield made
    finally:
        made.remove()
