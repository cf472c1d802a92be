"""A cluster of three nodes while each of its parts is killed, frozen and cut off: what callers, callees, receivers of
webhooks and the limits notice of it (docs/measurements.md has the figures).

All tests of a process share the cluster. `make chaos` has the faults that are marked slow.
"""

import asyncio
import itertools
import json
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pytest
import pytest_asyncio

from tests.e2e.cluster_harness import EXACT_S, Cluster, Node, Talk, cluster, until
from tests.peers.callees import Callees, busy
from tests.peers.sip import HOLDING

pytestmark = pytest.mark.timeout(180)

log = logging.getLogger(__name__)

Deed = Callable[[Cluster], Awaitable[object]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@dataclass(frozen=True, slots=True)
class Fault:
    """`end` makes good what `begin` did. `loses`: whether the calls of the node that is hit end. `lasts`: until the
    other nodes have cared for that node; else for as long as a few calls take. `heals`: slots are exact afterwards,
    and not before."""

    begin: Deed
    end: Deed
    loses: bool = False
    lasts: bool = False
    heals: bool = False


def hit(found: Cluster) -> Node:
    return found.nodes[1]


def to_node(number: signal.Signals) -> Deed:
    async def deed(found: Cluster) -> None:
        hit(found).send_signal_to_all(number)
        hit(found).up = number == signal.SIGCONT

    return deed


def to_controller(number: signal.Signals) -> Deed:
    async def deed(found: Cluster) -> None:
        hit(found).send_signal(number, controller=True)
        hit(found).up = number == signal.SIGCONT

    return deed


def to_asterisk(number: signal.Signals) -> Deed:
    async def deed(found: Cluster) -> None:
        hit(found).send_signal(number, asterisk=True)

    return deed


def to_worker(number: signal.Signals) -> Deed:
    async def deed(found: Cluster) -> None:
        hit(found).send_signal(number, workers=1)

    return deed


def cut(*ends: str) -> Deed:
    async def deed(found: Cluster) -> None:
        found.network.cut(*ends)

    return deed


def mend(*ends: str) -> Deed:
    async def deed(found: Cluster) -> None:
        found.network.mend(*ends)

    return deed


async def nothing(_: Cluster) -> None: ...


async def kill_node(found: Cluster) -> None:
    await hit(found).kill()


async def start_node(found: Cluster) -> None:
    await hit(found).start_again(asterisk=True)


async def start_controller(found: Cluster) -> None:
    await hit(found).start_again()


async def kill_asterisk(found: Cluster) -> None:
    await asyncio.to_thread(hit(found).running.asterisk.kill)


async def start_asterisk(found: Cluster) -> None:
    await asyncio.to_thread(hit(found).running.asterisk.start_again)


async def kill_and_start_asterisk(found: Cluster) -> None:
    await kill_asterisk(found)
    await start_asterisk(found)


class Primary:
    """What is done to the server that is the primary; another one is soon."""

    def __init__(self) -> None:
        self._name = ""

    async def begin(self, found: Cluster, deed: Callable[[str], object]) -> None:
        await until(lambda: asyncio.to_thread(found.valkey.is_whole))
        self._name = await asyncio.to_thread(lambda: found.valkey.primary)
        deed(self._name)
        await until(lambda: self._is_another(found))

    async def _is_another(self, found: Cluster) -> bool:
        return await asyncio.to_thread(lambda: found.valkey.primary) != self._name

    async def kill(self, found: Cluster) -> None:
        await self.begin(found, lambda name: found.valkey.servers[name].kill())

    async def start(self, found: Cluster) -> None:
        await asyncio.to_thread(found.valkey.servers[self._name].start)

    async def freeze(self, found: Cluster) -> None:
        await self.begin(found, lambda name: found.valkey.servers[name].freeze())

    async def thaw(self, found: Cluster) -> None:
        found.valkey.servers[self._name].thaw()

    async def cut(self, found: Cluster) -> None:
        await self.begin(found, found.network.cut)

    async def mend(self, found: Cluster) -> None:
        found.network.mend(self._name)


async def kill_sentinel(found: Cluster) -> None:
    found.valkey.sentinels[0].kill()


async def start_sentinel(found: Cluster) -> None:
    await asyncio.to_thread(found.valkey.sentinels[0].start)


async def freeze_postgresql(found: Cluster) -> None:
    found.postgresql.freeze()


async def thaw_postgresql(found: Cluster) -> None:
    found.postgresql.thaw()


async def kill_postgresql(found: Cluster) -> None:
    await asyncio.to_thread(found.postgresql.kill)


async def start_postgresql(found: Cluster) -> None:
    await asyncio.to_thread(found.postgresql.start)


primary = Primary()
SHARED = ("one", "two", "sentinels", "postgresql", "nodes")
STOP, GO, KILL = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL
FAULTS = {
    "controller frozen": Fault(to_controller(STOP), to_controller(GO), heals=True),
    "PostgreSQL frozen": Fault(freeze_postgresql, thaw_postgresql),
    "primary frozen": Fault(primary.freeze, primary.thaw),
}
"""Those that every run of the tests has."""
SLOW_FAULTS = {
    "node killed": Fault(kill_node, start_node, loses=True, lasts=True),
    "node frozen": Fault(to_node(STOP), to_node(GO), loses=True, lasts=True),
    "node cut off": Fault(cut("b", *SHARED), mend("b", *SHARED), lasts=True),
    "controller killed": Fault(to_controller(KILL), start_controller, heals=True),
    "controller cut off from its Asterisk": Fault(cut("b", "b-asterisk"), mend("b", "b-asterisk")),
    "Asterisk killed": Fault(kill_asterisk, start_asterisk, loses=True),
    "Asterisk killed and started again": Fault(kill_and_start_asterisk, nothing, loses=True),
    "Asterisk frozen": Fault(to_asterisk(STOP), to_asterisk(GO), loses=True, heals=True),
    "worker killed": Fault(to_worker(KILL), nothing),
    "worker frozen": Fault(to_worker(STOP), nothing),
    "PostgreSQL killed": Fault(kill_postgresql, start_postgresql),
    "PostgreSQL cut off": Fault(cut("postgresql"), mend("postgresql")),
    "Sentinel killed": Fault(kill_sentinel, start_sentinel),
    "Sentinels cut off": Fault(cut("sentinels"), mend("sentinels")),
    "primary killed": Fault(primary.kill, primary.start),
    "primary cut off": Fault(primary.cut, primary.mend),
}


@pytest.mark.parametrize("fault", [*FAULTS, *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW_FAULTS)])
async def test_only_what_is_hit_is_lost(running: Cluster, fault: str) -> None:
    what = (FAULTS | SLOW_FAULTS)[fault]
    await running.is_whole()
    async with running.talking() as talks:
        if what.lasts:
            running.torn.add(talks["b"].call)
        lives = [each for name, each in talks.items() if not (what.loses and name == "b")]
        began = time.monotonic()
        await what.begin(running)
        try:
            await running.new_calls()
            await all_are_answered(lives)
            if what.lasts:
                await until(partial(running.slots_are_free, hit(running)))
                exact = time.monotonic() - began
                assert exact < EXACT_S
                assert await running.outcomes([talks["b"].call]) == {talks["b"].call: "node_lost"}
            elif not what.heals:
                exact = await running.slots_are_exact(began)
        finally:
            healed = time.monotonic()
            await what.end(running)
        if what.heals or what.lasts:
            again = await running.slots_are_exact(healed)
            exact = exact if what.lasts else again
        log.warning("%s: new calls within %.1f s, slots exact after %.1f s", fault, running.slowest, exact)
        await all_are_answered(lives)
    outcomes = await running.outcomes(each.call for each in lives)
    assert set(outcomes.values()) == {"answered"}, outcomes
    await running.webhooks_are_right([each.call for each in talks.values()])


