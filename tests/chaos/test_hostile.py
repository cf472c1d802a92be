"""A hostile hour: the model, the tool server, callers, a token's holder and neighbours send what a fuzzer makes of it.

Ten conversations on two workers: five innocent callers, whose telephones measure what they hear, and five hostile ones.
No process ends, no innocent caller hears a gap of more than 60 ms, and nothing is left.

A minute of it is part of `make test`, an hour of `make chaos`. HOSTILE_SECONDS is its length; HOSTILE_SEED (or
CHAOS_SEED) has the same attacks again, as far as the moments at which they come are the same.
"""

import asyncio
import os
import secrets
import signal
import sys
import time
from pathlib import Path

import pytest
import structlog

from simulator.realtime import Delivery, ToneModel
from tests.chaos import hostile_harness, hostile_verdict, verdict
from tests.chaos.callers import STORY, Callers
from tests.chaos.hostile_actors import Where
from tests.chaos.machine_load import MachineLoad
from tests.chaos.test_chaos import BRIDGE, next_call_works
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk

SEED = int(os.environ.get("HOSTILE_SEED") or os.environ.get("CHAOS_SEED") or "1")
SECONDS = float(os.environ.get("HOSTILE_SECONDS", "60"))
INNOCENT, HOSTILE = 5, 5
SECOND_START = 120.0
"""Seconds within which a second controller gives up."""
LEFT_OVER = 75.0
"""Seconds after which nothing is left: a caller who vanished is one for Asterisk's `rtp_timeout` of a minute."""
SHUTDOWN = 15.0

log = structlog.get_logger()


@pytest.mark.timeout(int(1.2 * SECONDS + 300))
async def test_hostile_hour(own_asterisk: Asterisk, tmp_path: Path) -> None:
    log.warning("hostile", seed=SEED, seconds=SECONDS)
    secret, model = secrets.token_urlsafe(16), ToneModel(forever=STORY)
    async with (
        hostile_harness.actors(SEED, tmp_path) as actors,
        installation(
            *(own_asterisk, tmp_path, lambda: model),
            faults=[Delivery(pace=4)],
            bridge=BRIDGE,
            more=hostile_harness.settings(actors, tmp_path),
            trunk={"timeout": 5},
            routes=hostile_harness.ROUTES,
            tokens=[hostile_harness.token(secret)],
            ends=True,
            keep=False,
        ) as running,
    ):
        await next_call_works(running)
        before = await hostile_verdict.State.of(running)
        load, callers = MachineLoad(list(before.pids.values())), Callers(running.sip)
        watching = asyncio.create_task(load.watch())
        callers.come([hostile_harness.innocent_talks(SEED, number) for number in range(INNOCENT)])
        await actors.begin(await where(running, secret))
        await asyncio.sleep(SECONDS / 3)
        faults = await second_start(tmp_path)
        await asyncio.sleep(SECONDS * 2 / 3)
        report = await actors.end()
        await callers.leave()
        log.warning("hostile hour over", calls=len(callers.visits), **report)
        faults += report["faults"] + hostile_verdict.of_innocents(callers.visits, load.samples)
        excused = len(hostile_verdict.of_innocents(callers.visits, [])) + len(report["faults"]) - len(faults)
        log.warning("innocent callers", excused_by_a_busy_machine=excused, faults=faults)
        faults += await in_peace_again(running, before, load)
        watching.cancel()
        await shut_down(running)
        starved = hostile_verdict.starved_workers(running.service.lines, load.samples)
        faults += hostile_verdict.in_log(running.service.lines, running.service.log, before.lines, starved)
        assert faults == [], "\n".join(faults)
    assert all(report["done"].values()), report
    assert min(report["sessions"], report["done"]["callers"].get("answered", 0)) > SECONDS / 20, report


async def where(running: Installation, secret: str) -> Where:
    workers = (await running.api("GET", "/v1/workers"))["workers"]
    media = [int(each["media"].rpartition(":")[2]) for each in workers]
    return Where(running.sip, running.asterisk.trunk_port, running.service.url, secret, media, HOSTILE)


async def in_peace_again(running: Installation, before: hostile_verdict.State, load: MachineLoad) -> list[str]:
    """Nothing is left, the next call works, and the processes are what they were."""
    left = await leftovers(running)
    await asyncio.sleep(verdict.IDLE)
    await next_call_works(running)
    left += await leftovers(running)
    ready = (await running.service.api.get("/readyz")).text
    unready = [] if '"ready": true' in ready or '"ready":true' in ready else [f"/readyz says {ready}"]
    starved = hostile_verdict.starved_workers(running.service.lines, load.samples)
    after = await hostile_verdict.State.of(running)
    return left + unready + after.faults_since(before, starved=bool(starved))


async def leftovers(running: Installation) -> list[str]:
    """Callers who vanished are missed by Asterisk only after a minute."""
    deadline = time.monotonic() + LEFT_OVER
    while (left := await running._left()) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.3)
    return [f"left: {each}" for each in left]


async def shut_down(running: Installation) -> None:
    began = time.monotonic()
    os.kill(running.service.pid, signal.SIGTERM)
    await running.service.exited(SHUTDOWN)
    log.warning("shut down", seconds=round(time.monotonic() - began, 2))


async def second_start(folder: Path) -> list[str]:
    """A second controller with the same config gives up by itself, and says why."""
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("voiceai"), "serve", "--config", str(folder / "config.yaml")),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    telling = asyncio.create_task(process.communicate())
    await asyncio.wait([telling], timeout=SECOND_START)
    by_itself = process.returncode is not None
    if not by_itself:
        process.terminate()
    said = (await telling)[1].decode()
    well = by_itself and process.returncode != 0 and "Traceback" not in said
    return [] if well else [f"a second start ended with {process.returncode}, {by_itself=}: {said[-900:]}"]
