"""The rig `control`: several real controllers on one PostgreSQL and one Valkey; Asterisk and workers are stand-ins.

Owns its stages: callers come and stay, calls are told something through a random node, a node drains, a node dies, and
at the end no slot is left. Each stage is one report.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from bench import processes
from bench.cluster.installation import ControlNode, control_nodes
from bench.cluster.server import Primary, cost
from bench.results import spread

ALL_S = 60.0
VERBS_AT_ONCE = 16
REQUEST_S = 10.0
DRAINED_CALLS = 20

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """`calls`: held at once, and the limit; `rate`: of callers, per second; `verbs_s`: seconds of verbs."""

    nodes: int = 4
    calls: int = 400
    rate: float = 20.0
    verbs_s: float = 10.0
    death: bool = True


@dataclass
class Rig:
    size: Size
    nodes: Sequence[ControlNode]
    primary: Primary
    tell: Callable[[Report], None]
    http: aiohttp.ClientSession

    # ------------------------------------------------------------ stages

    async def callers_come(self) -> None:
        """As many as the limit lets in, and a few more, in turn to each node."""
        size = self.size
        before, server, began = self._cpu(), self.primary.read(), monotonic()
        more = max(2, size.calls // 20)
        await self._call(self.nodes, size.calls + more)
        answered = [each for node in self.nodes for each in node.asterisk.answer_s]
        self.tell(
            {
                "stage": "callers come",
                "starts_per_second": round((size.calls + more) / (monotonic() - began), 1),
                "answered": len(answered),
                "refused": sum(node.asterisk.refused for node in self.nodes),
                "limit": size.calls,
                "answer_ms": spread([1000 * each for each in answered]),
                "controller_cpu_pct": self._cpu_pct(before, began),
                "slots": len(self.primary.calls()),
                **cost(server, self.primary.read()),
            }
        )

    async def verbs(self) -> None:
        """`say`, to a random call through a random node, as fast as so many at once are answered."""
        owners = {call: node for node in self.nodes for call in node.worker.calls}
        calls, until = list(owners), monotonic() + self.size.verbs_s
        own, carried, statuses = list[float](), list[float](), Counter[str]()
        before, began = self._cpu(), monotonic()

        async def one_after_the_other() -> None:
            while monotonic() < until:
                call, node = random.choice(calls), random.choice(self.nodes)
                asked = monotonic()
                status = await self._post(node, f"/v1/calls/{call}/say", {"text": "One moment, please."})
                took, is_own = 1000 * (monotonic() - asked), owners[call] is node
                statuses[f"{'own' if is_own else 'other'} {status}"] += 1
                (own if is_own else carried).append(took)

        await asyncio.gather(*(one_after_the_other() for _ in range(VERBS_AT_ONCE)))
        self.tell(
            {
                "stage": "verbs through a random node",
                "verbs_per_second": round((len(own) + len(carried)) / (monotonic() - began), 1),
                "own_ms": spread(own),
                "of_another_node_ms": spread(carried),
                "statuses": dict(sorted(statuses.items())),
                "spoken": sum(node.worker.told["speak"] for node in self.nodes),
                "controller_cpu_pct": self._cpu_pct(before, began),
            }
        )

    async def drain(self) -> None:
        """A node is drained through another one: its calls go on, and it takes no more."""
        asked, drained = self.nodes[:2]
        held, answered, refused = len(drained.worker.calls), len(drained.asterisk.answer_s), drained.asterisk.refused
        for each in list(asked.asterisk.channels)[: DRAINED_CALLS * 2]:  # room, so that the limit does not refuse
            asked.asterisk.hang_up(each)
        began = monotonic()
        status = await self._post(asked, f"/v1/nodes/{drained.name}/drain")
        took = monotonic() - began
        await self._call([drained], DRAINED_CALLS)
        self.tell(
            {
                "stage": "drain",
                "status": status,
                "took_ms": round(1000 * took, 1),
                "callers_answered": len(drained.asterisk.answer_s) - answered,
                "callers_refused": drained.asterisk.refused - refused,
                "calls_before": held,
                "calls_after": len(drained.worker.calls),
            }
        )

    async def death(self) -> None:
        """The last node is gone at once, with its Asterisk and its worker."""
        dead, alive = self.nodes[-1], self.nodes[:-1]
        lost = set(dead.worker.calls)
        began = monotonic()
        dead.kill()
        async with asyncio.timeout(ALL_S):
            while lost & self.primary.calls():  # noqa: ASYNC110 - a server is asked
                await asyncio.sleep(0.1)
            free_s = monotonic() - began
            outcomes = await self._outcomes(alive[0], lost)
        self.tell(
            {
                "stage": "death of a node",
                "calls": len(lost),
                "slots_free_s": round(free_s, 1),
                "ended_s": round(monotonic() - began, 1),
                "outcomes": outcomes,
                "calls_of_others": sum(len(node.worker.calls) for node in alive),
                "exact": self.primary.calls() == {call for node in alive for call in node.worker.calls},
            }
        )

    async def end(self) -> None:
        for node in self.nodes:
            for each in list(node.asterisk.channels):
                node.asterisk.hang_up(each)
        async with asyncio.timeout(ALL_S):
            while self.primary.slots():  # noqa: ASYNC110 - a server is asked
                await asyncio.sleep(0.1)
        self.tell({"stage": "end", "slots_left": self.primary.slots()})

    # ------------------------------------------------------------ parts

    async def _call(self, nodes: Sequence[ControlNode], count: int) -> None:
        """Returns once each caller is answered or refused."""
        before = self._done(nodes)
        began = monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / self.size.rate - monotonic()))
            nodes[number % len(nodes)].asterisk.call()
        async with asyncio.timeout(ALL_S):
            while self._done(nodes) < before + count:  # noqa: ASYNC110 - the stand-ins are looked at
                await asyncio.sleep(0.02)

    def _done(self, nodes: Sequence[ControlNode]) -> int:
        return sum(len(each.asterisk.answer_s) + each.asterisk.refused for each in nodes)

    async def _post(self, node: ControlNode, path: str, body: Any = None) -> int:
        async with self.http.post(node.service.url + path, json=body, headers=dict(node.service.api.headers)) as answer:
            await answer.read()
            return answer.status

    async def _outcomes(self, node: ControlNode, calls: set[str]) -> dict[str, int]:
        """Of these calls, once all have one."""
        while True:
            found = Counter[str]()
            for call in calls:
                answer = await node.service.api.get(f"/v1/history/{call}")
                found[str(answer.json().get("outcome")) if answer.is_success else str(answer.status_code)] += 1
            if not {"None", "404"} & found.keys():
                return dict(found)
            await asyncio.sleep(0.5)

    def _cpu(self) -> list[float]:
        return [processes.read(each.service.pid).cpu for each in self.nodes]

    def _cpu_pct(self, before: list[float], began: float) -> list[float]:
        """Of one core, each controller."""
        taken = zip(before, self._cpu(), strict=True)
        return [round(100 * (after - first) / (monotonic() - began), 1) for first, after in taken]


async def control(size: Size, out: Path, tell: Callable[[Report], None]) -> None:
    async with control_nodes(size.nodes, size.calls, out) as (nodes, valkey):
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            rig = Rig(size, nodes, Primary([valkey], prefix="voiceai"), tell, http)
            await rig.callers_come()
            await rig.verbs()
            await rig.drain()
            if size.death:
                await rig.death()
            await rig.end()