async def all_are_answered(talks: list[Talk]) -> None:
    await asyncio.gather(*(each.is_answered() for each in talks))


@pytest.mark.parametrize("numbers", [60, pytest.param(200, marks=pytest.mark.slow)])
async def test_a_node_is_killed_while_numbers_are_called_and_connections_to_postgresql_end_by_chance(
    running: Cluster, numbers: int
) -> None:
    await running.is_whole()
    chance = random.Random(numbers)
    wanted = [f"+4930{numbers:03d}{each:05d}" for each in range(numbers)]
    async with Callees(running.carrier) as callees, running.talking() as talks:
        ordered = await order(running, wanted)
        resets = asyncio.create_task(reset_connections(running, chance))
        await until(lambda: asyncio.sleep(0, len(callees.called()) > numbers // 4))
        killed = chance.choice(running.nodes)
        running.torn.add(talks[killed.name].call)
        lives = [each for each in talks.values() if each.node is not killed]
        told = asyncio.create_task(told_as_ended(lives[0].node, talks[killed.name].call))
        began = time.monotonic()
        await killed.kill()
        await running.new_calls()
        await all_are_answered(lives)
        for verb in ("mute", "unmute"):  # asked of the node that has it not
            await lives[1].node.running.api("POST", f"/v1/calls/{lives[0].call}/{verb}", side="agent")
        await until(partial(running.slots_are_free, killed))
        exact = time.monotonic() - began
        async with asyncio.timeout(10):
            assert await told == "node_lost"
        calls = await running.queue()
        resets.cancel()
        await asyncio.wait([resets])
        await running.slots_are_exact(time.monotonic())
        called = callees.called()
        await killed.start_again(asterisk=True)
    log.warning("%d numbers: new calls within %.1f s, slots exact after %.1f s", numbers, running.slowest, exact)

    assert {number: calls[number]["id"] for number in wanted} == ordered
    assert max(called.values()) == 1, called.most_common(5)
    outcomes = {number: calls[number]["outcome"] for number in wanted}
    interrupted = {number for number in wanted if outcomes[number] == "interrupted"}
    assert len(interrupted) < numbers / 4, interrupted
    for number in set(wanted) - interrupted:
        assert outcomes[number] == ("busy" if busy(number) else "answered")
    assert set(wanted) - called.keys() <= interrupted
    found = await running.outcomes(each.call for each in talks.values())
    assert found.pop(talks[killed.name].call) == "node_lost"
    assert set(found.values()) == {"answered"}
    running.torn |= killed.calls()
    await running.webhooks_are_right([each.call for each in talks.values()], twice=True)
    await running.webhooks_are_right(ordered.values(), last="call.settled", twice=True)


async def told_as_ended(node: Node, call: str) -> str:
    """The outcome, as this node's stream of events tells it."""
    async with node.running.service.api.stream("GET", "/v1/events?type=call.ended", timeout=60) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:") and (data := json.loads(line[5:])["data"])["call"] == call:
                return str(data["outcome"])
    raise AssertionError("the stream has ended")


async def order(running: Cluster, wanted: list[str]) -> dict[str, str]:
    """Number → the call's id. Each node is asked for some of them."""
    asked = itertools.cycle(running.nodes)
    await running.nodes[0].running.api("POST", "/v1/queue/pause")
    placed = {
        each: (await next(asked).running.api("POST", "/v1/calls", to=each, trunk="queue", agent="reception"))["id"]
        for each in wanted
    }
    await running.nodes[0].running.api("POST", "/v1/queue/resume")
    return placed


async def reset_connections(running: Cluster, chance: random.Random) -> None:
    """Of nodes to PostgreSQL, one after the other, until cancelled."""
    while True:
        await asyncio.sleep(chance.uniform(0.2, 0.8))
        running.network.reset_one(chance.choice(running.nodes).name, "postgresql", chance)


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGKILL, id="killed", marks=pytest.mark.slow), pytest.param(signal.SIGSTOP, id="frozen")],
)
async def test_another_kamailio_goes_on_with_the_calls_of_one_that_is_gone(
    running: Cluster, number: signal.Signals
) -> None:
    await running.is_whole()
    gone = running.front
    async with running.talking(HOLDING) as talks:
        callers = [each.phone for each in talks.values()]
        for phone in callers:
            await phone.command("hold")
            await phone.wait("held")
        gone.send_signal(number)
        try:
            await asyncio.gather(running.take_over(), running.new_calls())
        finally:
            with suppress(ProcessLookupError):
                gone.send_signal(signal.SIGKILL)
        for phone in callers:
            for asked, told in (("back", "back"), ("press", "pressed")):
                await phone.command(asked)
                await phone.wait(told)
        await all_are_answered(list(talks.values()))
        agents = talks.popitem()[1]
        await agents.node.running.api("POST", f"/v1/calls/{agents.call}/hangup")
        await agents.phone.wait("left")
        for each in talks.values():
            assert (await each.phone.hang_up()).event == "hung up"
    await running.webhooks_are_right([agents.call, *(each.call for each in talks.values())])
