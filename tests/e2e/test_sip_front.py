"""Two nodes behind a real Kamailio (deploy/kamailio): calls are spread, and each part may fail while people talk.

The carrier is 127.0.0.1 as well, and the nodes are known by their ports. Who calls from another address of this machine
is a stranger.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from simulator.phone.phone import CALLER, Phone
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.peers import asterisk as asterisks, kamailio as kamailios, sip as telephones
from tests.peers.kamailio import Kamailio
from tests.peers.sip import HOLDING

pytestmark = pytest.mark.timeout(120)  # two of everything are started in the time of the first test

STRANGER = "127.0.0.9"
GREETING = Say("Hello.", 1.0, 440)
ELSEWHERE_S = 3.0
"""Until new calls go to another node."""


@dataclass
class Front:
    """Kamailio, and the two nodes behind it."""

    kamailio: Kamailio
    nodes: tuple[Installation, Installation]
    folder: Path

    def caller(self, number: str = "5001", scenario: Path = CALLER) -> Phone:
        return telephones.caller(self.kamailio.sip, self.folder, number, scenario=scenario)

    async def counts(self) -> list[int]:
        """How many calls each node has had."""
        return [len(await node.calls()) for node in self.nodes]

    async def three_calls(self) -> None:
        """One after the other; all of them get an agent in time."""
        for _ in range(3):
            began = time.monotonic()
            async with self.caller() as phone:
                await phone.answered()
                assert time.monotonic() - began < ELSEWHERE_S
                await phone.hang_up()

    async def takes_calls(self, node: int, *, yes: bool = True) -> None:
        """Until Kamailio knows that this node takes calls, or takes none."""
        port = self.nodes[node].asterisk.sip_port
        await until(lambda: (self.kamailio.states()[port] == "A") is yes)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    folder, name, port = tmp_path_factory.mktemp("front"), f"e2e-{os.getpid()}", asterisks.free_udp_port()
    async with AsyncExitStack() as stack:
        proxy = {"SIP_PROXY": f"127.0.0.1:{port}", "TRUNK_PORT": str(asterisks.free_udp_port())}
        running = [stack.enter_context(asterisks.instance(f"{name}-n{each}", **proxy)) for each in (1, 2)]
        kamailio = stack.enter_context(
            kamailios.instance(name, port, [each.sip_port for each in running], "127.0.0.1", CALLS_PER_SECOND="50")
        )
        nodes = []
        for each in running:
            own = folder / each.name
            own.mkdir()
            more = {"asterisk": {"ari": each.ari_keys, "readiness_app": True}, "shutdown": {"drain_s": 60}}
            nodes.append(
                await stack.enter_async_context(installation(each, own, ToneModel([GREETING]), more=more, ends=True))
            )
        found = Front(kamailio, (nodes[0], nodes[1]), folder)
        for number in (0, 1):
            await found.takes_calls(number)
        yield found


async def test_calls_are_spread_over_the_nodes(front: Front) -> None:
    async with front.caller() as one, front.caller() as two:
        for phone in (one, two):
            await phone.answered()
        assert await front.counts() == [1, 1]
        await one.hang_up()
        await two.hang_up()


@pytest.mark.parametrize("who", ["callee", "agent"])
async def test_a_carrier_sees_one_address(front: Front, who: str) -> None:
    node = front.nodes[0]
    async with telephones.callee(front.kamailio.sip, front.folder, node.asterisk.trunk_port) as phone:
        placed = await node.api("POST", "/v1/calls", to="+4930555123", agent="reception")
        await phone.wait("called")
        await phone.command("answer")
        await phone.answered()
        if who == "callee":
            await phone.hang_up()
        else:
            await node.api("POST", f"/v1/calls/{placed['id']}/hangup")
            await phone.wait("left")
        await node.ended(placed["id"])
    trace = max(front.folder.glob("*-callee.sip"), key=lambda path: path.stat().st_mtime).read_text()
    via = next(line for line in trace.splitlines() if line.startswith("Via:"))
    assert front.kamailio.sip in via


async def test_what_the_agent_ends_goes_back_through_the_kamailio_that_the_caller_came_by(front: Front) -> None:
    """Of two at different addresses. The other one, through which the nodes call, is gone."""
    settings = {"PEERS": front.kamailio.sip}
    ports = [node.asterisk.sip_port for node in front.nodes]
    with kamailios.instance(f"e2e-{os.getpid()}-2", asterisks.free_udp_port(), ports, "127.0.0.1", **settings) as other:
        await until(lambda: set(other.states().values()) == {"A"})
        async with telephones.caller(other.sip, front.folder, "5001") as phone:
            await phone.answered()
            front.kamailio.send_signal(signal.SIGKILL)
            try:
                [(node, call)] = [
                    (node, each["id"])
                    for node in front.nodes
                    for each in (await node.api("GET", "/v1/calls?state=active"))["calls"]
                ]
                await node.api("POST", f"/v1/calls/{call}/hangup")
                await phone.wait("left")
            finally:
                front.kamailio.start()


async def test_a_node_calls_trunks_and_nobody_else(front: Front) -> None:
    refused = front.kamailio.metric('voiceai_refused{reason="destination"}')
    with listening(STRANGER) as elsewhere:
        number = f"PJSIP/trunk/sip:x@{STRANGER}:{elsewhere.getsockname()[1]}"
        front.nodes[0].asterisk.rx(f"channel originate {number} application Echo")
        await until(lambda: front.kamailio.metric('voiceai_refused{reason="destination"}') > refused)
        assert received(elsewhere) == []


async def test_nothing_goes_through_it_to_a_third_party(front: Front) -> None:
    with listening(STRANGER) as stranger, listening("127.0.0.1") as carrier, listening("127.0.0.1") as victim:
        there = f"sip:x@127.0.0.1:{victim.getsockname()[1]}"
        route = f"Route: <sip:{front.kamailio.sip};lr>"
        for sender, headers, tag in (
            (stranger, (), ""),
            (stranger, (route,), ""),
            (stranger, (route,), "9"),
            (carrier, (route,), "9"),
            (carrier, (route, f"Route: <{there};lr>"), "9"),
        ):
            front.kamailio.send(sender, invite(sender, there, *headers, tag=tag))
            assert await first_line(sender) == "SIP/2.0 403 Forbidden"
        assert received(victim) == []


async def test_a_flood_is_not_answered_while_others_call(front: Front) -> None:
    with listening(STRANGER) as stranger:
        async with front.caller() as phone:
            for _ in range(400):
                front.kamailio.send(stranger, invite(stranger, "sip:5001@127.0.0.1"))
            await phone.answered()
            answers = len(received(stranger))
            front.kamailio.send(stranger, invite(stranger, "sip:5001@127.0.0.1"))
            await phone.hang_up()
        assert (answers < 100, received(stranger)) == (True, [])
    assert front.kamailio.metric('voiceai_refused{reason="flood"}') == 1


async def test_calls_go_on_while_it_is_restarted(front: Front) -> None:
    async with front.caller(scenario=HOLDING) as phone:
        await phone.answered()
        await phone.command("hold")
        await phone.wait("held")
        await asyncio.to_thread(front.kamailio.restart)
        await comes_back_and_hangs_up(phone)


async def test_a_killed_controller_gets_no_calls(front: Front) -> None:
    killed, other = front.nodes
    before = await front.counts()
    await killed.kill_the_controller()
    await front.three_calls()
    assert len(await other.calls()) == before[1] + 3
    await killed.start_again()
    await front.takes_calls(0)


async def test_a_frozen_asterisk_gets_no_calls(front: Front) -> None:
    before, pid = await front.counts(), front.nodes[1].asterisk.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await front.three_calls()
        assert len(await front.nodes[0].calls()) == before[0] + 3
    finally:
        os.kill(pid, signal.SIGCONT)
    await front.takes_calls(1)


async def test_a_draining_node_keeps_its_calls_and_gets_no_new_ones(front: Front) -> None:
    draining, other = front.nodes
    async with front.caller(scenario=HOLDING) as one, front.caller(scenario=HOLDING) as two:
        for phone in (one, two):
            await phone.answered()
            await phone.command("hold")
            await phone.wait("held")
        before = await front.counts()
        os.kill(draining.service.pid, signal.SIGTERM)
        await draining.service.logged("calls may finish")
        await front.three_calls()
        assert await front.counts() == [before[0], before[1] + 3]
        assert (await draining.api("GET", "/v1/calls?state=active"))["calls"], "its call goes on"
        await front.takes_calls(0, yes=False)
        for phone in (one, two):
            await comes_back_and_hangs_up(phone)
    await draining.service.exited()
    assert len(await other.calls()) == before[1] + 3


async def comes_back_and_hangs_up(phone: Phone) -> None:
    """One that has put us on hold: a re-INVITE, an INFO and a BYE reach the node that has its call."""
    await phone.command("back")
    await phone.wait("back")
    await phone.command("press")
    await phone.wait("pressed")
    assert (await phone.hang_up()).event == "hung up"


async def until(what: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 - nothing else tells of it
            await asyncio.sleep(0.1)


def listening(host: str) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.bind((host, 0))
    found.setblocking(False)
    return found


async def first_line(at: socket.socket) -> str:
    """Of the next message."""
    async with asyncio.timeout(5):
        message = await asyncio.get_running_loop().sock_recv(at, 65536)
    return message.decode().partition("\r\n")[0]


def received(at: socket.socket) -> list[bytes]:
    """What has arrived until now."""
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(at.recv(65536))
    return found


def invite(at: socket.socket, to: str, *headers: str, tag: str = "") -> str:
    host, port = at.getsockname()
    branch = os.urandom(6).hex()
    lines = [
        f"INVITE {to} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch}",
        *headers,
        f"From: <sip:stranger@{host}>;tag={branch}",
        f"To: <{to}>" + (f";tag={tag}" if tag else ""),
        f"Call-ID: {branch}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:stranger@{host}:{port}>",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""])
