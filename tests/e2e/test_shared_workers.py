"""Two nodes: a call whose own worker is killed goes on at the worker of the other node, and new ones come home again.

Both controllers use one Asterisk here, each by a Stasis app of its own.
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from simulator.audio.sound import is_tone
from simulator.ports import free_port
from simulator.services import Service
from tests.e2e.installation import KEY, Installation, installation
from tests.e2e.test_failover import BACK, GREETING, is_answered, models, worker_of
from tests.e2e.test_inbound import greeted
from tests.peers.asterisk import Asterisk
from tests.peers.stores import store_at

TOKEN = "the-token-of-b.w1-at-node-a"
SHARED = "b.w1"
A: dict[str, Any] = {"ports": "19140-19159", "tokens": [{"name": SHARED, "token": TOKEN}]}


@asynccontextmanager
async def node_b(running: Installation, folder: Path) -> AsyncIterator[Service]:
    """Another controller, which shares its worker with the one that runs."""
    link = f"ws://127.0.0.1:{running.service.api.base_url.port}/link"
    settings = {
        "asterisk": {"ari": {**running.asterisk.ari_keys, "app": "node-b"}},
        "openai": {"url": running.realtime.url, "api_key": KEY},
        "cluster": {"node": "b"},
        "bridge": {
            **{"workers": 1, "realtime": False, "ports": "19160-19179"},
            "share_with": [{"controller": link, "tokens": {"w1": TOKEN}}],
        },
        "api": {
            "listen": f"127.0.0.1:{free_port()}",
            "tokens": [{"name": "test", "token": f"{TOKEN}-api", "scopes": ["admin"]}],
        },
        "agents": {"reception": {"instructions": "Be brief."}},
        "shutdown": {"drain_s": 0},
        "store": {"url": store_at(folder)},
    }
    async with Service(settings, folder, token=f"{TOKEN}-api", home=folder) as service:
        await running.service.logged("worker registered", worker=SHARED)
        yield service


async def workers(service: Service) -> dict[str, dict[str, Any]]:
    answer = await service.api.get("/v1/workers")
    return {each["name"]: each for each in answer.json()["workers"]}


async def test_a_call_goes_on_at_the_other_node_s_worker(asterisk: Asterisk, tmp_path: Path) -> None:
    both, agent = (GREETING,), {"greeting": GREETING.text}
    (tmp_path / "b").mkdir()
    a = installation(asterisk, tmp_path, models(both), bridge=A, agent=agent, more={"cluster": {"node": "a"}})
    async with a as running, node_b(running, tmp_path / "b") as b, running.caller() as phone:
        await greeted(phone)
        call = await running.call_id()
        name, pid = await worker_of(running, call)
        assert name == "w1", "its own comes first"
        os.kill(pid, signal.SIGKILL)
        await phone.rtp.hears(lambda samples: is_tone(samples, BACK.hz))
        await phone.rtp.quiet(0.4)
        await running.service.logged("another worker has taken the call over", call=call)
        asked = [line["worker"] for line in running.service.lines if line["event"] == "session asked for"]
        assert asked == ["w1", SHARED]
        await is_answered(phone)

        seen, own = (await workers(running.service))[SHARED], (await workers(b))["w1"]
        users = [{"node": "b", "calls": 0}, {"node": "a", "calls": 1}]
        assert (seen["home"], seen["calls"], seen["users"]) == ("b", 1, users)
        assert (own["home"], own["calls"], own["users"], own["pid"]) == (None, 0, users, seen["pid"])
        assert (await b.api.get("/v1/calls")).json()["calls"] == []
        refused = await running.service.api.post(f"/v1/workers/{SHARED}/drain", json={})
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/refused")

        await running.service.logged("worker registered", nth=2, worker="w1")
        async with running.caller() as later:
            await greeted(later, BACK.hz)
            asked = [line["worker"] for line in running.service.lines if line["event"] == "session asked for"]
            assert asked[2:] == ["w1"], "home again"
            await later.hang_up()
        await phone.hang_up()
        ended = await running.ended(call)
        assert (ended["outcome"], ended["ended_by"]) == ("answered", "caller")
