"""For all tests: on which kind of store they run; and of properties, that none is judged by the speed of the machine,
and that all try the same examples each time (`--hypothesis-profile explore`, which `make fuzz` does, tries others)."""

import gc
import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from controller.calls.machine import table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from tests.peers import stores

os.environ.setdefault("HIGH_PRIORITY", "no")
"""Asterisk of the tests runs as any other process: tests beside it need the cores, too."""

_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _UNHURRIED, derandomize=True)
settings.register_profile("explore", _UNHURRIED)
settings.load_profile("same")


LONGEST = (
    *("cluster", "late_answer", "recovery", "trunk_limits", "softphone", "ai_lost", "failover", "turns", "loops"),
    *("softphone_transfer", "live_control", "sip_front", "second_controller", "asterisk_script", "doctor"),
    *("overflow", "transfer_matrix", "call_control", "outbound_queue", "answering_machine", "transfer"),
    *("inbound", "recording"),
    *("session_matrix", "damaged_outbox", "console_editor", "bench_cluster", "store_unavailable", "api_document"),
    *("conversation_server", "conversation_properties"),
)
"""Files that begin before the others, the longest first, so that none is left over at the end while other processes
stand idle. `--durations 0` tells how long each is."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {f"test_{name}": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Beside pytest-xdist, pytest-rerunfailures tells its server of each test and then asks it, in two small packets.
    The second would wait 40 ms for the acknowledgement of the first: minutes in all."""
    counts = getattr(session.config, "failures_db", None)
    if (connection := getattr(counts, "sock", None)) is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", choices=["sqlite", "postgresql"], default="sqlite", help="what tests keep things in")


@pytest.fixture(scope="session", autouse=True)
def store_server(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--store") == "postgresql":
        with stores.postgresql():
            yield
    else:
        yield


@pytest.fixture(scope="session", autouse=True)
def transitions_are_declared() -> Iterator[None]:
    """A row of a call's table that sets a state which it does not declare is an error here, and a line of the log in
    production."""

    def undeclared(call: Call, before: State, what: object) -> None:
        raise AssertionError(f"{what} leads from {before} to {call.state}, which its row does not declare")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "undeclared", undeclared)
        yield
