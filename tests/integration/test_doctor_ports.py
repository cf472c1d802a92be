"""The doctor counts the ports that workers can take."""

import socket
from contextlib import ExitStack

import pytest

from controller.cli.doctor import host
from simulator.ports import free_port
from tests.unit.controller.configs import SMALL, config


@pytest.mark.parametrize(
    ("workers", "taken", "found"),
    [(1, 0, []), (2, 0, []), (2, 1, [("warning", "1 of the ports")]), (1, 2, [("failure", "0 of the ports")])],
)
def test_ports_of_workers(workers: int, taken: int, found: list[tuple[str, str]]) -> None:
    with ExitStack() as stack:
        first = free_port()
        for port in range(first, first + taken):
            listening = stack.enter_context(socket.create_server(("127.0.0.1", port)))
            listening.listen()
        settings = config(SMALL, bridge={"workers": workers, "ports": f"{first}-{first + 1}"})
        told = host.worker_ports(settings)
    assert [(each.verdict.value, each.told[: len(text)]) for each, (_, text) in zip(told, found, strict=True)] == found


def test_an_address_of_another_machine_is_told_elsewhere() -> None:
    assert host.worker_ports(config(SMALL, bridge={"workers": 1, "listen": "192.0.2.1"})) == []
