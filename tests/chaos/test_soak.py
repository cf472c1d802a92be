"""A thousand short calls and twenty long ones: nothing is left of them in any process.

SOAK_CALLS, SOAK_LONG and SOAK_RATE (short calls a second) are another size. Prints the table of docs/resilience.md.
"""

import asyncio
import os
import time
from contextlib import suppress
from itertools import repeat
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench import processes
from simulator.realtime import Delivery, ToneModel
from tests.chaos import verdict
from tests.chaos.callers import STORY, Callers
from tests.chaos.growth import Reading, Trend, trends
from tests.chaos.plan import Talk
from tests.chaos.test_chaos import AGENT, BRIDGE, next_call_works
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk
from tests.peers.sipp import short_calls

CALLS = int(os.environ.get("SOAK_CALLS", "1000"))
LONG = int(os.environ.get("SOAK_LONG", "20"))
RATE = int(os.environ.get("SOAK_RATE", "5"))
SECONDS = CALLS / RATE
EVERY = 2.0
HEADING = "| process | measure | early | late | after | verdict |"


async def readings(running: Installation) -> dict[str, Reading]:
    workers = (await running.api("GET", "/v1/workers"))["workers"]
    pids = {f"worker {each['name']}": int(each["pid"]) for each in workers} | {"controller": running.service.pid}
    pids["Asterisk"] = int((Path(running.asterisk.settings["ASTERISK_HOME"]) / "pid").read_text().split()[0])
    answer = await running.service.api.get("/metrics")
    tasks = {
        each.labels.get("worker", ""): int(each.value)
        for family in text_string_to_metric_families(answer.text)
        for each in family.samples
        if each.name in ("voiceai_tasks", "voiceai_worker_tasks")
    }
    found = {}
    for name, pid in pids.items():
        read, threads = processes.read(pid), len(os.listdir(f"/proc/{pid}/task"))
        key = "" if name == "controller" else name.removeprefix("worker ")
        found[name] = Reading(time.monotonic(), read.rss / 2**20, read.files, threads, tasks.get(key))
    return found


async def watch(running: Installation, seen: list[dict[str, Reading]]) -> None:
    """Until cancelled."""
    while True:
        seen.append(await readings(running))
        await asyncio.sleep(EVERY)


@pytest.mark.slow
@pytest.mark.timeout(int(SECONDS * 3 + 240))
async def test_soak(own_asterisk: Asterisk, tmp_path: Path) -> None:
    model, pace = ToneModel(forever=STORY), [Delivery(pace=1.5)]
    seen: list[dict[str, Reading]] = []
    async with installation(
        own_asterisk, tmp_path, lambda: model, faults=pace, bridge=BRIDGE, agent=AGENT, keep=False
    ) as running:
        await next_call_works(running)
        callers = Callers(running.sip)
        callers.come([iter(repeat(Talk(0.1 * number, 2 * SECONDS + 60), 1)) for number in range(LONG)])
        await verdict.seen(callers, LONG, 40)
        async with short_calls(running.sip, tmp_path, CALLS, RATE, 2 * SECONDS + 30) as calls:
            watching = asyncio.create_task(watch(running, seen))
            await asyncio.sleep(SECONDS)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        await callers.leave()
        await verdict.settled(running)
        await asyncio.sleep(verdict.IDLE)
        await next_call_works(running)
        await verdict.settled(running)
        after = await readings(running)
        past = await verdict.written_down(running)
    found: dict[str, list[Trend]] = {name: trends([each[name] for each in seen], after[name]) for name in after}
    rows = [f"| {name} | {trend} |" for name, each in found.items() for trend in each]
    print("\n".join(["", f"{calls.done} short calls done, {calls.failed} failed, {LONG} long ones", HEADING, *rows]))  # noqa: T201
    assert {visit.outcome for visit in callers.visits} == {"done"}
    assert (calls.done, calls.failed) == (CALLS, 0)
    assert len(past) == CALLS + LONG + 2
    assert verdict.without_end(past) == []
    assert [f"{name}: {each}" for name, trend in found.items() for each in trend if not each.flat] == []
