"""Thin nodes in a process of their own, which the benchmark tells what to do: one line of JSON each way.

python -m bench.cluster.node_process '{"names": ["n0"], "all": ["n0", "n1"], "url": "redis://…", "limit": 100}'
"""

import asyncio
import json
import logging
import sys
from typing import Any

import structlog
import uvloop

from bench.cluster.load import Load
from bench.cluster.thin_node import Seen, ThinNode

LINE = 1 << 20


async def work(options: dict[str, Any]) -> None:
    seen = Seen()
    nodes = [ThinNode(name, options["url"], options["limit"], options["all"], seen) for name in options["names"]]
    lines = asyncio.StreamReader(limit=LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with asyncio.TaskGroup() as tasks:
        load = Load(nodes, seen, tasks, options["seed"])
        while line := await lines.readline():  # until "leave", or the benchmark is gone
            told = json.loads(line)
            sys.stdout.write(json.dumps(await _do(load, **told)) + "\n")
            sys.stdout.flush()
            if told["do"] == "leave":
                break
        load.stop()


async def _do(load: Load, do: str, **arguments: float) -> Any:
    match do:
        case "ids":
            return load.ids()
        case "fill":
            return await load.fill(int(arguments["calls"]))
        case "begin":
            return await load.begin(**arguments)
        case "recovered":
            return await load.recovered(**arguments)
        case "join" | "pause" | "end" | "leave":
            return await getattr(load, do)()
        case _:
            raise ValueError(do)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    uvloop.run(work(json.loads(sys.argv[1])))
