"""Nodes of the rig `control`: each a real controller with stand-ins for Asterisk and its worker.

Owns starting and ending them, on one PostgreSQL and one Valkey. Callers, who call and hang up, are of each node.
"""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cluster.stand_in_asterisk import StandInAsterisk
from bench.cluster.stand_in_worker import StandInWorker
from simulator.ports import free_port
from simulator.services import Service
from tests.peers.stores import Server as PostgreSql
from tests.peers.valkey import Server as Valkey

LINK_TOKEN = secrets.token_hex(32)
CAPACITY = 1000


@dataclass
class ControlNode:
    name: str
    service: Service
    asterisk: StandInAsterisk
    worker: StandInWorker

    def kill(self) -> None:
        """The machine is gone: controller, Asterisk and worker."""
        os.kill(self.service.pid, signal.SIGKILL)
        self.asterisk.channels.clear()
        self.worker.calls.clear()


@asynccontextmanager
async def control_nodes(count: int, limit: int, out: Path) -> AsyncIterator[tuple[list[ControlNode], Valkey]]:
    """`limit`: of calls at once, of all nodes together. Also the Valkey."""
    cluster_token, api_token = secrets.token_hex(32), secrets.token_hex(32)
    async with AsyncExitStack() as stack:
        store, valkey = stack.enter_context(PostgreSql()), stack.enter_context(Valkey())
        shared = {
            "store": {"url": store.url("bench")},
            "openai": {"api_key": "bench"},
            "agents": {"bench": {"instructions": "Answer."}},
            "limits": {"max_calls": limit},
        }
        cluster = {"url": valkey.url, "token": cluster_token}
        made = []
        for number in range(count):
            name, port = f"n{number}", free_port()
            address = f"http://127.0.0.1:{port}"
            worker = StandInWorker(f"w{number}", f"ws://127.0.0.1:{port}/link", LINK_TOKEN, CAPACITY)
            asterisk = await stack.enter_async_context(StandInAsterisk(name, worker.media_came))
            config = shared | {
                "asterisk": {"ari": {"url": asterisk.url, "username": "bench", "password": "bench"}},
                "bridge": {"workers": 0, "token": LINK_TOKEN},
                "api": {
                    "listen": f"127.0.0.1:{port}",
                    "tokens": [{"name": "bench", "token": api_token, "scopes": ["admin"]}],
                    "rate": {"per_second": 10_000, "burst": 100_000},
                },
                "cluster": cluster | {"node": name, "api_url": address},
            }
            folder = out / name
            folder.mkdir(exist_ok=True)
            made.append(ControlNode(name, Service(config, folder, token=api_token, home=folder), asterisk, worker))
        running = [asyncio.create_task(each.worker.run(), name=f"worker of {each.name}") for each in made]
        await _start(stack, [each.service for each in made])
        stack.push_async_callback(_ended, running)  # first: a controller waits some seconds for open links
        yield made, valkey


async def _start(stack: AsyncExitStack, services: Sequence[Service]) -> None:
    """All at once. Raises the first error; those that are up end with the stack."""
    starting = (service.__aenter__() for service in services)
    results = await asyncio.gather(*starting, return_exceptions=True)
    for service, result in zip(services, results, strict=True):
        if not isinstance(result, BaseException):
            stack.push_async_exit(service)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
