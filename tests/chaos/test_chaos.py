"""Faults are injected into all parts of the product at random times: calls go on.

`make chaos` is long, with another seed each time; CHAOS_SEED repeats a run, CHAOS_SECONDS and CHAOS_CALLS are
its size.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
import structlog

from simulator.realtime import Delivery, ToneModel
from tests.chaos import verdict
from tests.chaos.callers import STORY, Callers
from tests.chaos.faults import Saboteur, Struck, events
from tests.chaos.plan import Fault, Strike, strikes, talks
from tests.e2e.installation import Installation, installation
from tests.integration.webhook_harness import Receiver, hook, receiver
from tests.peers.asterisk import Asterisk

SEED = int(os.environ.get("CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "24"))
CALLS = int(os.environ.get("CHAOS_CALLS", "8"))
MARKED_AFTER = 75.0
"""Seconds after a controller's start until calls of the one before are marked as interrupted, with some to spare."""
AGENT = {"instructions": "You talk to <{{caller}}>.", "greeting": None}
BRIDGE = {"workers": 2, "ports": "19140-19179"}

log = structlog.get_logger()


@pytest.mark.slow
@pytest.mark.timeout(int(3 * SECONDS + 180))
async def test_storm(own_asterisk: Asterisk, tmp_path: Path) -> None:
    log.warning("chaos", seed=SEED, seconds=SECONDS, calls=CALLS)
    model = ToneModel(forever=STORY)
    async with receiver() as hooks:
        more = {"webhooks": {"crm": hook(hooks.url())}}
        pace = [Delivery(pace=1.5)]
        async with installation(
            own_asterisk, tmp_path, lambda: model, faults=pace, bridge=BRIDGE, agent=AGENT, more=more, keep=False
        ) as running:
            await next_call_works(running)
            before = await verdict.usage(running)
            callers = Callers(running.sip)
            saboteur = Saboteur(running, hooks, callers.talking)
            callers.come([talks(SEED, number) for number in range(CALLS)])
            await storm(saboteur, strikes(SEED, SECONDS))
            await verdict.seen(callers, min(CALLS, 3))
            await verdict.all_owned(running)
            await callers.leave()
            await verdict.settled(running)
            await judged(running, saboteur, callers, hooks)
            await asyncio.sleep(verdict.IDLE)
            await next_call_works(running)
            await verdict.settled(running)
            after = await verdict.usage(running)
    assert after.keys() == before.keys()
    assert [f"{name}: {before[name]} {after[name]}" for name in before if not after[name].flat(before[name])] == []


async def storm(saboteur: Saboteur, plan: tuple[Strike, ...]) -> None:
    began = time.monotonic()
    async with asyncio.TaskGroup() as striking:
        for strike in plan:
            await asyncio.sleep(max(0.0, began + strike.at - time.monotonic()))
            log.warning("strike", at=strike.at, fault=strike.fault.value)
            striking.create_task(saboteur.strike(strike))
    await asyncio.sleep(max(0.0, began + SECONDS - time.monotonic()))


async def judged(running: Installation, saboteur: Saboteur, callers: Callers, hooks: Receiver) -> None:
    kills = [each for each in saboteur.done if each.fault is Fault.CONTROLLER_KILLED]
    if kills and SECONDS > MARKED_AFTER:
        await asyncio.sleep(max(0.0, kills[-1].until + MARKED_AFTER - time.time()))
    born = kills[-1].until if kills and SECONDS <= MARKED_AFTER else 0.0
    past = await verdict.written_down(running, born)
    calls = {str(each["caller"]).lstrip("+"): str(each["id"]) for each in past}
    assert verdict.unexplained(callers.visits, calls, saboteur.done) == []
    assert verdict.without_end(past, born) == []
    missing = {line["call"] for line in arrived(saboteur, kills)} - {each["id"] for each in past}
    assert missing == set(), "calls that were never written down"
    ended = {line["call"] for line in saboteur.logs[-1] if line["event"] == "call ended"}
    told = [each for each in hooks.got if each.body["type"] == "call.ended"]
    await hooks.until(lambda seen: ended <= {each.body["data"]["call"] for each in seen.got}, 60)
    done = sum(visit.outcome == "done" for visit in callers.visits)
    log.warning("storm over", calls=len(callers.visits), done=done, told=len(told), strikes=len(saboteur.done))
    assert done > len(callers.visits) / 4
    raised = [line for lines in saboteur.logs for line in lines if "Traceback" in str(line.get("exception", ""))]
    assert raised == []


def arrived(saboteur: Saboteur, kills: list[Struck]) -> list[dict[str, Any]]:
    """All calls but those that began when their controller had no time left to write anything."""
    ends = [each.since for each in kills]
    lines = events(saboteur.logs, "call arrived")
    return [line for line in lines if not any(0 <= end - verdict.seconds_of(line["timestamp"]) < 1 for end in ends)]


async def next_call_works(running: Installation) -> None:
    """A real INVITE, an answer, the agent."""
    visit = await Callers(running.sip).once("4999999", 3.0)
    assert (visit.outcome, visit.heard.first > 0) == ("done", True), visit
