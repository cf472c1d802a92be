"""Events of calls for the records, as the controller produces them, over a real store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from controller.calls.reporting import lifecycle
from controller.config.models.records import Records as Settings
from controller.events.factory import EventFactory
from controller.events.records.history import History
from controller.events.records.repository import RecordRepository
from controller.events.records.spool import Spool
from controller.events.records.writer import RecordWriter
from controller.store.database import Database
from tests.peers.stores import store_at
from tests.unit.controller.events.test_factory import STORY
from tests.unit.controller.views import CALL, later

EVENTS_OF_A_CALL = 17


@dataclass
class Desk:
    database: Database
    repository: RecordRepository
    records: RecordWriter
    history: History
    spool: Spool
    registry: CollectorRegistry
    maker: EventFactory

    def tell(self, story: list[lifecycle.LifecycleEvent]) -> None:
        for at, what in enumerate(story):
            notice = self.maker.make(what, later(at))
            if notice is not None:
                self.records.take(notice)

    def value(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)

    async def written(self, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while self.value("voiceai_records_waiting") or self.spool.size:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)


def story_of(call: str, **changes: Any) -> list[lifecycle.LifecycleEvent]:
    """The whole story of one call, under another id."""

    def renamed(what: Any) -> Any:
        if hasattr(what, "model_copy"):
            return what.model_copy(update={"call": call})
        whose = what.call if isinstance(what.call, str) else None
        fields = {name: getattr(what, name) for name in what.__dataclass_fields__}
        if whose is not None:
            return type(what)(**fields | {"call": call})
        view = {name: getattr(what.call, name) for name in what.call.__dataclass_fields__}
        return type(what)(**fields | {"call": type(what.call)(**view | {"id": call} | changes)})

    return [renamed(what) for what in STORY]


@asynccontextmanager
async def desk(
    folder: Path, settings: Settings | None = None, *, epoch: str = "e", url: str | None = None
) -> AsyncIterator[Desk]:
    """A controller's life, as far as records are concerned."""
    registry = CollectorRegistry()
    spool = Spool(folder / "voiceai.journal")
    async with Database(url or store_at(folder)) as database:
        repository = RecordRepository(database)
        records = RecordWriter(repository, settings or Settings(), spool, registry)
        task = asyncio.create_task(records.run())
        try:
            yield Desk(database, repository, records, History(database), spool, registry, EventFactory(epoch))
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await records.finish()


__all__ = ["CALL", "EVENTS_OF_A_CALL", "Desk", "desk", "story_of"]
