"""Two real controllers with one Valkey: what is asked of one about a call of the other, while that is up, frozen, and
dead. There is no Asterisk: a call is a slot that the other one has."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from controller.cluster.port import CALLS
from simulator.ports import free_port
from tests.integration.webhook_harness import eventually
from tests.peers.stores import Server as PostgreSql, of_one_installation, store_at
from tests.peers.valkey import Server
from tests.unit.controller.configs import FULL, with_

TOKEN, CALL = "operator-token-0123456789", "22222222-2222-4222-8222-222222222222"


class Serving:
    def __init__(self, folder: Path, name: str, valkey: Server, store: str | None = None) -> None:
        self.name, self.folder, self.port = name, folder / name, free_port()
        self.folder.mkdir()
        changes: dict[str, Any] = {
            "asterisk__ari": {"url": f"http://127.0.0.1:{free_port()}/ari", "password": "x"},
            "openai__api_key": "x",
            "api": {
                "listen": f"127.0.0.1:{self.port}",
                "tokens": [{"name": "ops", "token": TOKEN, "scopes": ["admin"]}],
            },
            "store__url": store or store_at(self.folder),
            "cluster": {
                **{"node": name, "url": valkey.url, "token": "t" * 40, "take_ms": 1000},
                "api_url": f"http://127.0.0.1:{self.port}",
            },
            "transfer": {},
        }
        config = self.folder / "config.yaml"
        config.touch(mode=0o600)
        config.write_text(yaml.safe_dump(with_(FULL, **changes)))
        self.log = self.folder / "log"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        with self.log.open("a") as log:
            child = await asyncio.create_subprocess_exec(
                *(Path(sys.executable).with_name("voiceai"), "serve", "--no-workers", "--config", "config.yaml"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

        def up() -> bool:
            assert child.returncode is None, self.log.read_text()
            return "controller up" in self.log.read_text()

        try:
            await eventually(up, 45)
            yield child
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()


async def test_a_node_asks_another_that_is_up_frozen_and_dead(tmp_path: Path) -> None:
    with Server() as valkey:
        a, b = Serving(tmp_path, "a", valkey), Serving(tmp_path, "b", valkey)
        await of_one_installation(a.folder, b.folder)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            a.running(),
            b.running() as other,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{a.port}", headers=headers, timeout=20) as api,
        ):

            async def heard() -> bool:
                nodes = (await api.get("/v1/nodes")).json()["nodes"]
                return [each["state"] for each in nodes] == ["accepting"] * 2

            await eventually(heard, 20)
            page = (await api.get("/v1/calls")).json()
            assert page == {"calls": [], "next": None, "unreachable_nodes": []}
            os.kill(other.pid, signal.SIGSTOP)
            slots = "{voiceai}:slots:" + CALLS
            await asyncio.to_thread(valkey.command, "HSET", slots, CALL, "b:1")
            began = time.monotonic()
            page, shown, ended = await asyncio.gather(
                api.get("/v1/calls"), api.get(f"/v1/calls/{CALL}"), api.post(f"/v1/calls/{CALL}/hangup")
            )
            assert page.json()["unreachable_nodes"] == [{"node": "b", "reason": "It gave no answer within 2 s."}]
            for answer in (shown, ended):
                problem = answer.json()
                assert (answer.status_code, problem["type"]) == (504, "/problems/node-timeout")
                assert "The node b has this call" in problem["detail"]
            assert 4 < time.monotonic() - began < 9
            os.kill(other.pid, signal.SIGCONT)
            await asyncio.to_thread(valkey.command, "HSET", slots, CALL, "b:1")
            answer = await api.post(f"/v1/calls/{CALL}/hangup")
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-call")
            other.kill()
            await other.wait()
            await asyncio.to_thread(valkey.command, "HSET", slots, CALL, "b:1")
            answer = await api.post(f"/v1/calls/{CALL}/hangup")
            assert (answer.status_code, answer.json()["type"]) == (502, "/problems/node-unreachable")

            async def audited() -> bool:
                entries = (await api.get("/v1/audit?operation=hang_up")).json()["entries"]
                told = [(each["by"], each["call"], each["status"]) for each in entries]
                return told == [("ops", CALL, status) for status in (502, 404, 504)]

            await eventually(audited, 10)
        lines = [json.loads(line) for line in b.log.read_text().splitlines() if "/cluster/v1" in line]
        hung_up = [each for each in lines if each["path"] == "/cluster/v1/nodes/{node}/v1/calls/{id}/hangup"]
        assert {each["user"] for each in hung_up} == {"ops"}


async def test_a_node_that_starts_while_valkey_is_away_asks_those_that_the_store_knows(tmp_path: Path) -> None:
    with Server() as valkey, PostgreSql() as postgresql:
        a, b = (Serving(tmp_path, name, valkey, postgresql.url("cluster")) for name in "ab")
        async with b.running():
            valkey.freeze()
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with a.running(), httpx.AsyncClient(base_url=f"http://127.0.0.1:{a.port}", headers=headers) as api:
                page = (await api.get("/v1/calls")).json()
    assert page == {"calls": [], "next": None, "unreachable_nodes": []}


async def test_a_controller_of_another_installation_takes_no_part_and_says_so(tmp_path: Path) -> None:
    with Server() as valkey:
        valkey.command("SET", "{voiceai}:installation", "another one")
        node = Serving(tmp_path, "a", valkey)
        async with node.running(), httpx.AsyncClient(base_url=f"http://127.0.0.1:{node.port}") as api:

            async def told() -> bool:
                return any(
                    each.startswith("`cluster.url` can't be used, limits are shares: another installation")
                    for each in (await api.get("/readyz")).json()["warnings"]
                )

            await eventually(told, 20)
        assert node.log.read_text().count("the cluster's backend can't be used") == 1
        assert valkey.command("EXISTS", "{voiceai}:lease", "{voiceai}:events") == ":0"
