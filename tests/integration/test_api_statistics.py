"""Statistics over HTTP and on the command line, from a real store: what is counted, for whom, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner, Result

from controller.api.models.statistics import StatisticsQuery
from controller.api.problems import Problem
from controller.api.resources.statistics import StatisticsResources, period_of
from controller.cli import connection
from controller.cli.main import app
from controller.events.records import statistics
from controller.events.records.history import MOST_WAITING, History
from controller.store.database import Database
from controller.store.tables.records import call_events, call_turns, calls
from tests.integration.api_harness import ADMIN, LIMITED, Harness, harness
from tests.peers.stores import on_postgresql, store_at

BEGAN = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
"""In Berlin it is the second of November."""
PERIOD: dict[str, Any] = {"since": "2026-11-01T00:00:00Z", "until": "2026-11-04T00:00:00Z"}


def call(name: str, hours: float = 0, **changes: Any) -> dict[str, Any]:
    began = BEGAN + timedelta(hours=hours)
    answered = began + timedelta(seconds=2)
    fresh = {
        "call": name,
        "attempt": 0,
        "direction": "inbound",
        "agent": "reception",
        "trunk": "main",
        "started_at": began,
        "answered_at": answered,
        "ended_at": answered + timedelta(seconds=60),
        "outcome": "answered",
        "talked_s": 60.0,
        "turns": 0,
        "cost": 0.25,
    }
    return fresh | changes


CALLS = (
    call("a", turns=2),
    call("b", 2, talked_s=120.0, turns=1),
    call(
        "c",
        3,
        agent="night",
        trunk=None,
        answered_at=None,
        talked_s=None,
        outcome="busy",
        direction="outbound",
        cost=0.0,
    ),
    call("live", ended_at=None, outcome=None),
    call("later", 72),
)
TURNS = {"a": (200.0, 304.0), "b": (None, 1000.0), "later": (9.0,)}


async def fill(database: Database) -> None:
    turns = [
        {"event": f"{name}-{at}", "call": name, "attempt": 0, "at": BEGAN, "turn": at, "first_frame_ms": value}
        for name, values in TURNS.items()
        for at, value in enumerate(values)
    ]
    kinds = ("call.barge_in", "call.barge_in", "call.tool")
    events = [
        {"event": f"e{at}", "call": "a", "attempt": 0, "at": BEGAN, "type": kind, "data": {}}
        for at, kind in enumerate(kinds)
    ]
    async with database.writing() as store:
        await store.execute(insert(calls), list(CALLS))
        await store.execute(insert(call_turns), turns)
        await store.execute(insert(call_events), events)


@asynccontextmanager
async def past(folder: Path) -> AsyncIterator[tuple[Harness, History]]:
    async with Database(store_at(folder)) as database:
        await fill(database)
        history = History(database)
        async with harness(more=lambda _, __: StatisticsResources(history).operations()) as it:
            yield it, history


async def told(it: Harness, status: int = 200, token: str = ADMIN, **query: Any) -> Any:
    async with it.request("GET", f"/v1/statistics?{urlencode(query)}", token) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def test_by_day_agent_and_trunk(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):
        found = await told(it, **PERIOD)
        total = found["total"]
        assert [(each["day"], each["calls"]) for each in found["groups"]] == [
            ("2026-11-01", 1),
            ("2026-11-02", 2),
            ("2026-11-03", 0),
        ]
        assert (total["calls"], total["answered"], total["turns"], total["interruptions"]) == (3, 2, 3, 2)
        assert total["outcomes"] == {"answered": 2, "busy": 1}
        assert total["talked_s"] == {"count": 2, "mean": 90.0, "median": 60.0, "p95": 120.0}
        assert total["response_ms"] == {"count": 3, "mean": 501.3, "median": 300.0, "p95": 1000.0}
        assert total["cost"] == 0.5
        assert found["groups"][2]["response_ms"] == {"count": 0, "mean": None, "median": None, "p95": None}

        berlin = await told(it, **PERIOD, zone="Europe/Berlin")
        assert [(each["day"], each["calls"]) for each in berlin["groups"]] == [
            ("2026-11-01", 0),
            ("2026-11-02", 3),
            ("2026-11-03", 0),
            ("2026-11-04", 0),
        ]
        by_agent = await told(it, **PERIOD, group="agent")
        assert [(each["name"], each["calls"], each["interruptions"]) for each in by_agent["groups"]] == [
            ("reception", 2, 2),
            ("night", 1, 0),
        ]
        assert by_agent["total"] == total
        by_trunk = await told(it, **PERIOD, group="trunk")
        assert [(each["name"], each["calls"]) for each in by_trunk["groups"]] == [("main", 2), (None, 1)]


async def test_filters_and_the_limits_of_a_key(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):
        for name, value, count in (("direction", "outbound", 1), ("agent", "reception", 2), ("trunk", "other", 0)):
            assert (await told(it, **(PERIOD | {name: value})))["total"]["calls"] == count
        assert (await told(it, token=LIMITED, **PERIOD, group="agent"))["total"]["calls"] == 1
        assert (await told(it, token="caller-0123456789", status=403, **PERIOD))["type"] == "/problems/forbidden"
        assert (await told(it, token="reader-0123456789", **PERIOD))["total"]["calls"] == 3


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"since": "yesterday"}, "since"),
        ({"group": "caller"}, "group"),
        ({"zone": "Berlin"}, "zone"),
        ({"direction": "up"}, "direction"),
        ({"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "since"),
        ({"since": "2025-01-01T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "since"),
        ({"since": "0001-01-01T00:00:00Z", "until": "0001-01-02T00:00:00Z", "zone": "America/Lima"}, "until"),
        ({"until": "9999-12-31T23:59:59Z"}, "until"),
    ],
)
async def test_wrong_queries_are_told_which_part_is_wrong(
    tmp_path: Path, query: dict[str, Any], parameter: str
) -> None:
    async with Database(store_at(tmp_path)) as database:
        resources = StatisticsResources(History(database))
        async with harness(more=lambda _, __: resources.operations()) as it:
            found = await told(it, 400, **query)
    assert found["type"] == "/problems/malformed-request"
    assert [each["parameter"] for each in found["errors"]] == [parameter]


def test_without_a_period_it_is_the_last_30_days() -> None:
    assert period_of(StatisticsQuery(), BEGAN) == (BEGAN - timedelta(days=30), BEGAN)
    with pytest.raises(Problem):
        period_of(StatisticsQuery(since=BEGAN.isoformat()), BEGAN)  # type: ignore[arg-type]


async def test_a_period_that_takes_too_long_and_too_many_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with past(tmp_path) as (it, history):
        monkeypatch.setattr(statistics, "LONGEST_SECONDS", 0.0)
        assert "shorter" in (await told(it, 400, **PERIOD))["detail"]
        monkeypatch.undo()
        history._waiting += MOST_WAITING
        assert (await told(it, 429, **PERIOD))["type"] == "/problems/too-many-requests"
        history._waiting -= MOST_WAITING
        assert (await told(it, **PERIOD))["total"]["calls"] == 3


DAMAGE = (
    "outcome=x'ff00'",
    "agent=x'ff', trunk=x'ff'",
    "talked_s='long', cost='much', turns='x'",
    "cost=1e400, talked_s=1e400",
)


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_row_hides_no_other(tmp_path: Path, damage: str) -> None:
    if on_postgresql():
        return  # it has types
    async with past(tmp_path) as (it, history):
        async with history._database.writing() as store:
            await store.execute(text(f"UPDATE calls SET {damage} WHERE call = 'a'"))
            await store.execute(text("UPDATE call_turns SET first_frame_ms = 'x' WHERE call = 'a'"))
        for group in ("day", "agent", "trunk"):
            assert (await told(it, **PERIOD, group=group))["total"]["calls"] == 3


async def test_in_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.out, "_width", 200)
    async with past(tmp_path) as (it, _):
        env = {"VOICEAI_URL": f"http://127.0.0.1:{it.port}", "VOICEAI_API_TOKEN": ADMIN}

        async def said(*more: str) -> Result:
            words = ["statistics", "--since", "2026-11-01", "--until", "2026-11-04", *more]
            return await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=env))

        for shown, wanted in (
            (await said(), ("2026-11-02", "Outcomes: answered 2, busy 1")),
            (await said("--group", "trunk"), ("(none)",)),
        ):
            assert shown.exit_code == 0
            for each in (*wanted, "1:30", "300", "1000"):
                assert each in shown.output
        assert (await said("--zone", "Berlin")).exit_code == 1
