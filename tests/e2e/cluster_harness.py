"""A whole cluster on this machine: three nodes (a real Asterisk, `voiceai serve`, its workers), two Kamailios with one
address, a Valkey with a replica and three Sentinels, and a PostgreSQL. Each part can be killed, frozen and cut off.

The two Kamailios take turns, as keepalived has them: who is told to take over is started at the same address. Nodes
reach servers, Asterisk and each other over relays that can be cut (`tests/peers/network.py`); SIP is not relayed.
"""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from simulator.audio.sound import tone
from simulator.phone.phone import CALLER, Phone
from simulator.ports import free_port
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.integration.webhook_harness import Receiver, hook, receiver
from tests.peers import asterisk as asterisks, kamailio as kamailios, sip as telephones, stores, valkey
from tests.peers.kamailio import Kamailio
from tests.peers.network import Network

T = TypeVar("T")
NAMES = ("a", "b", "c")
ELSEWHERE_S = 3.0
"""Until a new call is answered, whatever has just happened."""
EXACT_S = 15.0
"""Until the slots are those of the calls that live."""
WORKERS = 2
"""Of each node."""
QUEUE_CALLS = 9
"""At once over the trunk `queue`, in the whole cluster."""
TRUNK = {
    "endpoint": "PJSIP/{number}@trunk",
    "caller_id": "+493055501",
    "allow": [r"\+?[0-9]{4,15}"],
    "country_code": "49",
}
MODEL = ToneModel(forever=Say("Indeed.", 0.6, 880))


@dataclass(eq=False)
class Node:
    name: str
    running: Installation
    logs: list[list[dict[str, Any]]]
    """Of each of its controllers so far."""
    up: bool = True
    """Whether it can be asked."""

    @property
    def sip_port(self) -> int:
        return self.running.asterisk.sip_port

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for lines in self.logs for line in lines if line.get("event") == event]

    def workers(self) -> list[int]:
        """Processes that live."""
        lines = [*self.logged("worker started"), *self.logged("a worker of an earlier controller goes on")]
        pids = sorted({int(line["pid"]) for line in lines})
        return [pid for pid in pids if b"bridge.worker" in _command(pid)]

    def send_signal(
        self, number: signal.Signals, *, asterisk: bool = False, controller: bool = False, workers: int = 0
    ) -> None:
        """To these. `workers`: how many of them."""
        pids = [self.running.asterisk.pid] if asterisk else []
        pids += [self.running.service.pid] if controller else []
        for pid in (*pids, *self.workers()[:workers]):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def send_signal_to_all(self, number: signal.Signals) -> None:
        """Asterisk, controller and workers."""
        self.send_signal(number, asterisk=True, controller=True, workers=WORKERS)

    async def kill(self) -> None:
        """All of it, as if its machine had lost its power."""
        self.up = False
        self.send_signal_to_all(signal.SIGSTOP)
        self.send_signal(signal.SIGKILL, controller=True, workers=WORKERS)
        await asyncio.to_thread(self.running.asterisk.kill)

    async def start_again(self, *, asterisk: bool = False) -> None:
        if asterisk:
            await asyncio.to_thread(self.running.asterisk.start_again)
        await self.running.start_again()
        self.logs.append(self.running.service.lines)
        self.up = True

    async def live(self) -> set[str]:
        """Its own calls."""
        found = (await self.running.api("GET", "/v1/calls?state=active&limit=1000"))["calls"]
        return {str(each["id"]) for each in found if each["node"] == self.name}

    def arrived(self) -> set[str]:
        """All inbound calls that it has had."""
        return {str(line["call"]) for line in self.logged("call arrived")}

    def calls(self) -> set[str]:
        return self.arrived() | {str(line["call"]) for line in self.logged("session asked for")}


@dataclass(frozen=True, slots=True)
class Talk:
    phone: Phone
    node: Node
    call: str

    async def is_answered(self) -> None:
        """The caller speaks, and hears the agent answer. What is said while a worker stands still may be lost: they
        say it again."""
        for left in (2, 1, 0):
            self.phone.rtp.say(tone(0.6, 620))
            said = await self.phone.rtp.spoken()
            try:
                await self.phone.rtp.sound(after=said, timeout=4)
            except TimeoutError:
                if not left:
                    raise
            else:
                return


