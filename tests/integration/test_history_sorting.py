"""Past calls over HTTP, sorted, filtered and added up, on a real store."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import insert

from controller.api.resources.history import HistoryResources
from controller.config.models.records import Records
from controller.store.tables.base import metadata
from tests.integration.api_harness import harness
from tests.integration.records_harness import Desk, desk
from tests.integration.test_api_history import told
from tests.unit.controller.views import later

SORTED: tuple[tuple[float | None, float, int | None], ...] = tuple(
    (float(number % 4 * 60), number % 3 * 0.25, None if number % 5 == 0 else 300 + number % 2) for number in range(23)
)
"""Seconds talked, cost and response time of calls; many are alike."""


async def many(it: Desk) -> None:
    rows = [
        {
            **{"call": f"c{number}", "attempt": 1, "direction": ("inbound", "outbound")[number % 2], "agent": "day"},
            **{"started_at": later(number), "ended_at": later(number + 1), "outcome": "answered"},
            **{"talked_s": talked, "cost": cost, "first_frame_p50_ms": first, "first_frame_max_ms": first},
        }
        for number, (talked, cost, first) in enumerate(SORTED)
    ]
    live = rows[0] | {"call": "live", "ended_at": None, "talked_s": None, "cost": 9.0}
    async with it.database.writing() as connection:
        await connection.execute(insert(metadata.tables["calls"]), [*rows, live])


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(("sort", "at"), [("talked_s", 0), ("cost", 1), ("first_frame_ms", 2), ("started_at", None)])
async def test_sorted_pages_have_each_call_once(sort: str, at: int | None, order: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        records = await stack.enter_async_context(desk(tmp_path))
        await many(records)
        resources = HistoryResources(records.history, records.repository, (), Records())
        it = await stack.enter_async_context(harness(more=lambda _, __: resources.operations()))
        found: list[int] = []
        before = ""
        while True:
            page = await told(it, f"/v1/history?sort={sort}&order={order}&limit=4{before}")
            found += [int(each["id"][1:]) if each["id"] != "live" else -1 for each in page["calls"]]
            if page["next"] is None:
                break
            before = f"&before={page['next']}"
        numbers = range(len(SORTED))
        if at is None:
            wanted = [*numbers, -1]
            assert found == (wanted if order == "asc" else wanted[::-1])
            return
        keyed = [(value, number) for number in numbers if (value := SORTED[number][at]) is not None]
        assert found == [number for _, number in sorted(keyed, reverse=order == "desc")]


async def test_totals_and_further_filters(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        records = await stack.enter_async_context(desk(tmp_path))
        await many(records)
        resources = HistoryResources(records.history, records.repository, (), Records())
        it = await stack.enter_async_context(harness(more=lambda _, __: resources.operations()))
        page = await told(it, "/v1/history?totals=true&limit=2&direction=outbound")
        chosen = [each for number, each in enumerate(SORTED) if number % 2]
        assert page["totals"] == {
            "calls": len(chosen),
            "talked_s": sum(each[0] or 0 for each in chosen),
            "cost": sum(each[1] for each in chosen),
        }
        assert (await told(it, "/v1/history?limit=1"))["totals"] is None
        nothing = await told(it, "/v1/history?agent=nobody&totals=true")
        assert nothing["totals"] == {"calls": 0, "talked_s": 0.0, "cost": 0.0}
        page = await told(it, "/v1/history?least_talked_s=60&most_talked_s=120&totals=true&limit=100")
        wanted = [each for each in SORTED if each[0] in (60.0, 120.0)]
        assert page["totals"]["calls"] == len(page["calls"]) == len(wanted)
        for wrong in ("sort=agent", "order=up", "least_talked_s=-1", "least_talked_s=x", "totals=maybe"):
            assert (await told(it, f"/v1/history?{wrong}", 400))["type"] == "/problems/malformed-request"
