"""bridge.common.systemd: a systemd that listens, one that does not, and none."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.common import systemd


@pytest.fixture
def systemd_socket(tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(5)
        yield listening, {systemd.SOCKET: path}


def test_systemd_is_told(systemd_socket: tuple[socket.socket, dict[str, str]]) -> None:
    listening, env = systemd_socket
    systemd.notify("READY=1", env)
    assert listening.recv(100) == b"READY=1"


def test_an_abstract_address() -> None:
    name = f"voiceai-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        systemd.notify("STOPPING=1", {systemd.SOCKET: f"@{name}"})
        assert listening.recv(100) == b"STOPPING=1"


def test_nobody_listens(tmp_path: Path) -> None:
    systemd.notify("READY=1", {})
    systemd.notify("READY=1", {systemd.SOCKET: str(tmp_path / "nothing")})


@pytest.mark.parametrize("env", [{}, {systemd.WATCHDOG: "x"}, {systemd.WATCHDOG: "2000000", systemd.WATCHDOG_PID: "1"}])
async def test_nobody_watches(env: dict[str, str]) -> None:
    async with asyncio.timeout(5):
        await systemd.watchdog(env)


async def test_the_watchdog_hears_that_the_loop_turns(systemd_socket: tuple[socket.socket, dict[str, str]]) -> None:
    listening, env = systemd_socket
    told = env | {systemd.WATCHDOG: "20000", systemd.WATCHDOG_PID: str(os.getpid())}
    task = asyncio.create_task(systemd.watchdog(told))
    for _ in range(2):
        assert await asyncio.to_thread(listening.recv, 100) == b"WATCHDOG=1"
    task.cancel()
    await asyncio.wait([task])