@dataclass
class Cluster:
    nodes: tuple[Node, ...]
    front: Kamailio
    standby: Kamailio
    network: Network
    valkey: valkey.OverNetwork
    postgresql: stores.Server
    hooks: Receiver
    carrier: int
    """The port that nodes call."""
    folder: Path
    callers: int = 0
    known: set[str] = field(default_factory=set)
    torn: set[str] = field(default_factory=set)
    """Calls of nodes that died: the latest of what they told may be lost, and may be sent twice."""
    slowest: float = 0.0
    """Seconds until a call was answered since the latest fault."""

    def up(self) -> list[Node]:
        return [each for each in self.nodes if each.up]

    async def call(self, stack: AsyncExitStack, scenario: Path = CALLER) -> Talk:
        """One that is answered in time."""
        self.callers += 1
        number = f"4930{self.callers:06d}"
        began = time.monotonic()
        phone = telephones.caller(self.front.sip, self.folder, scenario=scenario, user=number)
        await stack.enter_async_context(phone)
        await phone.answered()
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        assert took < ELSEWHERE_S, f"a call was answered after {took:.1f} s"
        async with asyncio.timeout(5):
            while True:
                if (found := await self._call_of(number)) is not None:
                    return Talk(phone, *found)
                await asyncio.sleep(0.02)

    async def _call_of(self, number: str) -> tuple[Node, str] | None:
        """The call of this caller."""
        for node in self.up():
            for call in node.arrived() - self.known:
                caller = str((await node.running.api("GET", f"/v1/calls/{call}"))["caller"])
                self.known.add(call)
                if caller.lstrip("+") == number:
                    return node, call
        return None

    @asynccontextmanager
    async def talking(self, scenario: Path = CALLER) -> AsyncIterator[dict[str, Talk]]:
        """One call on each node, by the node's name. At the end all that are left hang up."""
        async with AsyncExitStack() as stack:
            talks: dict[str, Talk] = {}
            for _ in range(3 * len(self.nodes)):
                talk = await self.call(stack, scenario)
                if talk.node.name in talks:
                    await talk.phone.hang_up()
                talks.setdefault(talk.node.name, talk)
                if len(talks) == len(self.nodes):
                    break
            assert len(talks) == len(self.nodes), f"no call got to one of the nodes: {sorted(talks)}"
            self.slowest = 0.0
            yield talks
            left = (each.phone.hang_up() for each in talks.values())
            await asyncio.gather(*left, return_exceptions=True)  # some have nobody any more who would answer

    async def new_calls(self, count: int = 4) -> None:
        """One after the other, each in time; each is over."""
        for _ in range(count):
            async with AsyncExitStack() as stack:
                talk = await self.call(stack)
                await talk.phone.hang_up()

    # ------------------------------------------------------------ what must hold

    async def held(self) -> dict[str, str]:
        """By whom each call's slot is held."""
        return await asyncio.to_thread(self.valkey.hash, "{voiceai}:slots:calls")

    async def slots_are_free(self, node: Node) -> bool:
        """Whether no call of this node has a slot any more."""
        return not any(owner.startswith(f"{node.name}:") for owner in (await self.held()).values())

    async def slots_are_exact(self, since: float) -> float:
        """In time after this moment (monotonic); returns how many seconds it took."""
        while True:
            live: set[str] = set().union(*await asyncio.gather(*(each.live() for each in self.up())))
            held = set(await self.held())
            took = time.monotonic() - since
            if held == live:
                return took
            assert took < EXACT_S, f"after {took:.1f} s slots are held by {held - live}, and not by {live - held}"
            await asyncio.sleep(0.1)

    async def outcomes(self, calls: Iterable[str]) -> dict[str, str]:
        """As the history has them, once all have ended."""
        asked = self.up()[0].running.service.api
        found: dict[str, str] = {}

        async def ended(call: str) -> bool:
            told = await asked.get(f"/v1/history/{call}")
            found[call] = str(told.json()["outcome"]) if told.is_success else "None"
            return found[call] != "None"

        for call in calls:
            await until(partial(ended, call))
        return found

    async def webhooks_are_right(
        self, calls: Collection[str], *, last: str = "call.ended", twice: bool = False
    ) -> None:
        """Of each of these calls everything has arrived, in order. `last`: the type of the last one of each. `twice`:
        under the same id more than once, too."""

        def over(seen: Receiver) -> set[str]:
            return {each.body["data"]["call"] for each in seen.got if each.body["type"] == last}

        await self.hooks.until(lambda seen: set(calls) <= over(seen), 30)
        for call in set(calls) - self.torn:
            got = [(each.number, each.body["id"]) for each in self.hooks.got if each.body["data"]["call"] == call]
            once = list(dict.fromkeys(got))
            numbers = [number for number, _ in once if number]
            # from 1 again: another attempt to call somebody, or the next controller
            assert all(each in (before + 1, 1) for before, each in pairwise([0, *numbers])), (call, numbers)
            assert twice or len(got) == len(once), f"of {call} something was sent twice: {got}"
        assert self.hooks.forged == []

    async def queue(self, seconds: float = 90.0) -> dict[str, dict[str, Any]]:
        """The calls of the queue by number, once nothing waits and nothing is under way any more."""
        asked = self.up()[0].running
        async with asyncio.timeout(seconds):
            while True:
                answer = await asked.service.api.get("/v1/queue?limit=1000")  # the store may be away for a moment
                calls = answer.json()["calls"] if answer.is_success else []
                if calls and all(each["queue"]["status"] == "ended" for each in calls):
                    return {each["callee"]: each for each in calls}
                await asyncio.sleep(0.5)

    async def takes_calls(self, node: Node, seconds: float = 60.0) -> None:
        """Until Kamailio knows that this node takes calls. On a busy machine its workers may be late for a while."""
        async with asyncio.timeout(seconds):
            while (await asyncio.to_thread(self.front.states))[node.sip_port] != "A":  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(0.1)

    async def is_whole(self) -> None:
        """Until everything is as at the beginning."""
        for node in self.nodes:
            await until(partial(self._ready, node))
            await self.takes_calls(node)

    async def _ready(self, node: Node) -> bool:
        ready = await node.running.service.api.get("/readyz")
        nodes = await node.running.service.api.get("/v1/nodes")
        known = nodes.json()["nodes"] if nodes.is_success else [{"state": "?"}]
        return ready.is_success and all(each["state"] == "accepting" for each in known)

    # ------------------------------------------------------------ the two Kamailios

    async def take_over(self) -> None:
        """The address moves to the other Kamailio."""
        self.front, self.standby = self.standby, self.front
        await asyncio.to_thread(self.front.start)


