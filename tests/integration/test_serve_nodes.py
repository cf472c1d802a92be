"""Two real controllers on one PostgreSQL: started at once, killed, started again, stopped. There is no Asterisk."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import insert, select

from controller.app import EXIT_OK, EXIT_RUNNING
from controller.cluster.node import NodeId
from controller.cluster.nodes import NodeRegistry
from controller.store.database import Database
from controller.store.owners import owner
from controller.store.tables.call_snapshots import live_calls
from controller.store.tables.outbound import outbound_calls
from simulator.ports import free_port
from tests.integration.webhook_harness import eventually
from tests.peers.stores import on_postgresql, store_at
from tests.unit.controller.configs import FULL, with_

NOW = datetime.now(UTC)


async def started(folder: Path, name: str, file: str = "") -> asyncio.subprocess.Process:
    """In a folder of its own, as on a machine of its own. Its log is in `<file or name>.log`."""
    home = folder / (file or name)
    home.mkdir(exist_ok=True)
    changes = {
        "asterisk__ari": {"url": f"http://127.0.0.1:{free_port()}/ari", "password": "x"},
        "openai__api_key": "x",
        "api": {"listen": f"127.0.0.1:{free_port()}"},
        "store__url": store_at(folder),
        "cluster__node": name,
        "transfer": {},
    }
    config = home / "config.yaml"
    config.touch(mode=0o600)
    config.write_text(yaml.safe_dump(with_(FULL, **changes)))
    with (folder / f"{file or name}.log").open("a") as log:
        return await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("voiceai"), "serve", "--no-workers", "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
        )


@asynccontextmanager
async def serving(folder: Path, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    child, log = await started(folder, name), folder / f"{name}.log"
    before = log.read_text().count("controller up")

    def up() -> bool:
        assert child.returncode is None, log.read_text()
        return log.read_text().count("controller up") > before

    try:
        await eventually(up, 45)
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def rows_of(database: Database) -> tuple[dict[str, str], list[str]]:
    """The queue by call, and the live calls."""
    async with database.reading() as store:
        queue = {row.id: row.result or row.status for row in await store.execute(select(outbound_calls))}
        return queue, sorted((await store.execute(select(live_calls.c.call))).scalars())


async def dialling(database: Database, node: NodeId) -> None:
    """As if this node were dialling a call, and talking in another one."""
    moments = {"created_at": NOW, "due_at": NOW, "expires_at": NOW + timedelta(hours=1), "dialled_at": NOW}
    asked = {"trunk": "main", "callee": "+49301", "agent": "reception", "variables": {}, "asked_by": "ops"}
    call = {"id": node.name, "status": "dialing", "answer_detection": False, "priority": 0, "attempts": []}
    async with database.writing() as store:
        await store.execute(insert(outbound_calls).values(**call, **asked, **moments, **owner(node)))
        kept = {"call": f"live-{node.name}", "written_at": NOW, "kept": {"version": 1}}
        await store.execute(insert(live_calls).values(**kept, **owner(node)))


async def test_a_node_is_killed_and_started_again_and_stopped_beside_another(tmp_path: Path) -> None:
    if not on_postgresql():
        pytest.skip("SQLite has one node")
    async with serving(tmp_path, "b") as b, Database(store_at(tmp_path)) as database:
        async with serving(tmp_path, "a") as a:
            await dialling(database, NodeId("a", 1))
            await dialling(database, NodeId("b", 1))
            second = await started(tmp_path, "a", "another")
            assert await second.wait() == EXIT_RUNNING
            told = (tmp_path / "another.log").read_text()
            assert "as node a (cluster.node): voiceai pid" in told
            a.kill()
            await a.wait()
        async with serving(tmp_path, "a") as a:

            async def ours_are_over() -> bool:
                return await rows_of(database) == ({"a": "interrupted", "b": "dialing"}, ["live-b"])

            await eventually(ours_are_over, 20)
            a.send_signal(signal.SIGTERM)
            assert await a.wait() == EXIT_OK
        assert await rows_of(database) == ({"a": "interrupted", "b": "dialing"}, ["live-b"])
        nodes = {each.id: each.stopped for each in await NodeRegistry(database).all()}
        assert nodes == {NodeId("a", 2): True, NodeId("b", 1): False}
        assert b.returncode is None
