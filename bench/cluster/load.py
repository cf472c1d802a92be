"""Calls that begin and end on the thin nodes of one process: at random moments, at a rate.

Owns when they do. A call that has no room is lost, as a caller's is.
"""

import asyncio
import heapq
import random
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any

from bench.cluster.thin_node import AGENTS, TRUNKS, Seen, ThinNode

SAMPLE_S, AGAIN_S = 0.01, 0.1
FILL_S = 30.0
FREED_S = 10.0
"""Seconds after which slots that are not free never will be: the server was emptied, for example."""


class Load:
    """`tasks`: owns what is begun here."""

    def __init__(self, nodes: Sequence[ThinNode], seen: Seen, tasks: asyncio.TaskGroup, seed: int) -> None:
        self._nodes, self._seen, self._tasks = nodes, seen, tasks
        self._random = random.Random(seed)
        self._numbers = count()
        self._driving: asyncio.Task[None] | None = None
        self._running: list[asyncio.Task[None]] = []
        self._beginning: set[asyncio.Task[None]] = set()
        self._endings: list[tuple[float, str, ThinNode]] = []
        self._late: list[float] = []

    # ------------------------------------------------------------ what the benchmark asks for

    async def join(self) -> dict[str, Any]:
        self._running += [self._tasks.create_task(each.membership.run(each)) for each in self._nodes]
        while not all(each.membership.up for each in self._nodes):  # noqa: ASYNC110 - a server is asked
            await asyncio.sleep(SAMPLE_S)
        return {}

    async def recovered(self, since: float) -> dict[str, Any]:
        """Until each node has told the server since then (monotonic) all that it holds, and asks it again. Returns
        when that was."""
        while not all(each.told.at >= since and each.membership.up for each in self._nodes):  # noqa: ASYNC110
            await asyncio.sleep(SAMPLE_S)
        return {"at": monotonic()}

    async def fill(self, calls: int) -> dict[str, Any]:
        """As fast as it goes, each node one after the other. A node that has no room, since it does without the server
        for a moment, tries again."""
        began, numbers = monotonic(), iter(range(calls))

        async def fill_one(node: ThinNode) -> None:
            for number in numbers:
                id_ = f"{node.name}-{next(self._numbers)}"
                while not await node.begin(id_, number % TRUNKS, number % AGENTS) and monotonic() - began < FILL_S:  # noqa: ASYNC110
                    await asyncio.sleep(AGAIN_S)

        await asyncio.gather(*map(fill_one, self._nodes))
        return {"seconds": monotonic() - began} | self._told()

    async def begin(self, rate: float, lasting: float) -> dict[str, Any]:
        """`rate`: calls a second of this process; `lasting`: how many seconds a call lasts on the average."""
        for node in self._nodes:
            for id_ in node.calls:
                self._ends(node, id_, lasting)
        self._driving = self._tasks.create_task(self._drive(rate, lasting))
        return {}

    async def pause(self) -> dict[str, Any]:
        """No call begins or ends; what is asked of the server has an answer."""
        if self._driving is not None:
            self._driving.cancel()
            with suppress(asyncio.CancelledError):
                await self._driving
            self._driving = None
        if self._beginning:
            await asyncio.wait(self._beginning)
        self._endings.clear()
        self._seen.releasing.clear()  # of a server that was emptied meanwhile
        return self._told()

    async def end(self) -> dict[str, Any]:
        """All calls end, and the nodes take their leave."""
        for node in self._nodes:
            for id_ in list(node.calls):
                node.end(id_)
        with suppress(TimeoutError):
            async with asyncio.timeout(FREED_S):
                while self._seen.releasing:  # noqa: ASYNC110 - a server is asked
                    await asyncio.sleep(SAMPLE_S)
        return self._told()

    async def leave(self) -> dict[str, Any]:
        self.stop()
        await asyncio.gather(*self._running, return_exceptions=True)
        for node in self._nodes:
            await node.membership.leave()
        return {}

    def stop(self) -> None:
        for task in (*self._running, *self._beginning, *([self._driving] if self._driving else [])):
            task.cancel()

    def ids(self) -> list[str]:
        return [id_ for node in self._nodes for id_ in node.calls]

    # ------------------------------------------------------------ the load

    async def _drive(self, rate: float, lasting: float) -> None:
        next_at = monotonic() + self._random.expovariate(rate)
        while True:
            due = min(next_at, self._endings[0][0]) if self._endings else next_at
            await asyncio.sleep(max(due - monotonic(), 0.0))
            while self._endings and self._endings[0][0] <= monotonic():
                _, id_, node = heapq.heappop(self._endings)
                node.end(id_)
            while next_at <= monotonic():
                self._late.append(monotonic() - next_at)
                task = self._tasks.create_task(self._one(lasting))
                self._beginning.add(task)
                task.add_done_callback(self._beginning.discard)
                next_at += self._random.expovariate(rate)

    async def _one(self, lasting: float) -> None:
        node, number = self._random.choice(self._nodes), next(self._numbers)
        id_ = f"{node.name}-{number}"
        if await node.begin(id_, self._random.randrange(TRUNKS), self._random.randrange(AGENTS)):
            self._ends(node, id_, lasting)

    def _ends(self, node: ThinNode, id_: str, lasting: float) -> None:
        heapq.heappush(self._endings, (monotonic() + self._random.expovariate(1 / lasting), id_, node))

    def _told(self) -> dict[str, Any]:
        """What was noted since the last time."""
        seen = self._seen
        told = {
            "takes": seen.takes,
            "releases": seen.releases,
            "changes": seen.changes,
            "late": self._late,
            "calls": sum(len(each.calls) for each in self._nodes),
        }
        seen.takes, seen.releases, seen.changes, self._late = [], [], [], []
        return told
