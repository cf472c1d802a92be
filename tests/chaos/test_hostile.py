"""A hostile hour: the model, the tool server, callers, a token's holder and neighbours send what a fuzzer makes of it.

Ten conversations on two workers: five innocent callers, whose telephones measure what they hear, and five hostile ones.
No process ends, no innocent caller hears a gap of more than 60 ms, and nothing is left.

A minute of it is part of `make test`, an hour of `make chaos`. HOSTILE_SECONDS is its length; HOSTILE_SEED (or
CHAOS_SEED) has the same attacks again, as far as the moments at which they meet are the same.
"""

import asyncio
import json
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pytest
import structlog

from controller.config_api import Scope
from demo.realtime import Delivery, ToneBrain
from demo.stage import ROOT
from tests.chaos import hostile_verdict, verdict
from tests.chaos.callers import STORY, Crowd
from tests.chaos.hostile_actors import Where
from tests.chaos.hostile_api import AGENT
from tests.chaos.hostile_model import TOOLS
from tests.chaos.machine_load import MachineLoad
from tests.chaos.plan import Talk
from tests.chaos.test_chaos import BRIDGE, next_call_works
from tests.e2e.conftest import Asterisk
from tests.e2e.house import House, house
from tests.integration.webhook_rig import hook

SEED = int(os.environ.get("HOSTILE_SEED") or os.environ.get("CHAOS_SEED") or "1")
SECONDS = float(os.environ.get("HOSTILE_SECONDS", "60"))
INNOCENT, HOSTILE = 5, 5
SECOND_START = 25.0
"""Seconds within which a second controller gives up."""
REPORT = 40.0
"""Seconds within which the enemies have let go of their calls and told what they did."""
LEFT_OVER = 75.0
"""Seconds after which nothing is left: a caller who vanished is one for Asterisk's `rtp_timeout` of a minute."""
SHUTDOWN = 15.0

log = structlog.get_logger()


