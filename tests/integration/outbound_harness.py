"""The dialer over a real queue, and a scripted call control that records what it is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.api.models.calls import PlaceCall
from controller.calls import errors
from controller.calls.outbound.attempt import QueuedAttempt
from controller.calls.outbound.dialer import Dialer
from controller.calls.outbound.entry import QueuedCall, Status
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.service import OutboundCalls
from controller.calls.reporting import lifecycle, view
from controller.cluster.nodes import NodeRegistry
from controller.config import Config, CurrentConfig
from controller.events.webhooks.receivers import Receivers
from controller.store.database import Database
from tests.peers.stores import store_at
from tests.unit.controller.configs import config

PATIENCE = 10.0


@dataclass
class FakeControl:
    """`StartCall`. `room`: how many calls at once; `refusal` is raised for every call."""

    room: int = 100
    refusal: Exception | None = None
    full: set[str] = field(default_factory=set)
    """Trunks without room."""
    live: dict[str, QueuedAttempt] = field(default_factory=dict)
    placed: list[str] = field(default_factory=list)
    """Numbers, in the order in which they were begun."""
    trunks: list[str] = field(default_factory=list)
    """The trunk of each."""
    most: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def place(self, entry: QueuedCall, placed: QueuedAttempt) -> None:
        if self.refusal is not None:
            raise self.refusal
        if len(self.live) >= self.room or entry.order.trunk in self.full:
            raise errors.Busy("full")
        self.live[entry.id] = placed
        self.placed.append(entry.order.callee)
        self.trunks.append(entry.order.trunk)
        self.most = max(self.most, len(self.live))
        self.news.set()

    async def until_live(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.live) < count:
                self.news.clear()
                await self.news.wait()

    async def dial(self, call: str) -> None:
        await self.live[call].before_dial()
        self.live[call].after_dial()

    def end(self, call: str, outcome: str, **more: Any) -> None:
        placed, now = self.live.pop(call), datetime.now(UTC)
        ended = view.CallView(
            id=call,
            direction="outbound",
            state="ended",
            agent="reception",
            trunk="main",
            caller=None,
            callee=placed.entry.order.callee,
            started_at=now,
            answered_at=more.pop("answered_at", None),
            ended_at=now,
            outcome=outcome,
            ended_by=more.pop("ended_by", "callee"),
            cause=more.pop("cause", None),
            sip_status=more.pop("sip_status", None),
            detail=more.pop("detail", None),
            transfer=None,
        )
        placed.over(ended)


@dataclass
class Office:
    control: FakeControl
    queue: Queue
    dialer: Dialer
    orders: OutboundCalls
    told: list[lifecycle.LifecycleEvent] = field(default_factory=list)
    """What observers of `orders` were told."""

    async def order(self, to: str = "+4930123", **asked: Any) -> str:
        return (await self.orders.place(PlaceCall.model_construct(to=to, **asked), by="ops")).id

    async def until(self, call: str, holds: Callable[[QueuedCall], bool]) -> QueuedCall:
        async with asyncio.timeout(PATIENCE):
            while True:
                entry = await self.queue.get(call)
                assert entry is not None
                if holds(entry):
                    return entry
                await asyncio.sleep(0.01)

    async def over(self, call: str) -> QueuedCall:
        return await self.until(call, lambda entry: entry.status is Status.ENDED)


def orders_of(
    loaded: Config, queue: Queue, dialer: Dialer, observe: lifecycle.Observe = lifecycle.unobserved
) -> OutboundCalls:
    """What the API asks, with the webhooks that the config allows."""
    check = Receivers(loaded.webhooks, loaded.call_webhooks).check
    known = observe, dialer.breakers, dialer.obstacles
    return OutboundCalls(CurrentConfig(loaded), queue, dialer.wake, *known, check_webhook=check)


@asynccontextmanager
async def office(folder: Path, control: FakeControl | None = None, **keys: Any) -> AsyncIterator[Office]:
    """`keys` change the config, as `trunks__main__max_calls=1` does. Opened again, it is a restart."""
    control = control or FakeControl()
    loaded: Config = config(**keys)
    async with Database(store_at(folder)) as database:
        await NodeRegistry(database).join("node1", "1", "")
        queue = Queue(database)
        dialer = Dialer(CurrentConfig(loaded), queue, control.place)
        task = asyncio.create_task(dialer.run())
        try:
            told: list[lifecycle.LifecycleEvent] = []
            yield Office(control, queue, dialer, orders_of(loaded, queue, dialer, told.append), told)
        finally:
            task.cancel()
            await asyncio.wait({task})
            await dialer.finish()
