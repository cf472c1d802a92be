"""Workers stand still at the worst moments; Asterisk goes on.

A worker that neither reads nor writes can hold every lock of Asterisk (`facts`: a silent AudioSocket peer). Only its
death frees it: the supervisor sees to that within two seconds. ARI's own answers prove nothing, so SIP is asked.

No hook in the product: a worker is frozen by SIGSTOP, and made as slow as on a machine without a free core by
SIGSTOP and SIGCONT in turns. Its moments are known from its log lines, which come within the same millisecond.
"""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from simulator.audio.sound import is_tone
from simulator.realtime import Delivery, Say, ToneModel
from tests.chaos.callers import HELLO
from tests.chaos.faults import lives
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk
from tests.peers.sip_options import options, silences
from tests.peers.sipp import short_calls

PER_SECOND, CALLS = 30, 210
FREEZE_AT = (1.5, 4.5)
"""Seconds; each time another worker."""
KILLED_WITHIN, FREED_WITHIN = 3.0, 4.0
"""Seconds from SIGSTOP. The product's bound is 2; the rest is for a machine with a core too few."""
STORY = Say("A story.", 20.0, 880)
TWO = {"workers": 2, "ports": "19140-19179"}

log = structlog.get_logger()


async def gone(pid: int, timeout: float) -> float:
    """Seconds until this process is dead."""
    began = time.monotonic()
    while lives(pid):
        assert time.monotonic() - began < timeout, f"worker {pid} stands still and is not killed"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def pid_of(running: Installation, worker: str) -> int:
    """Of one that may be just being started."""
    async with asyncio.timeout(10):
        while True:
            workers = (await running.api("GET", "/v1/workers"))["workers"]
            if found := next((int(each["pid"]) for each in workers if each["name"] == worker), None):
                return found
            await asyncio.sleep(0.05)


async def settled(running: Installation, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while await running._left():  # noqa: ASYNC110 - three programs are asked
            await asyncio.sleep(0.2)


async def sip_answers(running: Installation) -> None:
    """OPTIONS, the command line, and a call."""
    assert await options(running.sip, 2.0) is not None
    began = time.monotonic()
    assert "channel" in await asyncio.to_thread(running.asterisk.rx, "core show channels count")
    assert time.monotonic() - began < 5
    async with running.caller() as phone:
        await phone.answered()
        phone.rtp.say(HELLO)
        await phone.rtp.hears(lambda samples: is_tone(samples, STORY.hz), timeout=15)
        await phone.hang_up()


@pytest.mark.timeout(150)
async def test_workers_freeze_during_thirty_calls_a_second(own_asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel(forever=STORY)
    found: list[float] = []
    killed: list[float] = []
    async with installation(own_asterisk, tmp_path, model, bridge=TWO, agent={"greeting": None}, keep=False) as running:
        asking = asyncio.create_task(silences(running.sip, found))
        async with short_calls(running.sip, tmp_path, CALLS, PER_SECOND, 40) as calls:
            began = time.monotonic()
            for at, worker in zip(FREEZE_AT, ("w1", "w2"), strict=True):
                await asyncio.sleep(max(0.0, began + at - time.monotonic()))
                pid = await pid_of(running, worker)
                os.kill(pid, signal.SIGSTOP)
                killed.append(await gone(pid, KILLED_WITHIN))
        asking.cancel()
        await asyncio.wait([asking])
        await settled(running)
        await sip_answers(running)
        await settled(running)
    log.warning("frozen", killed_s=killed, sip_silent_s=round(max(found), 2), done=calls.done, failed=calls.failed)
    assert max(found) < FREED_WITHIN, "Asterisk did not answer for so long"
    assert calls.done + calls.failed == CALLS
    assert calls.done > 0.9 * CALLS


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("event", "state", "after"),
    [
        ("session ready", None, 0.0),  # Asterisk is about to connect: the kernel accepts, nobody shakes hands
        ("media leg connected", None, 0.0),  # right after the handshake: the leg joins the bridge
        ("call state", "talking", 0.0),
        ("call state", "talking", 1.0),  # frames are being written
    ],
    ids=["in the handshake", "right after it", "joining", "writing"],
)
async def test_frozen_at_its_worst_moment(
    own_asterisk: Asterisk, tmp_path: Path, event: str, state: str | None, after: float
) -> None:
    model = ToneModel(forever=STORY)
    found: list[float] = []
    more: dict[str, Any] = {} if state is None else {"state": state}
    pace = [Delivery(pace=1.5)]
    async with installation(
        own_asterisk, tmp_path, model, faults=pace, bridge=TWO, agent={"greeting": None}
    ) as running:
        asking = asyncio.create_task(silences(running.sip, found))
        for nth in (1, 2, 3):
            async with running.caller(f"500{nth}") as phone:
                worker = (await running.service.logged("session asked for", nth=2 * nth - 1))["worker"]
                pid = await pid_of(running, worker)
                await running.service.logged(event, nth=2 * nth - 1, **more)
                await asyncio.sleep(after)
                os.kill(pid, signal.SIGSTOP)
                log.warning("frozen", moment=event, killed_s=round(await gone(pid, KILLED_WITHIN), 2))
                await phone.answered()
                phone.rtp.say(HELLO)
                await phone.rtp.hears(lambda samples: is_tone(samples, STORY.hz), timeout=15)
                await phone.hang_up()
            await settled(running)
        asking.cancel()
        await asyncio.wait([asking])
        await sip_answers(running)
        await settled(running)
    log.warning("sip", silent_s=round(max(found), 2))
    assert max(found) < FREED_WITHIN


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_a_worker_without_a_core_during_the_storm(own_asterisk: Asterisk, tmp_path: Path) -> None:
    """It runs a quarter of the time and is 300 ms late again and again. It is not killed (its heartbeats arrive), gets
    no new calls once that is noticed, and Asterisk goes on."""
    model = ToneModel(forever=STORY)
    found: list[float] = []
    async with installation(own_asterisk, tmp_path, model, bridge=TWO, agent={"greeting": None}, keep=False) as running:
        asking = asyncio.create_task(silences(running.sip, found))
        async with short_calls(running.sip, tmp_path, CALLS, PER_SECOND, 60) as calls:
            pid = await pid_of(running, "w1")
            until = time.monotonic() + 6
            with suppress(ProcessLookupError):
                while time.monotonic() < until:
                    os.kill(pid, signal.SIGSTOP)
                    await asyncio.sleep(0.3)
                    os.kill(pid, signal.SIGCONT)
                    await asyncio.sleep(0.1)
        asking.cancel()
        await asyncio.wait([asking])
        await settled(running)
        await sip_answers(running)
        await settled(running)
    log.warning("starved", sip_silent_s=round(max(found), 2), done=calls.done, failed=calls.failed)
    assert max(found) < FREED_WITHIN
    assert calls.done > 0.8 * CALLS
