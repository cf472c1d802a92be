"""The whole controller, with a fake Asterisk: what an error at the top, or a part that hangs, does to calls and to the
end of the process."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from structlog.testing import capture_logs

from bridge.common.background_tasks import BackgroundTasks
from controller import app as apps
from controller.app import EXIT_FAILED, Controller
from controller.ari.lease import Lease
from controller.ari.rest import Ari
from controller.calls.machine import inputs
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.asterisk_link import AsteriskLink
from controller.calls.runtime.reconcile import Reconciler
from controller.calls.runtime.recovery import snapshot
from controller.calls.runtime.timers import Timers
from controller.cluster.nodes import NodeRegistry
from controller.config import ConfigFile
from controller.store.database import Database
from controller.store.instance import StoreLock
from controller.telemetry.metrics import Metrics
from controller.versions.publisher import Publisher
from controller.versions.repository import VersionStore
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, SPEC, of_agent
from tests.unit.controller.calls.runtime.test_actor import OPENING, FakeAri, FakeWorkers
from tests.unit.controller.configs import ENV, SMALL, config

PLAN = Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {})


class SilentAri(FakeAri):
    def also_observe(self, _: object) -> None: ...
    async def endpoints(self, _: str) -> list[object]:
        return []


class Running:
    def __init__(self, controller: Controller, ari: FakeAri) -> None:
        self.controller = controller
        self.ari = ari

    async def talks(self) -> None:
        """One call does."""
        actor = self.controller.parts.registry.begin(PLAN, config(SMALL))
        for what in OPENING:
            actor.put(what)
        async with asyncio.timeout(30):
            while actor.call.state is not State.TALKING:  # noqa: ASYNC110 - a state
                await asyncio.sleep(0)

    async def rows(self) -> list[Any]:
        async with self.controller.parts.database.reading() as store:
            return list(await store.execute(text("SELECT call, kept FROM live_calls")))

    async def written(self) -> None:
        """Until the snapshot has the call as it is, and there is nothing more to write."""
        actor = self.controller.parts.registry._live[CALL]
        async with asyncio.timeout(10):
            while actor._queue.qsize() or await self.stored() != [kept_of(actor)]:  # noqa: ASYNC110 - a state
                await asyncio.sleep(0.02)

    async def stored(self) -> list[Any]:
        return [json.loads(row) for _, row in await self.rows()]


def kept_of(actor: CallActor) -> dict[str, Any]:
    return snapshot(actor.call, actor.owned.existing, None)


@asynccontextmanager
async def controller(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> AsyncIterator[Running]:
    url = f"sqlite+aiosqlite:///{folder}/voiceai.sqlite3"
    made = config(SMALL, **{"store__url": url, "api__listen": "127.0.0.1:0"} | changes)
    ari, file = SilentAri(), ConfigFile(made, SMALL, ENV, "config.yaml")
    metrics = Metrics(CollectorRegistry())
    for name in ("follow", "watch", "watch_health"):
        monkeypatch.setattr(AsteriskLink, name, lambda _: asyncio.Event().wait())
    monkeypatch.setattr(Reconciler, "run", lambda _: asyncio.Event().wait())
    lock = cast(StoreLock, SimpleNamespace(lost=asyncio.Event().wait))
    lease = cast(Lease, FakeAri())
    monkeypatch.setattr("controller.calls.runtime.actor.TEARDOWN_TIMEOUT", 0.2)
    monkeypatch.setattr("controller.calls.runtime.registry.TEARDOWN_TIMEOUT", 0.2)
    monkeypatch.setattr("controller.calls.runtime.shutdown.HANG_UP", 0.1)
    async with Database(url) as database, BackgroundTasks(metrics.registry) as tasks:
        publisher = Publisher(file, VersionStore(database), shared=False)
        await publisher.start()
        node = await NodeRegistry(database).join("node1", "1", "")
        running = Running(Controller(publisher, cast(Ari, ari), tasks, metrics, database, lock, lease, node), ari)
        monkeypatch.setattr(running.controller.parts.registry, "_workers", FakeWorkers())
        yield running
        running.controller._deadline.cancel()


async def test_an_error_at_the_top_leaves_the_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with controller(tmp_path, monkeypatch) as running:
        with capture_logs() as logs:
            task = asyncio.create_task(running.controller.run((), own_workers=False))
            await running.talks()
            done = len(running.ari.done)
            monkeypatch.setattr(running.controller.parts.registry, "drain", None)  # the next to be called: a TypeError
            running.controller.stop()
            async with asyncio.timeout(60):
                assert await task == EXIT_FAILED
        assert running.ari.done[done:] == []
        ((call, kept),) = await running.rows()
    assert (call, '"talking"' in kept) == (CALL, True)
    told = [line["event"] for line in logs if line["log_level"] == "critical"]
    assert told == ["the controller stops: internal error", "calls are left to the next controller"]
    async with controller(tmp_path, monkeypatch) as again:
        task = asyncio.create_task(again.controller.run((), own_workers=False))
        async with asyncio.timeout(30):
            while again.controller.parts.registry.ids() != {CALL}:  # noqa: ASYNC110 - a state
                await asyncio.sleep(0.01)
        again.controller.stop()
        again.controller.stop()
        async with asyncio.timeout(60):
            assert await task == 0


@pytest.mark.parametrize(
    "stuck",
    ["access.finish", "usage.finish", "snapshots.finish", "events.drain", "records.finish", "tracing.close", "calls"],
)
async def test_nothing_holds_up_a_shutdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stuck: str) -> None:
    monkeypatch.setattr(apps, "LAST_SECONDS", 0.2)
    monkeypatch.setattr(apps, "CANCELLING", 0.5)
    async with controller(tmp_path, monkeypatch) as running:
        task = asyncio.create_task(running.controller.run((), own_workers=False))
        await running.talks()
        if stuck == "calls":
            running.ari.stands = asyncio.Event()  # Asterisk answers nothing any more
        else:
            part, name = stuck.split(".")
            monkeypatch.setattr(getattr(running.controller.parts, part), name, asyncio.Event().wait)
        with capture_logs():
            running.controller.stop()
            running.controller.stop()
            async with asyncio.timeout(60):
                assert await task == 0
        assert running.controller.parts.registry.live == 0


@pytest.mark.parametrize(
    "damage",
    [
        "kept = '{'",
        "kept = 'null'",
        "kept = '[]'",
        "kept = replace(kept, '\"talking\"', '\"dancing\"')",
        "kept = json_remove(kept, '$.media')",
        "kept = json_remove(kept, '$.plan')",
        "kept = json_set(kept, '$.version', 2)",
        "kept = json_set(kept, '$.started_at', 'yesterday')",
        "kept = json_set(kept, '$.open_tools', 7)",
    ],
)
async def test_a_stored_call_that_cannot_be_read_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """And the others are adopted."""
    other = "c5fd5dde-0000-4000-8000-000000000001"
    async with controller(tmp_path, monkeypatch) as running:
        task = asyncio.create_task(running.controller.run((), own_workers=False))
        await running.talks()
        monkeypatch.setattr(running.controller.parts.registry, "drain", None)
        running.controller.stop()
        await task
        async with running.controller.parts.database.writing() as store:
            await store.execute(
                text(
                    "INSERT INTO live_calls (call, written_at, kept, node, epoch) "
                    "SELECT :other, written_at, replace(kept, :call, :other), node, epoch FROM live_calls"
                ),
                {"other": other, "call": CALL},
            )
            await store.execute(text(f"UPDATE live_calls SET {damage} WHERE call = :call"), {"call": CALL})
    async with controller(tmp_path, monkeypatch) as again:
        with capture_logs() as logs:
            task = asyncio.create_task(again.controller.run((), own_workers=False))
            async with asyncio.timeout(30):
                while not again.controller._up:  # noqa: ASYNC110 - a state
                    await asyncio.sleep(0.01)
            assert again.controller.parts.registry.ids() == {other}
            again.controller.stop()
            again.controller.stop()
            async with asyncio.timeout(60):
                assert await task == 0
        assert await again.rows() == []
    assert [line["call"] for line in logs if "is let go" in line["event"]] == [CALL]


@pytest.mark.parametrize(
    "story",
    [
        (inputs.SwitchAsked(of_agent(PLAN, spec=SPEC.model_copy(update={"instructions": "New."})), "ops"),),
        (inputs.WorkerLost("killed"), inputs.TimeUp("tone")),
    ],
)
async def test_what_changes_in_a_call_is_in_the_book(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story: tuple[inputs.Input, ...]
) -> None:
    """Also what changes no state and is told to nobody: a killed controller tells nothing later."""
    async with controller(tmp_path, monkeypatch) as running:
        monkeypatch.setattr(Timers, "is_due", lambda *_: True)
        task = asyncio.create_task(running.controller.run((), own_workers=False))
        await running.talks()
        for what in story:
            await running.written()
            running.controller.parts.registry._live[CALL].put(what)
        await running.written()
        running.controller.stop()
        running.controller.stop()
        async with asyncio.timeout(60):
            assert await task == 0
        assert await running.rows() == []