class Enemies:
    """The process of `hostile_actors`. `model` and `tools`: where its servers listen."""

    def __init__(self, process: asyncio.subprocess.Process, ports: dict[str, Any]) -> None:
        self._process = process
        self.model, self.tools = str(ports["model"]), int(ports["tools"])

    async def begin(self, where: Where) -> None:
        await self._tell(json.dumps(asdict(where)))

    async def end(self) -> dict[str, Any]:
        """They let go of their calls, and report."""
        await self._tell("over")
        return await self._line(REPORT)

    async def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def _line(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(seconds):
            line = await self._process.stdout.readline()
        assert line, "the hostile actors have failed: see hostile.log"
        told: dict[str, Any] = json.loads(line)
        return told


@asynccontextmanager
async def enemies(folder: Path) -> AsyncIterator[Enemies]:
    with (folder / "hostile.log").open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.hostile_actors", str(SEED)),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            limit=1 << 22,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            ports = json.loads(await process.stdout.readline())
        yield Enemies(process, ports)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def settings(against: Enemies, folder: Path) -> dict[str, Any]:
    """Innocent callers get `reception`; all others an agent whose model, tools and look-up are hostile."""
    tools = f"http://127.0.0.1:{against.tools}"
    tool = {"description": "x", "allowed_hosts": ["127.0.0.1"], "parameters": takes("number"), "timeout_s": 3}
    targets = {"colleague": "6000@test-targets", "busy": "6002@test-targets", "silent": "6003@test-targets"}
    hostile = {
        **{"instructions": "You talk to {{caller}}, {{name}}.", "greeting": "Hello {{name}}.", "providers": ["enemy"]},
        **{"lookup": "who", "tools": list(TOOLS[:7])},
        **{"dtmf": {"0": {"transfer": "colleague"}}, "on_ai_failure": ["hang_up"], "max_call_s": 60},
        **{"recording": {"path": str(folder / "calls"), "on_request": True}},
    }
    return {
        "agents": {"reception": {"instructions": "You talk to <{{caller}}>."}, AGENT: hostile},
        "providers": {"enemy": {"url": against.model, "api_key": "sk-test"}},
        "http_tools": {
            "who": {**tool, "url": f"{tools}/who/{{caller}}", "parameters": takes("caller")},
            "find_order": {**tool, "url": f"{tools}/order/{{number}}", "filler": "One moment."},
            "place_order": {**tool, "url": f"{tools}/order", "method": "POST"},
        },
        "webhooks": {"enemy": hook(f"{tools}/hook", personal=True)},
        "transfer": {"contexts": ["test-targets"], "targets": targets, "decide_s": 5},
        "supervisor": {"extensions": {"ada": "6000@test-targets"}},
    }


def takes(argument: str) -> dict[str, Any]:
    """The schema of a tool."""
    return {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}


def talks(number: int) -> Iterator[Talk]:
    """What one innocent caller does, without end."""
    chance = random.Random(f"innocent caller {SEED} {number}")
    while True:
        yield Talk(round(chance.uniform(0.2, 2), 2), round(chance.uniform(10, 30), 2))


@pytest.mark.timeout(int(1.2 * SECONDS + 300))
async def test_hostile_hour(own_asterisk: Asterisk, tmp_path: Path) -> None:
    log.warning("hostile", seed=SEED, seconds=SECONDS)
    token = secrets.token_urlsafe(16)
    scopes = [each for each in get_args(Scope) if each != "admin"]
    tokens = [{"name": "enemy", "token": token, "scopes": scopes, "rate": {"per_second": 1000, "burst": 1000}}]
    brain = ToneBrain(forever=STORY)
    async with (
        enemies(tmp_path) as against,
        house(
            *(own_asterisk, tmp_path, lambda: brain),
            faults=[Delivery(pace=4)],
            bridge=BRIDGE,
            more=settings(against, tmp_path),
            trunk={"timeout": 5},
            routes=[{"to": "5001", "agent": "reception"}, {"to": "*", "agent": AGENT}],
            tokens=tokens,
            ends=True,
            keep=False,
        ) as running,
    ):
        await next_call_works(running)
        before = await hostile_verdict.State.of(running)
        load = MachineLoad(list(before.pids.values()))
        watching = asyncio.create_task(load.watch())
        media = [int(each["media"].rpartition(":")[2]) for each in (await running.api("GET", "/v1/workers"))["workers"]]
        where = Where(running.sip, own_asterisk.trunk_port, running.service.url, token, media, HOSTILE)
        crowd = Crowd(running.sip)
        crowd.come([talks(number) for number in range(INNOCENT)])
        await against.begin(where)
        await asyncio.sleep(SECONDS / 3)
        if not os.environ.get("NO_SECOND"):
            await second_start(tmp_path)
        await asyncio.sleep(SECONDS * 2 / 3)
        report = await against.end()
        await crowd.leave()
        watching.cancel()
        log.warning("hostile hour over", calls=len(crowd.visits), **report)
        await settled(running)
        await asyncio.sleep(verdict.IDLE)
        await next_call_works(running)
        await settled(running)
        assert (await running.service.api.get("/readyz")).status_code == 200
        faults = (await hostile_verdict.State.of(running)).faults_since(before)
        began = time.monotonic()
        os.kill(running.service.pid, signal.SIGTERM)
        await running.service.exited(SHUTDOWN)
        log.warning("shut down", seconds=round(time.monotonic() - began, 2))
    every = hostile_verdict.of_innocents(crowd.visits, [])
    faults += (counted := hostile_verdict.of_innocents(crowd.visits, load.samples))
    log.warning("innocent callers", missed=len(every), because_the_machine_was_busy=len(every) - len(counted))
    faults += hostile_verdict.in_log(running.service.lines, running.service.log)
    faults += report["faults"]
    assert faults == []
    assert all(report["done"].values()), report
    assert min(report["sessions"], report["done"]["callers"].get("answered", 0)) > SECONDS / 20, report


async def second_start(folder: Path) -> None:
    """A second controller with the same config gives up by itself, and says why."""
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("voiceai"), "serve", "--config", str(folder / "config.yaml")),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECOND_START):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode != 0
    assert b"Traceback" not in said, said.decode()


async def settled(running: House) -> None:
    """Nothing is left of any call. Callers who vanished are missed by Asterisk only after a minute."""
    deadline = time.monotonic() + LEFT_OVER
    while left := await running._left():
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.3)
