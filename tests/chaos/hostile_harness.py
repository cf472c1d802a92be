"""The parts of the test with hostile parties: their process, and a configuration that leads to them.

Starts and ends that process, and tells it where the installation is. Other callers reach the agent `reception`, whose
model is the installation's simulator; hostile ones reach the agent `hostile`, whose model, tools, look-up and webhooks
are hostile.
"""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from controller.config.models.api import Scope
from simulator.services import ROOT
from tests.chaos.hostile_actors import Where
from tests.chaos.hostile_api import AGENT
from tests.chaos.hostile_model import TOOLS
from tests.chaos.plan import Talk
from tests.integration.webhook_harness import hook

READY, REPORT = 30.0, 40.0
"""Seconds within which the actors listen, and within which they have let go of their calls and told what they did."""
ROUTES = ({"to": "5001", "agent": "reception"}, {"to": "*", "agent": AGENT})


class Actors:
    """The process of `hostile_actors`. `model` and `tools`: where its servers listen."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.model, self.tools = "", 0

    async def ready(self) -> None:
        ports = await self._line(READY)
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
async def actors(seed: int, folder: Path) -> AsyncIterator[Actors]:
    """Their log, with all that the model says, is `folder`/hostile.log."""
    with (folder / "hostile.log").open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.hostile_actors", str(seed)),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            limit=1 << 22,
        )
    try:
        started = Actors(process)
        await started.ready()
        yield started
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def settings(against: Actors, folder: Path) -> dict[str, Any]:
    """Sections of the config."""
    tools = f"http://127.0.0.1:{against.tools}"
    tool = {"description": "x", "allowed_hosts": ["127.0.0.1"], "parameters": _takes("number"), "timeout_s": 3}
    targets = {"colleague": "6000@test-targets", "busy": "6002@test-targets", "silent": "6003@test-targets"}
    hostile = {
        **{"instructions": "You talk to {{caller}}.", "greeting": "Hello {{name}}.", "providers": ["hostile"]},
        **{"lookup": "who", "tools": list(TOOLS[:7]), "dtmf": {"0": {"transfer": "colleague"}}},
        **{"on_ai_failure": ["hang_up"], "max_call_s": 60},
        **{"recording": {"path": str(folder / "calls"), "on_request": True}},
    }
    return {
        "agents": {"reception": {"instructions": "You talk to <{{caller}}>."}, AGENT: hostile},
        "providers": {"hostile": {"url": against.model, "api_key": "sk-test"}},
        "http_tools": {
            "who": {**tool, "url": f"{tools}/who/{{caller}}", "parameters": _takes("caller")},
            "find_order": {**tool, "url": f"{tools}/order/{{number}}", "filler": "One moment."},
            "place_order": {**tool, "url": f"{tools}/order", "method": "POST"},
        },
        "webhooks": {"hostile": hook(f"{tools}/hook", personal=True)},
        "transfer": {"contexts": ["test-targets"], "targets": targets, "decide_s": 5},
        "supervisor": {"extensions": {"ada": "6000@test-targets"}},
    }


def token(secret: str) -> dict[str, Any]:
    """May do everything but administer, and as often as it likes."""
    scopes = [each for each in get_args(Scope) if each != "admin"]
    return {"name": "hostile", "token": secret, "scopes": scopes, "rate": {"per_second": 1000, "burst": 1000}}


def innocent_talks(seed: int, number: int) -> Iterator[Talk]:
    """What one innocent caller does, without end."""
    chance = random.Random(f"innocent caller {seed} {number}")
    while True:
        yield Talk(round(chance.uniform(0.2, 2), 2), round(chance.uniform(10, 30), 2))


def _takes(argument: str) -> dict[str, Any]:
    """The schema of a tool."""
    return {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
