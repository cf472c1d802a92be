"""A real Kamailio for a test: an instance of `deploy/kamailio/kamailio` on ports that nobody else has."""

import socket
from collections.abc import Iterator, Sequence
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
    """A running instance. `nodes` of the settings are SIP ports on 127.0.0.1."""

    name: str
    port: int
    metrics_port: int

    @property
    def sip(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (SCRIPT.parents[2] / "var" / "kamailio" / self.name / "console.log").read_text(errors="replace")

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
    try:
        run("--name", name, "start", NODES=" ".join(f"127.0.0.1:{node}" for node in nodes), **own)
        yield Kamailio(name, port, metrics)
    finally:
        run("--name", name, "remove")
