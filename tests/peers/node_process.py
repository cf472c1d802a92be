"""A node without Asterisk: it works on the queue and sends webhooks, as one of several on one PostgreSQL.

`python -m tests.peers.node_process URL NAME WEBHOOK DIALLED`: whoever it dials answers and hangs up a moment later, and
is a line of the file DIALLED. It says `up NAME:EPOCH`, and then does what the lines of its input say: `reap NAME:EPOCH`
ends the calls of a node that is gone, as whoever finds it dead will do. It ends with its input.
"""

import asyncio
import os
import random
import sys
from contextlib import suppress
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from controller.calls import errors
from controller.calls.outbound import dialer
from controller.calls.outbound.attempt import QueuedAttempt
from controller.calls.outbound.entry import QueuedCall
from controller.calls.outbound.queue import Queue
from controller.cluster.departures import Departures
from controller.cluster.node import NodeId
from controller.cluster.nodes import NodeRegistry
from controller.config import CurrentConfig
from controller.events.pipeline import Events
from controller.events.records.repository import RecordRepository
from controller.store.database import Database, StoreError
from tests.integration.outbound_harness import FakeControl
from tests.integration.webhook_harness import hook
from tests.unit.controller.configs import config

ROOM = 6


class Answering(FakeControl):
    """Dials as Asterisk would: what was asked cannot be taken back."""

    def __init__(self, dialled: str) -> None:
        super().__init__(room=ROOM)
        self._file = os.open(dialled, os.O_WRONLY | os.O_APPEND)
        self._calls: set[asyncio.Task[None]] = set()

    async def place(self, entry: QueuedCall, placed: QueuedAttempt) -> None:
        await super().place(entry, placed)
        task = asyncio.create_task(self._call(entry))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _call(self, entry: QueuedCall) -> None:
        await asyncio.sleep(random.uniform(0, 0.02))  # its session is opened
        try:
            await self.live[entry.id].before_dial()
        except errors.WrongState:
            self.end(entry.id, "failed")
            return
        os.write(self._file, f"{entry.order.callee}\n".encode())
        self.live[entry.id].after_dial()
        await asyncio.sleep(random.uniform(0.05, 0.25))
        self.end(entry.id, "answered", answered_at=datetime.now(UTC))


async def work(url: str, name: str, webhook: str, dialled: str) -> None:
    retries = {"failed": {"times": 20, "after_s": 1, "factor": 1}}
    settings = config(webhooks={"crm": hook(webhook)}, trunks__main__retries=retries)
    current = CurrentConfig(settings)
    async with Database(url) as database:
        us = await NodeRegistry(database).join(name, "1", "")
        made, queue = Events(current, database, CollectorRegistry()), Queue(database)
        departures = Departures(database, (queue, made.outbox), (queue, RecordRepository(database)))
        calls = dialer.Dialer(current, queue, Answering(dialled).place, made.observe)
        running = [asyncio.create_task(made.run()), asyncio.create_task(calls.run())]
        sys.stdout.write(f"up {us}\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            dead = NodeId.parse(line.split()[1])
            assert dead is not None
            await reap(departures, calls, dead)
        running[1].cancel()
        await calls.finish()
        await made.drain()
        await departures.release_claims(us)
        running[0].cancel()


async def reap(departures: Departures, calls: dialer.Dialer, dead: NodeId) -> None:
    for _ in range(50):
        with suppress(StoreError):
            calls.tell((await departures.end_calls_of(dead)).queued)
            return
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    dialer.REST_SECONDS = 0.5
    asyncio.run(work(*sys.argv[1:]))
