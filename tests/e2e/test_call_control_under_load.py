"""Twenty requests a second for live calls: no frame of sound is late because of them.

Compared within one run, since machines differ and are busy with other things: windows with verbs take turns with
windows without. Arrival is what the kernel saw at the telephone.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np

from simulator.phone.phone import Phone
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk

LISTENING, WORKED_ON = 6, 4
"""Calls whose sound is measured (the verbs on them change nothing that is heard), and others."""
PER_SECOND = 20
WINDOW, ROUNDS = 2.0, 4
LATE_MS = 40.0
ALLOWED = 0.005
"""Of the frames; more late ones than in the windows without verbs are their fault."""

Verb = tuple[str, dict[str, Any]]
UNHEARD: list[Verb] = [
    ("mute", {"side": "caller"}),
    ("recording", {"action": "start"}),
    ("agent", {"instructions": "Be brief."}),
    ("unmute", {"side": "caller"}),
    ("recording", {"action": "pause"}),
    ("agent", {"variables": {"name": "Ann"}}),
    ("recording", {"action": "stop"}),
]
HEARD: list[Verb] = [
    ("hold", {}),
    ("say", {"text": "Hello."}),
    ("resume", {}),
    ("dtmf", {"digits": "1"}),
    ("mute", {"side": "agent"}),
    ("unmute", {"side": "agent"}),
]


def asked(calls: dict[str, list[Verb]]) -> Iterator[tuple[str, Verb]]:
    """Call after call, each with its next verb."""
    stories = {call: itertools.cycle(verbs) for call, verbs in calls.items()}
    for call in itertools.cycle(calls):
        yield call, next(stories[call])


async def verbs_for(
    seconds: float, running: Installation, story: Iterator[tuple[str, Verb]]
) -> list[tuple[int, float]]:
    """Twenty a second; each answer's status and milliseconds."""

    async def ask(call: str, verb: Verb) -> tuple[int, float]:
        began = time.monotonic()
        answer = await running.service.api.post(f"/v1/calls/{call}/{verb[0]}", json=verb[1])
        return answer.status_code, (time.monotonic() - began) * 1000

    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        asking = []
        for number in range(round(seconds * PER_SECOND)):
            await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
            asking.append(tasks.create_task(ask(*next(story))))
        await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    return [task.result() for task in asking]


def lateness(phones: list[Phone], windows: list[tuple[float, float]]) -> Any:
    """Milliseconds by which each frame that arrived in one of these came later than 20 ms after the one before."""
    late = []
    for phone in phones:
        at = np.array([frame.at for frame in phone.rtp.heard])
        for start, end in windows:
            inside = at[(at >= start) & (at < end)]
            late.append(np.diff(inside) * 1000 - 20)
    return np.concatenate(late)


async def test_no_frame_is_late_because_of_verbs(
    asterisk: Asterisk, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    agent = {"recording": {"path": str(tmp_path / "calls"), "on_request": True}}
    model = ToneModel(forever=Say("A long story.", 60.0, 880))
    async with installation(asterisk, tmp_path, lambda: model, agent=agent) as running, AsyncExitStack() as stack:
        phones: list[Phone] = []
        ids: list[str] = []
        for _ in range(LISTENING + WORKED_ON):
            phone = await stack.enter_async_context(running.caller())
            await phone.answered()
            await phone.rtp.sound(timeout=15)
            phones.append(phone)
            ids = [line["call"] for line in running.service.lines if line["event"] == "call arrived"]
        story = asked(dict.fromkeys(ids[:LISTENING], UNHEARD) | dict.fromkeys(ids[LISTENING:], HEARD))
        without: list[tuple[float, float]] = []
        meanwhile: list[tuple[float, float]] = []
        answers: list[tuple[int, float]] = []
        for _ in range(ROUNDS):
            began = time.time()
            await asyncio.sleep(WINDOW)
            without.append((began, time.time()))
            began = time.time()
            answers += await verbs_for(WINDOW, running, story)
            meanwhile.append((began, time.time()))
        for phone in phones:
            await phone.hang_up()
        for call in ids:
            await running.service.logged("call ended", 20, call=call)
    assert {status for status, _ in answers} <= {202, 409}
    assert sum(status == 202 for status, _ in answers) > 0.8 * len(answers)
    before, after = lateness(phones[:LISTENING], without), lateness(phones[:LISTENING], meanwhile)
    told = [(round(float(np.percentile(each, 99)), 1), round(float(each.max()), 1)) for each in (before, after)]
    late = [int((each > LATE_MS).sum()) for each in (before, after)]
    took = np.percentile([ms for _, ms in answers], [50, 99])
    record_property("late", f"without and with: p99 and longest {told} ms, over {LATE_MS} ms {late} of {len(before)}")
    record_property("answers", f"p50 and p99 {took.round(1)} ms, {len(answers)} verbs")
    assert late[1] <= late[0] + ALLOWED * len(after)
    assert np.percentile(after, 99) < np.percentile(before, 99) + LATE_MS
