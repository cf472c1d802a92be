"""All hostile parties of the test, in one process of their own: `python -m tests.chaos.hostile_actors SEED`.

Prints the ports of its servers as one JSON line, reads one line that tells where the installation is (`Where`), acts
until its standard input is closed, ends its calls, and prints a report. It is apart so that its work does not
make the telephones late that measure, and it yields to everybody else (nice).
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from tests.chaos.hostile_api import HostileApi
from tests.chaos.hostile_caller import Callee, Line
from tests.chaos.hostile_model import HostileModel
from tests.chaos.hostile_neighbour import HostileNeighbour
from tests.chaos.hostile_tool_server import HostileToolServer

NICE = 5


@dataclass(frozen=True, slots=True)
class Where:
    """What hostile parties know of an installation. `media`: AudioSocket ports of the workers; `lines`: telephones."""

    sip: str
    trunk_port: int
    api: str
    token: str
    media: list[int]
    lines: int


async def attack(seed: int) -> None:
    async with HostileModel(seed) as model, HostileToolServer(seed) as tools:
        print(json.dumps({"model": model.url, "tools": tools.port}), flush=True)  # noqa: T201 - read by who started us
        reader = await _standard_input()
        where = Where(**json.loads(await reader.readline()))
        api = HostileApi(seed, where.api, where.token)
        neighbour = HostileNeighbour(seed, where.media, int(where.api.rpartition(":")[2]))
        callers: Counter[str] = Counter()
        lines = [await _line(seed, number, where, callers) for number in range(where.lines)]
        callee = await _callee(seed, where, callers)
        await _until_closed(reader, model.run(), api.run(), neighbour.run(), *(line.live() for line in lines))
        await asyncio.gather(*(line.leave() for line in lines), api.leave())
        done = {
            "model": model.done,
            "tools": tools.done,
            "callers": callers,
            "api": api.done,
            "network": neighbour.done,
        }
        print(json.dumps({"done": done, "sessions": model.sessions, "faults": api.faults}), flush=True)  # noqa: T201
        await reader.read()
        callee.close()


async def _until_closed(reader: asyncio.StreamReader, *actors: Coroutine[Any, Any, None]) -> None:
    """Until a second line comes. An actor that fails ends everything: it is a fault of the test."""
    tasks = [asyncio.create_task(actor) for actor in actors]
    told = asyncio.create_task(reader.readline())
    await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in tasks if task.done()]
    pending = set(tasks)
    while pending:  # a library may swallow a cancellation that meets its result
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=2)
    for task in failed:
        task.result()


async def _line(seed: int, number: int, where: Where, done: Counter[str]) -> Line:
    chance = random.Random(f"hostile caller {seed} {number}")
    made = asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Line(chance, where.sip, done), local_addr=("127.0.0.1", 0)
    )
    return (await made)[1]


async def _callee(seed: int, where: Where, done: Counter[str]) -> Callee:
    chance = random.Random(f"hostile callee {seed}")
    made = asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Callee(chance, done), local_addr=("127.0.0.1", where.trunk_port)
    )
    return (await made)[1]


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


if __name__ == "__main__":
    with suppress(OSError):
        os.nice(NICE)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(attack(int(sys.argv[1])))
