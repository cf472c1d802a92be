"""The processes with thin nodes, as the benchmark sees them.

Owns starting and ending them; what each is told, and its answer.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bench.processes import STOP_SECONDS, read
from simulator.services import end

ANSWER_BYTES = 1 << 26
ANSWER_S = 60.0


class NodeProcess:
    def __init__(self, process: asyncio.subprocess.Process, names: Sequence[str]) -> None:
        self._process, self.names = process, names

    async def ask(self, do: str, **arguments: float) -> Any:
        """Raises TimeoutError, and EOFError if the process has ended: its log says why."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        async with asyncio.timeout(ANSWER_S):
            line = await self._process.stdout.readline()
        if not line:
            raise EOFError(f"the nodes {self.names[0]} to {self.names[-1]} have ended")
        return json.loads(line)

    def cpu(self) -> float:
        """Seconds."""
        return read(self._process.pid).cpu


class Nodes:
    """All processes together."""

    def __init__(self, processes: Sequence[NodeProcess]) -> None:
        self.processes = processes

    async def ask(self, do: str, **arguments: float) -> list[Any]:
        return await asyncio.gather(*(each.ask(do, **arguments) for each in self.processes))

    async def begin(self, rate: float, lasting: float) -> None:
        await self.ask("begin", rate=rate / len(self.processes), lasting=lasting)

    async def ids(self) -> set[str]:
        return {id_ for each in await self.ask("ids") for id_ in each}

    def cpu(self) -> float:
        return sum(each.cpu() for each in self.processes)

    @property
    def names(self) -> list[str]:
        return [name for each in self.processes for name in each.names]


@asynccontextmanager
async def running(nodes: int, urls: Sequence[str], limit: int, out: Path) -> AsyncIterator[Nodes]:
    """A process for each of `urls`, between which the nodes are shared; all have joined."""
    every = [f"n{number:03}" for number in range(nodes)]
    async with AsyncExitStack() as stack:
        made = []
        for number, url in enumerate(urls):
            names = every[number :: len(urls)]
            options = {"names": names, "all": every, "url": url, "limit": limit, "seed": number}
            with (out / f"nodes{number}.log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "bench.cluster.node_process", json.dumps(options)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    limit=ANSWER_BYTES,
                )
            stack.push_async_callback(end, process)
            made.append(NodeProcess(process, names))
        found = Nodes(made)
        await found.ask("join")
        yield found
        async with asyncio.timeout(STOP_SECONDS):
            await found.ask("leave")
