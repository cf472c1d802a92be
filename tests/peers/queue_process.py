"""A process with a queue and a webhook, which is killed between a change of the queue and the event of it.

`python -m tests.peers.queue_process FOLDER URL EVENT`: it places one call if there is none, and kills itself as soon as
it is told of that event. With `-` it ends when everything has been delivered.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from controller.api.models.calls import PlaceCall
from controller.calls.outbound.attempt import QueuedAttempt
from controller.calls.outbound.dialer import Dialer
from controller.calls.outbound.entry import QueuedCall, QueueFilter, Status
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.service import OutboundCalls
from controller.calls.reporting.lifecycle import LifecycleEvent
from controller.config import CurrentConfig
from controller.store.tables.outbound import outbound_calls
from tests.integration.outbound_harness import FakeControl
from tests.integration.webhook_harness import events, eventually, hook
from tests.unit.controller.configs import config


class Answering(FakeControl):
    """Everybody who is called answers and hangs up, once that they wait has been told."""

    def __init__(self, told: Callable[[], Awaitable[bool]]) -> None:
        super().__init__()
        self._told = told

    async def place(self, entry: QueuedCall, placed: QueuedAttempt) -> None:
        await super().place(entry, placed)
        self.talking = asyncio.create_task(self._talk(entry.id))

    async def _talk(self, call: str) -> None:
        await eventually(self._told, 60)
        await self.dial(call)
        self.end(call, "answered", answered_at=datetime.now(UTC))


async def work(folder: Path, url: str, last: str) -> None:
    settings = config(webhooks={"crm": hook(url)})
    async with events(settings, folder) as made:
        database = made.outbox._database
        queue = Queue(database)

        def observe(what: LifecycleEvent) -> None:
            if type(what).__name__ == last:
                os.kill(os.getpid(), signal.SIGKILL)
            made.observe(what)

        async def told() -> bool:
            async with database.reading() as store:
                return not (await store.execute(select(outbound_calls.c.id).where(outbound_calls.c.untold))).all()

        async def delivered() -> bool:
            over = (await queue.counts())[Status.ENDED]
            return over == 1 and await told() and await made.outbox.sizes() == (0, 0)

        dialer = Dialer(CurrentConfig(settings), queue, Answering(told).place, observe)
        if not await queue.page(QueueFilter(), before=None, limit=1):
            await OutboundCalls(
                CurrentConfig(settings), queue, dialer.wake, observe, check_webhook=lambda url: None
            ).place(PlaceCall(to="+4930123"), by="ops")
        running = asyncio.create_task(dialer.run())
        await eventually(delivered, 60)
        running.cancel()
        await asyncio.wait({running})
        await dialer.finish()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
