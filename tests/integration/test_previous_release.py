"""The release before beside this one: on the same tables, as nodes of one PostgreSQL and Valkey, and over the link."""

import asyncio
import copy
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from bridge import contract
from controller.app import EXIT_OK
from controller.cluster.node import NodeId
from controller.store.database import Database
from controller.workers.pool import SILENT
from simulator.ports import free_port
from tests import previous_release
from tests.integration.test_serve_nodes import dialling, rows_of
from tests.integration.webhook_harness import eventually
from tests.peers import valkey
from tests.peers.stores import on_postgresql, store_at
from tests.previous_release.tables import Tables, faults, opened_before, tables_of
from tests.unit.controller.configs import FULL, with_

ROOT = Path(__file__).parents[2]
TOKEN, LINK_TOKEN, CLUSTER_TOKEN = "api-token-0123456789", "link-token-0123456789", "c" * 40


# ---------------------------------------------------------------- the tables


async def test_the_release_before_works_with_the_tables_of_this_one(tmp_path: Path) -> None:
    """If this fails after a new migration: it may only add what the release before can leave out (ARCHITECTURE.md,
    "Two releases at once"). What nobody needs any more is removed by the release after."""
    url = store_at(tmp_path)
    known = await opened_before(url)
    before, now = await upgraded(url)
    assert faults(known, before, now) == []
    assert await opened_before(url) == known, "it starts again on them"


async def upgraded(url: str) -> tuple[Tables, Tables]:
    """The tables before and after this release has opened the store."""
    found = []
    for migrate in (False, True):
        async with Database(url) if migrate else as_it_is(url) as database, database.reading() as store:
            found.append(await store.run_sync(tables_of))
    return found[0], found[1]


@asynccontextmanager
async def as_it_is(url: str) -> AsyncIterator[Database]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("controller.store.migrations.upgrade", lambda _: (None, None))
        async with Database(url) as database:
            yield database


def removed(table: str, column: str) -> Callable[[Tables], None]:
    return lambda now: now[table]["columns"].pop(column)


def added(table: str, column: str, *, needed: bool) -> Callable[[Tables], None]:
    return lambda now: now[table]["columns"].update({column: {"type": "TEXT", "needed": needed}})


def changed(column: str, **what: Any) -> Callable[[Tables], None]:
    return lambda now: now["calls"]["columns"][column].update(what)


@pytest.mark.parametrize(
    ("migrate", "told"),
    [
        (lambda now: now.pop("calls"), ["calls is gone"]),
        (removed("calls", "detail"), ["calls.detail is gone"]),
        (removed("calls", "unused"), []),
        (changed("detail", type="INTEGER"), ["calls.detail has another type"]),
        (changed("detail", needed=True), ["calls.detail must be given"]),
        (changed("id", needed=False), []),
        (added("calls", "tenant", needed=True), ["calls.tenant must be given"]),
        (added("calls", "tenant", needed=False), []),
        (lambda now: now["calls"]["rules"].append("unique ['detail']"), ["calls has another rule: unique ['detail']"]),
        (lambda now: now["calls"]["rules"].clear(), []),
        (lambda now: now.update(more={"columns": {"x": {"type": "TEXT", "needed": True}}, "rules": []}), []),
    ],
)
def test_what_a_migration_may_do(migrate: Callable[[Tables], None], told: list[str]) -> None:
    columns = {name: {"type": "TEXT", "needed": name == "id"} for name in ("id", "detail", "unused")}
    before: Tables = {"calls": {"columns": columns, "rules": ["key ['id']"]}}
    now = copy.deepcopy(before)
    migrate(now)
    assert faults({"calls": ["id", "detail"]}, before, now) == told


# ---------------------------------------------------------------- the link


def test_the_version_of_the_release_before_is_spoken() -> None:
    """And what it means is recorded, so that nobody changes it (tests/unit/bridge/contract/test_versions.py)."""
    told = (previous_release.unpacked() / "bridge/contract/events.py").read_text()
    versions = previous_release.unpacked() / "bridge/contract/versions.py"
    told += versions.read_text() if versions.exists() else ""
    (line,) = [each for each in told.splitlines() if each.startswith("VERSION = ")]
    version = int(line.removeprefix("VERSION = "))
    assert version in contract.spoken()
    assert (ROOT / f"tests/unit/bridge/contract/link_{version}.json").exists(), "record it"