async def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - for what nobody tells of
            await asyncio.sleep(0.1)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


# ---------------------------------------------------------------- how it is started


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    name, token = f"e2e-{os.getpid()}", secrets.token_hex(16)
    sip, carrier = asterisks.free_udp_port(), asterisks.free_udp_port()
    async with AsyncExitStack() as stack:
        network = stack.enter_context(Network())
        hooks = await stack.enter_async_context(receiver())
        proxy = {"SIP_PROXY": f"127.0.0.1:{sip}", "TRUNK_PORT": str(carrier)}
        (servers, postgresql), running = await asyncio.gather(
            asyncio.gather(_entered(stack, valkey.OverNetwork(network)), _entered(stack, stores.Server())),
            asyncio.gather(*(_entered(stack, asterisks.instance(f"{name}-{each}", **proxy)) for each in NAMES)),
        )
        ports = [each.sip_port for each in running]
        front = stack.enter_context(kamailios.instance(f"{name}-1", sip, ports, "127.0.0.1", CALLS_PER_SECOND="200"))
        standby = front.twin(f"{name}-2")
        stack.callback(standby.remove)

        async def started(each: str, asterisk: asterisks.Asterisk) -> Node:
            own = folder / each
            own.mkdir()
            listen = free_port()
            more = {
                "asterisk": _asterisk(network, each, asterisk),
                "store": {"url": _over(network, each, "postgresql", postgresql.url("cluster"))},
                "cluster": {
                    "node": each,
                    "url": servers.url(each),
                    "api_url": f"http://127.0.0.1:{network.link('nodes', each, listen)}",
                    "token": token,
                },
                "webhooks": {"crm": hook(hooks.url())},
                "limits": {"max_calls": 60},
                "trunks": {"main": TRUNK, "queue": {**TRUNK, "max_calls": QUEUE_CALLS}},
            }
            settings: dict[str, Any] = {"more": more, "api": {"listen": f"127.0.0.1:{listen}"}, "home": own}
            settings |= {"agent": {"greeting": None}, "bridge": {"workers": WORKERS}, "ends": True, "keep": False}
            installed = await stack.enter_async_context(installation(asterisk, own, MODEL, **settings))
            return Node(each, installed, [installed.service.lines])

        nodes = await asyncio.gather(*map(started, NAMES, running))
        found = Cluster(*(tuple(nodes), front, standby, network, servers, postgresql, hooks, carrier, folder))
        await found.is_whole()
        yield found


async def _entered(stack: AsyncExitStack, what: AbstractContextManager[T]) -> T:
    """In a thread: programs are started, and waited for."""
    found = await asyncio.to_thread(what.__enter__)
    stack.push(what.__exit__)
    return found


def _asterisk(network: Network, node: str, asterisk: asterisks.Asterisk) -> dict[str, Any]:
    ari = {**asterisk.ari_keys, "url": _over(network, node, f"{node}-asterisk", asterisk.ari_url)}
    return {"ari": ari, "readiness_app": True}


def _over(network: Network, source: str, target: str, url: str) -> str:
    """The same URL over a link."""
    parts = urlsplit(url)
    assert parts.port is not None
    port = network.link(source, target, parts.port)
    return parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")).geturl()
