"""The rig `engine`: many thin nodes with the real client of the cluster, on a real Valkey, without telephony.

Owns its stages: all slots are taken, calls come and go at several rates, the server is emptied, killed, frozen, and cut
off from some nodes, and at the end no slot is left. Each stage is one report.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from bench import processes
from bench.cluster import counts, nodes as thin_nodes
from bench.cluster.counts import Change
from bench.cluster.nodes import Nodes
from bench.cluster.server import Primary, Reading, cost
from bench.cluster.thin_node import TRUNKS
from bench.results import spread
from tests.peers.network import Network
from tests.peers.valkey import Server, WithSentinel

OFFERED = 1.02
"""Calls at once that are offered, of the limit: some have no room."""
BACK_S = 25.0
"""Seconds in which all nodes must ask the server again."""

Report = dict[str, Any]
Fault = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Size:
    """`calls`: the limit, and as many slots are taken. `seconds`: of a stage without a fault; `before_s` and `after_s`:
    of one with a fault, before it and after it is over."""

    calls: int = 10_000
    nodes: int = 60
    processes: int = 3
    rates: Sequence[int] = (56, 110, 300)
    seconds: float = 20.0
    before_s: float = 2.0
    after_s: float = 5.0
    emptied: int = 3
    """How often."""

    @property
    def fault_rate(self) -> int:
        """Calls a second while something fails."""
        return sorted(self.rates)[len(self.rates) // 2]


@dataclass
class Rig:
    size: Size
    nodes: Nodes
    primary: Primary
    tell: Callable[[Report], None]
    changes: list[Change] = field(default_factory=list)

    async def fill(self) -> None:
        since = self._since()
        each = self.size.calls // len(self.nodes.processes) // TRUNKS * TRUNKS  # as many over each trunk
        told = await self.nodes.ask("fill", calls=each)
        self._tell("fill", told, since)

    async def stage(self, name: str, rate: int, seconds: float) -> None:
        since = self._since()
        await self.nodes.begin(rate, OFFERED * self.size.calls / rate)
        await asyncio.sleep(seconds)
        self._tell(name, await self.nodes.ask("pause"), since)

    async def fault(self, name: str, fault: Fault, concerned: int | None = None) -> None:
        """While calls come and go: what `fault` does, until all nodes ask the server again, and a moment longer.
        `concerned`: so many processes of nodes; None: all."""
        size = self.size
        since = self._since()
        await self.nodes.begin(size.fault_rate, OFFERED * size.calls / size.fault_rate)
        await asyncio.sleep(size.before_s)
        at = monotonic()
        await fault()
        over = monotonic()
        async with asyncio.timeout(BACK_S):
            ends = await Nodes(self.nodes.processes[:concerned]).ask("recovered", since=at)
        up_again_s = max(each["at"] for each in ends) - at
        await asyncio.sleep(size.after_s)
        told = await self.nodes.ask("pause")
        changes = [tuple(each) for part in told for each in part["changes"]]
        limits = {str(trunk): size.calls // TRUNKS for trunk in range(TRUNKS)}
        bound = counts.above_share([*self.changes, *changes], self.nodes.names, limits, at)
        self._tell(
            *(name, told, since),
            fault_s=round(over - at, 2),
            up_again_s=round(up_again_s, 2),
            over_bound=bound,
            exact=await self._exact(),
        )

    async def _exact(self) -> bool:
        """Whether the server has the slots of all calls, and no other."""
        for _ in range(100):
            if self.primary.calls() == await self.nodes.ids():
                return True
            await asyncio.sleep(0.05)
        return False

    async def end(self) -> None:
        since = self._since()
        told = await self.nodes.ask("end")
        self._tell("end", told, since, slots_left=self.primary.slots())

    def _since(self) -> "Since":
        return Since(self.primary.read(), self.nodes.cpu(), processes.busy(), process_time(), monotonic())

    def _tell(self, name: str, told: list[Any], since: "Since", **more: Any) -> None:
        now = self._since()
        lasted = now.at - since.at
        self.changes += [tuple(each) for part in told for each in part["changes"]]
        takes = [tuple(each) for part in told for each in part["takes"]]
        asked = [1000 * seconds for seconds, asked, _ in takes if asked]
        figures = cost(since.server, now.server)
        nodes_cpu = now.nodes_cpu - since.nodes_cpu
        ours = nodes_cpu + now.own - since.own + figures.get("server_cpu_pct", 0.0) / 100 * lasted
        report = {
            "stage": name,
            "seconds": round(lasted, 1),
            "calls": sum(part["calls"] for part in told),
            "limit": self.size.calls,
            "takes_per_second": round(len(takes) / lasted, 1),
            "take_ms": spread(asked, p999=True),
            "release_ms": spread([1000 * each for part in told for each in part["releases"]]),
            "refused": sum(not room for _, _, room in takes),
            "by_share": len(takes) - len(asked),
            "longest_take_ms": round(max((1000 * each[0] for each in takes), default=0.0), 1),
            "load_late_ms": spread([1000 * each for part in told for each in part["late"]]),
            "nodes_cpu_pct": round(100 * nodes_cpu / lasted, 1),
            "foreign_cpu_pct": round(100 * (now.busy - since.busy - ours) / lasted, 1),
        }
        report |= figures
        report |= counts.over(self.changes, self.size.calls, self.size.calls // TRUNKS, since.at, now.at)
        self.tell(report | more)


@dataclass(frozen=True, slots=True)
class Since:
    """CPU of all kinds in seconds: of the nodes, of the whole machine, of this process. `at`: monotonic."""

    server: Reading
    nodes_cpu: float
    busy: float
    own: float
    at: float


# ------------------------------------------------------------ what is run


async def healthy(size: Size, out: Path, tell: Callable[[Report], None]) -> None:
    """Rates, one after the other; then the server is emptied, some times."""
    with WithSentinel(3) as servers:
        async with _rig(size, servers, out, tell) as rig:
            for rate in size.rates:
                await rig.stage(f"{rate} starts/s", rate, size.seconds)
            for number in range(size.emptied):
                await rig.fault(f"emptied, {number + 1}", lambda: _done(rig.primary.empty))
            await rig.end()


async def failing(size: Size, out: Path, tell: Callable[[Report], None]) -> None:
    """The primary is killed, then the next one is frozen."""
    with WithSentinel(3) as servers:
        async with _rig(size, servers, out, tell) as rig:
            first = rig.primary.server
            await rig.fault("kill -9 of the primary", lambda: _done(first.kill))
            first.start()
            await rig.primary.until_replicated()
            second = rig.primary.server
            await rig.fault("SIGSTOP of the primary", lambda: _done(second.freeze))
            second.thaw()
            await rig.primary.until_replicated()
            await rig.stage("afterwards", size.fault_rate, size.after_s)
            await rig.end()


async def cut_off(size: Size, out: Path, tell: Callable[[Report], None], cut_s: float = 10.0) -> None:
    """The nodes of one process can't reach the server for a while, all others can."""
    with Server() as server, Network() as network:
        urls = [f"redis://127.0.0.1:{network.link('nodes', 'server', server.port)}"]
        urls += [server.url] * (size.processes - 1)

        async def cut() -> None:
            network.cut("nodes")
            await asyncio.sleep(cut_s)
            network.mend("nodes")

        async with thin_nodes.running(size.nodes, urls, size.calls, out) as nodes:
            rig = Rig(size, nodes, Primary([server]), tell)
            await rig.fill()
            await rig.fault("one process of nodes cut off", cut, concerned=1)
            await rig.stage("afterwards", size.fault_rate, size.after_s)
            await rig.end()


async def _done(do: Callable[[], object]) -> None:
    do()


@asynccontextmanager
async def _rig(size: Size, servers: WithSentinel, out: Path, tell: Callable[[Report], None]) -> AsyncIterator[Rig]:
    async with thin_nodes.running(size.nodes, [servers.url] * size.processes, size.calls, out) as nodes:
        rig = Rig(size, nodes, Primary([servers.primary, servers.replica], servers), tell)
        await rig.fill()
        yield rig
