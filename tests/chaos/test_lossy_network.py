"""An hour of four calls at once through a lossy network: 2 % loss, 40 ms jitter, moves of the media, holds.

Each caller says lines that are known to the sample, and the simulator answers each. Every minute the media comes from
elsewhere (a re-INVITE to another port, other sequence numbers, half of them lower, other timestamps, another source),
every five minutes the caller holds. No turn is cut by us, nobody is unheard for more than 1.5 s, the agent's sound has
no gap, and transcript and recording hold all that was said, once.

Part of `make chaos`. LOSSY_SECONDS is its length, and moves, holds and calls come oftener in less than an hour;
LOSSY_SEED (or CHAOS_SEED) has the same plan again.
"""

import asyncio
import os
import time
from pathlib import Path

import pytest
import structlog

from simulator.realtime import Delivery
from tests.chaos import hostile_verdict, lossy_recordings, lossy_verdict, verdict
from tests.chaos.lossy_caller import LossyCall, LossyCaller, Pace
from tests.chaos.lossy_model import GREETING, LossyModel
from tests.chaos.machine_load import MachineLoad
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk

SEED = int(os.environ.get("LOSSY_SEED") or os.environ.get("CHAOS_SEED") or "1")
SECONDS = float(os.environ.get("LOSSY_SECONDS", "3600"))
CALLERS = 4
PACE = Pace(move=min(60.0, SECONDS / 12), hold=min(300.0, SECONDS / 4), call=min(900.0, SECONDS / 3))
BRIDGE = {"workers": 2, "ports": "19140-19179"}

log = structlog.get_logger()


def paces() -> list[Pace]:
    """The first caller stays for all of it: longer than a connection to the AI lives."""
    return [Pace(PACE.move, PACE.hold, SECONDS), *[PACE] * (CALLERS - 1)]


@pytest.mark.slow
@pytest.mark.timeout(int(1.1 * SECONDS + 300))
async def test_an_hour_through_a_lossy_network(own_asterisk: Asterisk, tmp_path: Path) -> None:
    log.warning("lossy network", seed=SEED, seconds=SECONDS, folder=str(tmp_path))
    model = LossyModel()
    agent = {"greeting": GREETING, "recording": {"path": str(tmp_path / "calls")}}
    async with installation(
        *(own_asterisk, tmp_path, lambda: model), faults=[Delivery(pace=4)], bridge=BRIDGE, agent=agent, keep=False
    ) as running:
        await running.service.logged("worker registered", nth=2)
        before = await hostile_verdict.State.of(running)
        load = MachineLoad(list(before.pids.values()))
        watching = asyncio.create_task(load.watch())
        until = time.monotonic() + SECONDS
        callers = [
            LossyCaller(number, SEED, running.sip, tmp_path, model, pace) for number, pace in enumerate(paces(), 1)
        ]
        await asyncio.gather(*(caller.live(until) for caller in callers))
        await running.nothing_left()
        await asyncio.sleep(verdict.IDLE)
        watching.cancel()
        faults = await judged(running, [call for caller in callers for call in caller.calls], load)
        faults += [f"the server heard {each}" for each in model.strange]
        after = await hostile_verdict.State.of(running)
        faults += after.faults_since(before, starved=False)
        faults += hostile_verdict.in_log(running.service.lines, running.service.log, before.lines)
        assert faults == [], "\n".join(faults)


async def judged(running: Installation, calls: list[LossyCall], load: MachineLoad) -> list[str]:
    tally = lossy_verdict.Tally()
    sound = [fault for call in calls for fault in lossy_verdict.of_call(call, tally)]
    faults: list[str] = []
    past = await verdict.written_down(running)
    recordings = 0
    for call in calls:
        rows = [each for each in past if (each["caller"] or "").endswith(call.caller[2:])]
        if len(rows) != 1:
            faults.append(f"{call.caller} is written down {len(rows)} times")
            continue
        record = await running.api("GET", f"/v1/history/{rows[0]['id']}")
        faults += lossy_verdict.of_record(call, record)
        paths = sorted((running.folder / "calls").glob(f"{record['id']}*"))
        recordings += len(paths)
        faults += [f"{call.caller} has {len(paths)} recordings"] if len(paths) != 1 else []
        sound += await asyncio.to_thread(lossy_recordings.of_recording, paths[0], call) if paths else []
    log.warning("calls", calls=len(calls), recordings=recordings, tally=str(tally))
    heard = lossy_verdict.unexcused(sound, load.samples)
    log.warning("excused by a busy machine", faults=len(sound) - len(heard))
    return faults + heard
