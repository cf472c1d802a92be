"""Alerts over HTTP and on the command line: a real store, and an Asterisk that says what its endpoints do."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner, Result

from controller.api.alerts import Disk
from controller.api.resources import alerts
from controller.api.resources.alerts import AlertResources, AlertSources, DiskSpace, disks_of, ended_lately
from controller.ari.endpoint_states import EndpointStates
from controller.ari.rest import Ari
from controller.calls.outbound.trunk_breaker import SuspendedTrunk
from controller.cli import connection
from controller.cli.main import app
from controller.config import CurrentConfig
from controller.store.database import StoreError
from controller.store.health import StoreHealth
from controller.workers.refusals import Refusals
from controller.workers.worker import Worker
from tests.integration.api_harness import ADMIN, LIMITED, FakeCalls, FakeOrders, Harness, call_view, harness
from tests.peers.http_server import http_server
from tests.unit.controller.configs import FULL, config

NOW = datetime.now(UTC)


@dataclass
class System:
    """What the controller would know; well as it is made."""

    calls: FakeCalls = field(default_factory=FakeCalls)
    health: StoreHealth = field(default_factory=StoreHealth)
    endpoints: dict[str, str] = field(default_factory=dict)
    suspended: list[SuspendedTrunk] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    unstartable: dict[str, str] = field(default_factory=dict)
    spent: float = 0.0
    dead: int | None = 0
    """None: the store is away."""

    async def nodes(self) -> tuple[Any, ...]:
        return ()

    async def dead_letters(self) -> int:
        if self.dead is None:
            raise StoreError("away")
        return self.dead

    async def asked(self, names: Any) -> dict[str, str]:
        return {name: self.endpoints[name] for name in names if name in self.endpoints}

    def sources(self, orders: FakeOrders, **keys: Any) -> AlertSources:
        workers: Any = SimpleNamespace(all=lambda: self.workers, unstartable=self.unstartable, refusals=Refusals())
        nodes: Any = SimpleNamespace(all=self.nodes)
        return AlertSources(
            current=CurrentConfig(config(FULL, **keys)),
            store=self.health,
            calls=self.calls,
            orders=orders,
            workers=workers,
            nodes=nodes,
            spending=SimpleNamespace(spent_today=lambda: self.spent),
            endpoints=self.asked,
            suspended=lambda: self.suspended,
            dead_letters=self.dead_letters,
            failing=list,
            listing_fails=lambda: False,
            cluster=list,
        )


@asynccontextmanager
async def served(system: System, **keys: Any) -> AsyncIterator[Harness]:
    async with harness(more=lambda _, orders: AlertResources(system.sources(orders, **keys)).operations()) as it:
        yield it


async def told(it: Harness, token: str = ADMIN, status: int = 200) -> Any:
    async with it.request("GET", "/v1/alerts", token) as answer:
        assert answer.status == status
        return await answer.json()


async def types(it: Harness) -> list[tuple[str, str | None]]:
    return [(each["type"], each["subject"]) for each in (await told(it))["alerts"]]


async def voiceai(it: Harness, *words: str) -> Result:
    env = {"VOICEAI_URL": f"http://127.0.0.1:{it.port}", "VOICEAI_API_TOKEN": ADMIN}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["alerts", *words], env=env))


async def test_what_is_well_has_no_alert_and_what_is_not_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.out, "_width", 200)
    system = System()
    async with served(system, limits={"spend_per_day": 10.0}) as it:
        assert await told(it, "reader-0123456789") == {"alerts": []}
        assert await types(it) == []
        done = await voiceai(it)
        assert (done.exit_code, "No alerts." in done.output) == (0, True)

        trunk, endpoint = "main", "trunk"
        system.endpoints[endpoint] = "offline"
        system.suspended.append(SuspendedTrunk(trunk, NOW, 3, NOW, False, "congestion", 503))
        system.unstartable["w1"] = "no such file"
        system.workers.append(Worker("w2", 7, "127.0.0.1", 9092, 100, None))
        system.spent, system.dead = 9.0, 2
        it.orders.paused.add("")
        found = (await told(it))["alerts"]
        assert [(each["type"], each["subject"]) for each in found] == [
            ("worker-not-started", "w1"),
            ("worker-lost", "w2"),
            ("trunk-suspended", trunk),
            ("trunk-offline", trunk),
            ("spend-near-limit", None),
            ("dead-letters", None),
            ("dialing-paused", None),
        ]
        assert "SIP 503" in found[2]["message"]
        assert (await voiceai(it)).exit_code == 0

        system.calls.parts["asterisk"] = False
        assert ("trunk-offline", trunk) not in await types(it), "an Asterisk that is away is not asked"
        done = await voiceai(it)
        assert done.exit_code == 3
        assert "critical: Asterisk is not connected." in done.output
        assert "    Check that Asterisk runs" in done.output
        assert '"severity":"critical"' in (await voiceai(it, "--json")).output


async def test_without_the_store_there_are_the_other_alerts() -> None:
    system = System(dead=None)
    async with served(system) as it:
        assert await types(it) == []
        system.health.failed("database is locked")
        assert [each[0] for each in await types(it)] == ["store-failing"]


async def test_who_may_ask() -> None:
    async with served(System()) as it:
        assert (await told(it, "caller-0123456789", 403))["type"] == "/problems/forbidden"
        assert (await told(it, LIMITED, 403))["type"] == "/problems/forbidden"


def test_only_calls_of_the_last_minutes_count() -> None:
    ended = [
        call_view(ended_at=NOW, outcome="failed"),
        call_view(ended_at=NOW - timedelta(minutes=14), outcome="answered"),
        call_view(ended_at=NOW - timedelta(minutes=16), outcome="failed"),
        call_view(ended_at=NOW, outcome=None),
    ]
    live = replace(call_view(), ended_at=None)
    assert ended_lately([*ended, live], NOW) == {"failed": 2, "answered": 1}


def test_a_disk_is_told_of_once_and_a_folder_that_is_elsewhere_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (disk,) = disks_of([tmp_path, tmp_path / "a", tmp_path / "nothing"])
    assert disk.path == str(tmp_path)
    assert 0 < disk.free <= disk.total


async def test_a_disk_that_does_not_answer_keeps_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "DISK_SECONDS", 0.05)
    answers, asked = threading.Event(), []

    def slow(folders: Any) -> list[Disk]:
        asked.append(folders)
        answers.wait(20)
        return [Disk("/a", 1, 2)]

    space = DiskSpace(slow)
    try:
        assert [await space.of([]) for _ in range(3)] == [[], [], []]
    finally:
        answers.set()
    monkeypatch.setattr(alerts, "DISK_SECONDS", 20)
    assert await space.of([]) == [Disk("/a", 1, 2)]
    assert len(asked) == 1


async def test_requests_at_the_same_time_all_have_an_answer() -> None:
    """One that comes as the disks have just answered asks anew, and the others keep theirs."""
    space = DiskSpace(lambda folders: [Disk("/a", 1, 2)])

    async def often() -> list[list[Disk]]:
        return [await space.of([]) for _ in range(20)]

    found = await asyncio.gather(*(often() for _ in range(5)))
    assert found == [[[Disk("/a", 1, 2)]] * 20] * 5


async def test_states_of_endpoints_are_asked_for_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        asked.append(name)
        if name == "gone":
            return web.json_response({"message": "Endpoint not found"}, status=404)
        if name == "ill":
            return web.json_response({"message": "ill"}, status=500)
        return web.json_response({"technology": "PJSIP", "resource": name, "state": "offline", "channel_ids": []})

    async with http_server(answer) as at, Ari(f"http://{at}/ari", "user", "secret", "voiceai") as ari:
        states = EndpointStates(ari)
        wanted = {"down": "offline", "gone": "missing"}
        assert await states.of(["down", "gone", "ill", "down"]) == wanted
        assert sorted(asked) == ["down", "gone", "ill"]
        assert await states.of(["down", "gone", "ill"]) == wanted
        assert len(asked) == 3
        monkeypatch.setattr("controller.ari.endpoint_states.KEPT_SECONDS", -1.0)
        assert await states.of(["down"]) == {"down": "offline"}
        assert asked[3:] == ["down"]
