"""A thousand requests for one call while Asterisk does not answer: that call ends completely, and no other one does."""

import asyncio
import os
import signal
from pathlib import Path

import httpx

from simulator.realtime import ToneModel
from tests.e2e.installation import installation
from tests.e2e.test_failover import is_answered
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.e2e.test_transfer_matrix import id_of
from tests.peers.asterisk import Asterisk

FAST = {
    "name": "fast",
    "token": "fast-0123456789abcdef",
    "scopes": ["admin"],
    "rate": {"per_second": 10000, "burst": 100000},
}
FULL = "call ended: its event queue is full"


async def test_a_flood_of_wishes_costs_its_call(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        installation(asterisk, tmp_path, lambda: ToneModel([GREETING], forever=REPLY), tokens=[FAST]) as running,
        running.caller("5001") as flooded,
        running.caller("5002") as other,
    ):
        await asyncio.gather(greeted(flooded), greeted(other))
        one, two = await id_of(running, "5001"), await id_of(running, "5002")
        headers = {"Authorization": f"Bearer {FAST['token']}"}
        statuses: list[int] = []
        async with httpx.AsyncClient(base_url=running.service.api.base_url, headers=headers, timeout=20) as api:

            async def flood() -> None:
                while not full.done():
                    answer = await api.post(f"/v1/calls/{one}/dtmf", json={"digits": "1"})
                    statuses.append(answer.status_code)

            os.kill(asterisk.pid, signal.SIGSTOP)
            try:
                async with asyncio.TaskGroup() as flooding:
                    full = flooding.create_task(running.service.logged(FULL, timeout=20, call=one))
                    for _ in range(16):
                        flooding.create_task(flood())
            finally:
                os.kill(asterisk.pid, signal.SIGCONT)
        await flooded.wait("left", timeout=20)
        ended = await running.ended(one, timeout=20)
        assert (ended["outcome"], ended["ended_by"]) == ("failed", "system")
        assert 500 not in statuses
        await other.rtp.quiet(0.6)
        await is_answered(other)
        await other.hang_up()
        await running.ended(two)
