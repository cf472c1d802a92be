"""Asterisk stands still while it is to dial: it dials after all when it goes on, and whoever answers then is let go."""

import asyncio
import os
import signal
import time
from pathlib import Path

from demo.realtime import ToneBrain
from tests.e2e.conftest import Asterisk, free_udp_port
from tests.e2e.house import SIP_ALLOWED, house
from tests.e2e.test_inbound import GREETING, REPLY, greeted

STOPPED_S = 6.5
"""Longer than a request may take."""
SILENCE_S = 3.0
"""The callee's, at most."""


async def test_who_answers_when_nobody_waits_any_more_is_let_go_at_once(own_asterisk: Asterisk, tmp_path: Path) -> None:
    port = free_udp_port()
    async with (
        house(own_asterisk, tmp_path, lambda: ToneBrain([GREETING], forever=REPLY), trunk=SIP_ALLOWED) as running,
        running.callee(port) as late,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        os.kill(own_asterisk.pid, signal.SIGSTOP)
        try:
            await running.api("POST", f"/v1/calls/{call}/participants", to=f"sip:t@127.0.0.1:{port}")
            await asyncio.sleep(STOPPED_S)
        finally:
            os.kill(own_asterisk.pid, signal.SIGCONT)
        await late.wait("called", timeout=20)
        began = time.monotonic()
        await late.command("answer")
        await late.wait("left", "cancelled", timeout=20)  # cancelled: we were faster
        assert time.monotonic() - began < SILENCE_S
        (found,) = (await running.only_call())["participants"]
        assert found["state"] == "failed"
        await phone.hang_up()
        await running.ended(call)