# ---------------------------------------------------------------- as processes


@dataclass
class Node:
    """A controller as a process. `before`: of the release before."""

    name: str
    url: str
    child: asyncio.subprocess.Process
    log: Path
    api: httpx.AsyncClient

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = await self.api.request(method, path, **more)
        assert answer.is_success, f"{method} {path} at {self.name}: {answer.status_code} {answer.text}"
        return answer.json()

    async def states(self) -> dict[str, str]:
        return {each["name"]: each["state"] for each in (await self.ask("GET", "/v1/nodes"))["nodes"]}

    async def end(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await self.child.wait() == EXIT_OK, self.log.read_text()


@dataclass
class Cluster:
    """One PostgreSQL, one Valkey; each node has its port and its folder, whatever release it is of."""

    folder: Path
    valkey: str

    @asynccontextmanager
    async def node(self, name: str, port: int, *, before: bool = False) -> AsyncIterator[Node]:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        url = f"http://127.0.0.1:{port}"
        changes = {
            "asterisk__ari": {"url": f"http://127.0.0.1:{free_port()}/ari", "password": "x"},
            "openai__api_key": "x",
            "api": {"listen": f"127.0.0.1:{port}", "tokens": [{"name": "test", "token": TOKEN, "scopes": ["admin"]}]},
            "store__url": store_at(self.folder),
            "cluster": {"node": name, "url": self.valkey, "token": CLUSTER_TOKEN, "api_url": url},
            "bridge__token": LINK_TOKEN,
            "transfer": {},
        }
        config, log = home / "config.yaml", self.folder / f"{name}-{'before' if before else 'now'}.log"
        config.touch(mode=0o600)
        config.write_text(yaml.safe_dump(with_(FULL, **changes)))
        environment = previous_release.environment() if before else None
        program = (previous_release.program(), "serve", "--no-workers", "--config", str(config))
        child = await started(program, log, home, environment)
        lines = log.read_text().count("controller up")
        try:
            await eventually(lambda: alive(child, log) and log.read_text().count("controller up") > lines, 45)
            authorized = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(base_url=url, headers=authorized, timeout=10) as api:
                yield Node(name, url, child, log, api)
        finally:
            await ended(child)


@asynccontextmanager
async def worker(node: Node, folder: Path, name: str, *, before: bool = False) -> AsyncIterator[None]:
    """A bridge worker of another machine, which this node has let in."""
    environment = (previous_release.environment() if before else {}) | {contract.TOKEN_ENV: LINK_TOKEN}
    link = node.url.replace("http", "ws") + contract.LINK_PATH
    arguments = ("--controller", link, "--ports", "0", "--name", name, "--realtime", "no", "--insecure")
    child = await started(
        (sys.executable, "-m", "bridge.worker", *arguments), folder / f"{name}.log", folder, environment
    )

    async def up() -> bool:
        found = (await node.ask("GET", "/v1/workers"))["workers"]
        return alive(child, folder / f"{name}.log") and name in [each["name"] for each in found]

    try:
        await eventually(up, 20)
        yield
    finally:
        await ended(child)


async def started(
    program: tuple[Any, ...], log: Path, home: Path, environment: dict[str, str] | None
) -> asyncio.subprocess.Process:
    none = asyncio.subprocess.DEVNULL
    with log.open("a") as file:
        return await asyncio.create_subprocess_exec(
            *program, stdin=none, stdout=file, stderr=file, cwd=home, env=os.environ | (environment or {})
        )


def alive(child: asyncio.subprocess.Process, log: Path) -> bool:
    assert child.returncode is None, log.read_text()
    return True


async def ended(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.kill()
        await child.wait()


def told(queue: dict[str, str]) -> dict[str, str]:
    """What `dialling` wrote, by the node that wrote it."""
    return {node: queue[node] for node in ("a", "b")}


async def placed(node: Node, key: str) -> tuple[str, bool]:
    """The id of a call that is queued there, and whether the answer is an earlier one."""
    answer = await node.api.post(
        "/v1/calls", json={"to": "+4930123456", "trunk": "main"}, headers={"Idempotency-Key": key}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"], "Idempotency-Replayed" in answer.headers


async def agree(one: Node, other: Node, **states: str) -> None:
    """Both say so of all nodes."""

    async def told() -> bool:
        return [await one.states(), await other.states()] == [states, states]

    await eventually(told, 15)


@pytest.mark.timeout(120)  # seven processes that are started
async def test_nodes_of_two_releases_on_one_store_and_one_valkey(tmp_path: Path) -> None:
    """a is of the release before, b brings the tables up to date while a has a call; then each is replaced."""
    if not on_postgresql():
        pytest.skip("SQLite has one node")
    ports = {"a": free_port(), "b": free_port()}
    with valkey.Server() as server:
        cluster = Cluster(tmp_path, server.url)
        async with cluster.node("a", ports["a"], before=True) as a:
            first, _ = await placed(a, "one")
            async with cluster.node("b", ports["b"]) as b, Database(store_at(tmp_path)) as database:
                for name in ports:
                    await dialling(database, NodeId(name, 1))
                await agree(a, b, a="accepting", b="accepting")
                async with workers_of_the_other_release(a, b, tmp_path):
                    await one_queue(a, b, first)
                    await one_drains_the_other(a, b)
                    await one_asks_for_a_call_of_the_other(a, b)
                a.child.kill()
                await a.child.wait()
                async with cluster.node("a", ports["a"], before=True) as again:
                    await a_is_over(database)
                    await agree(again, b, a="accepting", b="accepting")
                    await again.end()
                async with cluster.node("a", ports["a"]) as upgraded:
                    await agree(upgraded, b, a="accepting", b="accepting")
                    await b.end()
                    async with cluster.node("b", ports["b"], before=True) as back:
                        await agree(upgraded, back, a="accepting", b="accepting")
                        assert await placed(back, "one") == (first, True)


async def one_queue(a: Node, b: Node, first: str) -> None:
    """What one has queued and answered the other knows."""
    assert await placed(b, "one") == (first, True)
    second, _ = await placed(b, "two")
    assert await placed(a, "two") == (second, True)
    for node in (a, b):
        assert {(await node.ask("GET", f"/v1/calls/{call}"))["state"] for call in (first, second)} == {"queued"}


async def one_drains_the_other(a: Node, b: Node) -> None:
    """a stays drained until it is started again."""
    await a.ask("POST", "/v1/nodes/b/drain")
    await agree(a, b, a="accepting", b="draining")
    await b.ask("POST", "/v1/nodes/a/drain")
    await a.ask("POST", "/v1/nodes/b/undrain")
    await agree(a, b, a="draining", b="accepting")


async def one_asks_for_a_call_of_the_other(a: Node, b: Node) -> None:
    """It is carried to its node, where nobody knows it in truth, or refused; whatever it is, it is told in order."""
    for node, call in ((a, "live-b"), (b, "live-a")):
        answer = await node.api.post(f"/v1/calls/{call}/hangup")
        assert answer.status_code in (404, 502), answer.text
        assert isinstance((await node.ask("GET", "/v1/calls"))["calls"], list)


@asynccontextmanager
async def workers_of_the_other_release(a: Node, b: Node, folder: Path) -> AsyncIterator[None]:
    """Each controller is served by a worker of the other release, before and after what is done meanwhile."""
    async with worker(a, folder, "of-now"), worker(b, folder, "of-before", before=True), worker(b, folder, "beside"):
        came = time.monotonic()
        yield
        await asyncio.sleep(max(0.0, came + SILENT + 1 - time.monotonic()))  # who is not understood is given up by then
        found = (await b.ask("GET", "/v1/workers"))["workers"]
        versions = {each["name"]: (each["state"], each["link_version"]) for each in found}
        assert versions["beside"][1] == contract.VERSION
        assert versions["of-before"][1] <= contract.VERSION
        found = (await a.ask("GET", "/v1/workers"))["workers"]
        assert [(each["name"], each["state"]) for each in found] == [("of-now", "up")]
    assert all_understood(folder)


def all_understood(folder: Path) -> bool:
    """No side has dropped what the other one sent."""
    return not [log for log in folder.glob("*.log") if "can't be read and is dropped" in log.read_text()]


async def a_is_over(database: Database) -> None:
    """It was dialling when it was killed; b goes on."""

    async def so() -> bool:
        queue, live = await rows_of(database)
        return told(queue) == {"a": "interrupted", "b": "dialing"} and live == ["live-b"]

    await eventually(so, 20)
