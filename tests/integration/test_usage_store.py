"""Caps outlive the controller: what one has dialled and spent, the next one reads, killed or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.calls.admission import usage_store
from controller.calls.admission.capacity import Slot
from controller.calls.admission.control import AdmissionControl, today
from controller.calls.admission.spending import Spending
from controller.calls.admission.usage_store import UsageStore
from controller.calls.errors import Busy
from controller.config import Config, CurrentConfig
from controller.config.prices import Prices
from controller.store.database import Database
from tests.unit.controller.configs import FULL, config
from tests.unit.controller.workers.test_worker_choice import worker, workers

OUT = Slot("outbound", "main", "reception")


@asynccontextmanager
async def opened(folder: Path, settings: Config, *, killed: bool = False) -> AsyncIterator[AdmissionControl]:
    """A controller's life, as far as its usage is stored."""
    async with Database(f"sqlite+aiosqlite:///{folder}/voiceai.sqlite3") as database:
        spending = Spending(settings.limits, Prices({}))
        room = AdmissionControl(CurrentConfig(settings), workers(worker()), spending, lambda: [])
        usage = UsageStore(database, room)
        await usage.read()
        task = asyncio.create_task(usage.run())
        try:
            yield room
        finally:
            if killed:
                await written(room)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            if not killed:
                await usage.finish()


async def written(room: AdmissionControl) -> None:
    """Until everything is written."""
    async with asyncio.timeout(5):
        while room.usage._unwritten:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_store, "GATHER_SECONDS", 0.0)


@pytest.mark.parametrize("killed", [False, True])
async def test_the_hour_goes_on_after_a_restart(tmp_path: Path, killed: bool) -> None:
    settings = config(FULL, trunks__main__calls_per_hour=2)
    async with opened(tmp_path, settings, killed=killed) as room:
        room.admit(OUT)
        room.dial("one", "main", own=True)
    async with opened(tmp_path, settings, killed=killed) as room:
        room.dial("two", "main", own=False)
    async with opened(tmp_path, settings) as room:
        with pytest.raises(Busy, match="calls_per_hour"):
            room.admit(OUT)
        room.admit(Slot("inbound", "main", "reception"))


async def test_the_days_caps_go_on_after_a_restart(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"trunks__main__minutes_per_day": 1e-6, "limits__spend_per_day": 5}
    settings = config(FULL, **keys)
    async with opened(tmp_path, settings) as room:
        room.admit(OUT)
        room.dial("one", "main", own=True)
        room.answered("one")
        await asyncio.sleep(0.001)  # more than the minutes that it may have
        room.over("one")
    async with opened(tmp_path, settings) as room:
        with pytest.raises(Busy, match="minutes_per_day"):
            room.admit(OUT)
        room.remember([], 5.0, datetime.now(UTC))
    async with opened(tmp_path, settings) as room:
        assert room.dollars(today()) == 5.0
        with pytest.raises(Busy, match="spend_per_day"):
            room.admit(Slot("inbound", "main", "reception"))
