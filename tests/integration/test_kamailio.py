"""The SIP front (deploy/kamailio) before nodes that do nothing but SIP: which of them has a call, and when."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.peers import kamailio as kamailios
from tests.peers.asterisk import free_udp_port
from tests.peers.callees import Callees
from tests.peers.kamailio import Kamailio

ELSEWHERE_S = 3.0
VIA = (
    "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:1@x>\r\nCall-ID: 1\r\n"
    "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
)
"""And the rest of a request."""


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_udp_port(), free_udp_port()


@pytest.fixture(scope="module")
def front(ports: tuple[int, int]) -> Iterator[Kamailio]:
    with kamailios.instance(f"int-{os.getpid()}", free_udp_port(), ports, "127.0.0.1") as running:
        yield running


def counted(front: Kamailio, *why: str) -> float:
    """Requests that were refused."""
    return sum(front.metric(f'voiceai_refused{{reason="{each}"}}') for each in why)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@asynccontextmanager
async def nodes(front: Kamailio, ports: tuple[int, int], *each: Callees) -> AsyncIterator[None]:
    """They take calls."""
    async with AsyncExitStack() as stack:
        for node in each:
            await stack.enter_async_context(node)
        async with asyncio.timeout(10):
            while set((await asyncio.to_thread(front.states)).values()) != {"A"}:  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(0.1)
        yield


class Caller:
    """Of the trunk, with one call."""

    def __init__(self, front: Kamailio) -> None:
        self._front, self._id = front, os.urandom(6).hex()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)

    def __enter__(self) -> "Caller":
        self.send("INVITE", 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, method: str, number: int, *, by: Kamailio | None = None, to: str = "", route: str = "") -> None:
        """`by`: another Kamailio than the one that `route` names."""
        here = f"127.0.0.1:{self._socket.getsockname()[1]}"
        lines = [
            f"{method} {to or f'sip:5002@{self._front.sip}'} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{self._id}-{number}",
            *([f"Route: {route}"] if route else []),
            f"From: <sip:caller@127.0.0.1>;tag={self._id}",
            f"To: <sip:5002@{self._front.sip}>" + (";tag=callees" if route else ""),
            f"Call-ID: {self._id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:caller@{here}>",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        (by or self._front).send(self._socket, "\r\n".join([*lines, "", ""]))

    async def hears(self, status: int, seconds: float = 10.0) -> float:
        """Until this answer; returns how long it took."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while True:
                self.told = (await asyncio.get_running_loop().sock_recv(self._socket, 65536)).decode()
                if self.told.startswith(f"SIP/2.0 {status} "):
                    return time.monotonic() - began

    def header(self, name: str) -> str:
        """Of the latest answer."""
        return next(line for line in self.told.split("\r\n") if line.startswith(f"{name}:")).partition(": ")[2]


async def test_a_node_that_says_nothing_but_trying_is_passed_over(front: Kamailio, ports: tuple[int, int]) -> None:
    """Its controller stands still, or does not reach its Asterisk."""
    still, other = Callees(ports[0], ringing="100 Trying", rings=60), Callees(ports[1])
    async with nodes(front, ports, still, other):
        for _ in range(2):
            with Caller(front) as caller:
                assert await caller.hears(200) < ELSEWHERE_S
        assert (sum(still.called().values()), sum(other.called().values())) == (1, 2)
        assert still.cancelled == 1
        assert front.metric('voiceai_next_node{reason="no_answer"}') == 1


async def test_a_node_that_rings_for_long_keeps_the_call(front: Kamailio, ports: tuple[int, int]) -> None:
    both = [Callees(port, rings=3.2) for port in ports]
    async with nodes(front, ports, *both):
        with Caller(front) as caller:
            assert await caller.hears(200) > 3
        assert sum(sum(each.called().values()) for each in both) == 1


def test_many_strangers_at_once_are_not_remembered(front: Kamailio) -> None:
    """Their addresses may be forged: each has one, and says that it is a scanner."""
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(240)]
    try:
        for number, each in enumerate(senders):
            each.bind((f"127.0.7.{number + 1}", 0))
        for each in senders:
            front.send(each, f"INVITE sip:1@x SIP/2.0\r\nUser-Agent: sipvicious\r\n{VIA}")
        wait_for(lambda: counted(front, "scanner", "strangers") == 240)
    finally:
        for each in senders:
            each.close()
    assert counted(front, "strangers") >= 40, "they came within two seconds of the clock"


async def test_what_belongs_to_a_call_may_come_by_a_peer(front: Kamailio, ports: tuple[int, int]) -> None:
    """The one that the call began through is gone: its address is in the Route."""
    settings = {"PEERS": front.sip}
    with kamailios.instance(f"int-{os.getpid()}-3", free_udp_port(), ports, "127.0.0.1", **settings) as peer:
        both = [Callees(port, listens=60) for port in ports]
        async with nodes(front, ports, *both):
            with Caller(front) as caller:
                await caller.hears(200)
                contact, route = caller.header("Contact").strip("<>"), caller.header("Record-Route")
                front.send_signal(signal.SIGKILL)
                try:
                    caller.send("BYE", 2, by=peer, to=contact, route=route)
                    await caller.hears(200)
                finally:
                    front.start()
            assert [each.left for each in both].count(1) == 1


def test_a_trunk_begins_so_many_calls_in_a_second(front: Kamailio) -> None:
    """By default 100. The last test of this file: Kamailio has the nodes try these calls for some seconds more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trunk:
        trunk.bind(("127.0.0.1", 0))
        before = front.metric("voiceai_calls")
        for number in range(240):
            front.send(trunk, f"INVITE sip:1@x SIP/2.0\r\nMax-Forwards: 70\r\n{VIA.replace('bK1', f'bK{number}')}")
        wait_for(lambda: counted(front, "rate") + front.metric("voiceai_calls") - before == 240)
    assert counted(front, "rate") >= 40, "they came within two seconds of the clock"
