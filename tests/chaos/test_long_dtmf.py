"""DTMF digits with a long duration: the thread of that channel uses a whole core; other calls are not affected.

While a channel plays a key that it was told without a beginning, Asterisk leaves further keys in the channel's queue,
and reads nothing else as long as they wait there (main/channel.c, __ast_read, should_skip_dtmf): the socket stays
readable, so the thread turns without a pause. The claimed length of the key says for how long; `rtp_timeout` ends it.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest
import structlog

from bench import processes
from simulator.realtime import Delivery, ToneModel
from tests.chaos import hostile_sip as sip, hostile_verdict
from tests.chaos.callers import STORY, Callers
from tests.chaos.hostile_caller import Line
from tests.chaos.hostile_sound import Sound
from tests.chaos.machine_load import MachineLoad
from tests.chaos.test_chaos import next_call_works
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk

CLAIMED_MS = 10**9
ENDS_WITHIN = 75.0
"""Seconds: `rtp_timeout` is a minute."""
SPINS = 0.8
"""Of a core."""
CALLS = 3

log = structlog.get_logger()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_keys_that_claim_to_be_long_end_their_own_call(own_asterisk: Asterisk, tmp_path: Path) -> None:
    more = {"agents": {"reception": {"instructions": "Tell a story."}}}  # no greeting: the caller speaks first
    model = ToneModel(forever=STORY)
    async with installation(own_asterisk, tmp_path, lambda: model, faults=[Delivery(pace=4)], more=more) as running:
        await next_call_works(running)
        workers = (await running.api("GET", "/v1/workers"))["workers"]
        load = MachineLoad([running.service.pid, running.asterisk.pid, *(int(each["pid"]) for each in workers)])
        watching, innocent = asyncio.create_task(load.watch()), Callers(running.sip)
        beside = asyncio.create_task(talks(innocent))
        async with asyncio.timeout(ENDS_WITHIN):
            used = await keys_in_a_call(running)
        await beside
        watching.cancel()
        log.warning("long keys", used=used)
        assert used > SPINS, "Asterisk does not do it any more: docs/asterisk.md and hostile_sound.py may say so"
        assert hostile_verdict.of_innocents(innocent.visits, load.samples) == []
        await next_call_works(running)


async def talks(innocent: Callers) -> None:
    """Calls shorter than the agent's story, one after the other."""
    for number in range(CALLS):
        await innocent.once(f"49100{number}", ENDS_WITHIN / CALLS)


async def keys_in_a_call(running: Installation) -> float:
    """Until Asterisk has ended that call: which share of a core Asterisk used meanwhile."""
    chance = random.Random(1)
    transport, line = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Line(chance, running.sip, Counter()), local_addr=("127.0.0.1", 0)
    )
    dialog = line._dialog("5001")
    async with Sound(chance) as sound:
        final = await line._invite(dialog, [], sip.sdp(sound.port))
        assert sip.status_of(final) == 200, final
        speaking = asyncio.create_task(sound.speak(sip.media_port(final), ordinarily=True))
        await asyncio.sleep(1)
        for key in range(6):
            dialog.sequence += 1
            body = f"Signal={key}\r\nDuration={CLAIMED_MS}\r\n"
            line._send(dialog.request("INFO", ["Content-Type: application/dtmf-relay"], body))
        began, before = asyncio.get_running_loop().time(), processes.read(running.asterisk.pid).cpu
        while dialog.call_id in line._up:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        used = processes.read(running.asterisk.pid).cpu - before
        speaking.cancel()
    transport.close()
    return round(used / (asyncio.get_running_loop().time() - began), 2)
