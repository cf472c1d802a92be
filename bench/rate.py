"""How many calls a second one node sets up: SIPp, a real Asterisk, the controller, one worker.

Owns the steps: at each rate calls come for some seconds and last a few; the next rate follows while none fails and 99
of 100 are answered within a second. Everything runs on one machine, the callers and the Realtime server too.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench import sip
from bench.provider import Provider
from bench.results import rank, spread
from simulator.services import Asterisk, Service, asterisk
from tests.peers.certificates import certificate

RATES = (5, 10, 15, 20, 25, 30, 40, 50)
SECONDS, LASTING = 15, 4
SLOWEST_MS = 1000
PAUSE_SECONDS = 3.0


async def most_calls_a_second(
    out: Path, tell: Callable[[dict[str, Any]], None], *, realtime: bool = True, tls: bool = True
) -> list[dict[str, Any]]:
    """One report for each rate, the last one outside the bound. `realtime` and `tls` as in `bench.sip.sip_point`."""
    sip.write_speech(out / "speech.ulaw")
    if realtime:
        os.setpriority(os.PRIO_PROCESS, 0, sip.UNHURRIED)
    provider = Provider(by_level=True, certificate=certificate(out) if tls else None)
    reports: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(asterisk("bench", HIGH_PRIORITY="auto" if realtime else "no"))
        await stack.enter_async_context(provider)
        room = RATES[-1] * SECONDS
        service = await stack.enter_async_context(sip.installation(pbx, provider, room, out, 1, realtime))
        await stack.enter_async_context(sip.watching(service))
        for rate in RATES:
            reports.append(await _at(rate, pbx, service, out, realtime))
            tell(reports[-1])
            if not reports[-1]["within"]:
                break
            await asyncio.sleep(PAUSE_SECONDS)
    return reports


async def _at(rate: int, pbx: Asterisk, service: Service, out: Path, realtime: bool) -> dict[str, Any]:
    calls = rate * SECONDS
    sip.forget_answer_times(out)
    async with sip.callers(pbx, calls, LASTING, out, realtime, rate) as sipp:
        await sipp.wait()
    times = sip.answer_times(out)
    failed = calls - len(times) + (sipp.returncode != 0 and len(times) == calls)
    within = not failed and (rank(times, 0.99) or SLOWEST_MS + 1) <= SLOWEST_MS
    return {"calls_per_second": rate, "calls": calls, "failed": failed, "answer_ms": spread(times), "within": within}
