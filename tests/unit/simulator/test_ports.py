"""Ports are handed out once, to whichever process asks."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import ports

ROOT = Path(__file__).resolve().parents[3]
TEN = "from simulator.ports import free_port; print(*(free_port() for _ in range(10))); input()"


def test_two_processes_never_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RANGE", range(ports.RANGE.start, ports.RANGE.start + 40))
    narrowed = f"import simulator.ports; simulator.ports.RANGE = {ports.RANGE!r}; {TEN}"
    command = [sys.executable, "-c", narrowed]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = {int(word) for word in other.stdout.readline().split()}
        ours = {ports.free_port(socket.SOCK_DGRAM) for _ in range(10)}
        other.communicate("\n", timeout=10)
    assert len(theirs) == len(ours) == 10
    assert not theirs & ours


def test_what_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        port = ports.free_port()
        listening.bind(("127.0.0.1", port))
        listening.listen()
        monkeypatch.setattr(ports, "RANGE", range(port, port + 1))
        with pytest.raises(OSError, match="no free port"):
            ports.free_port()
