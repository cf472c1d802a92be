"""Asterisk stands still for some seconds (SIGSTOP), as a virtual machine may that is moved: it is noticed, and when it
is over, what nobody could remove meanwhile goes at once and not with the next sweep, up to half a minute later.

How it is when Asterisk deadlocks, and goes on answering pings: tests/chaos/test_deadlock.py.
"""

import os
import signal
import uuid
from pathlib import Path

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import installation
from tests.peers.asterisk import Asterisk

AT_ONCE_S = 10.0
"""With the grace that a reconcile gives what it does not know. The first sweep comes 30 s after the start."""


async def test_what_was_left_goes_as_soon_as_asterisk_acts_again(asterisk: Asterisk, tmp_path: Path) -> None:
    async with installation(asterisk, tmp_path, ToneModel(forever=Say("Hello.", 1.0, 440))) as running:
        left = f"call-{uuid.uuid4()}-bridge"
        await left_bridge(asterisk, left)
        os.kill(asterisk.pid, signal.SIGSTOP)
        try:
            await running.asterisk_is(ready=False, seconds=15)
        finally:
            os.kill(asterisk.pid, signal.SIGCONT)
        await running.service.logged("orphan bridge removed", timeout=AT_ONCE_S, bridge=left)


async def left_bridge(asterisk: Asterisk, name: str) -> None:
    """As a teardown that was not answered leaves it: ours by name, and nobody's."""
    async with asterisk.ari() as ari:
        about = {"type": "mixing", "name": f"{asterisk.ari_app} left"}
        (await ari.post(f"/bridges/{name}", params=about)).raise_for_status()
