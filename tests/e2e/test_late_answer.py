"""Asterisk stands still while it is to dial and dials when it goes on: whoever answers then is hung up."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulator.phone.phone import Phone, PhoneError
from simulator.realtime import ToneModel
from tests.e2e.installation import SIP_ALLOWED, Installation, installation
from tests.e2e.test_failover import is_answered
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.e2e.test_recovery import adopted
from tests.e2e.test_supervision import watched
from tests.peers.asterisk import Asterisk, free_udp_port

STOPPED_S = 6.5
"""Longer than a request may take."""
SILENCE_S = 3.0
"""The callee's, at most."""


async def test_who_answers_when_nobody_waits_any_more_is_let_go_at_once(asterisk: Asterisk, tmp_path: Path) -> None:
    port = free_udp_port()
    async with (
        installation(asterisk, tmp_path, lambda: ToneModel([GREETING], forever=REPLY), trunk=SIP_ALLOWED) as running,
        running.callee(port) as late,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        os.kill(asterisk.pid, signal.SIGSTOP)
        try:
            await running.api("POST", f"/v1/calls/{call}/participants", to=f"sip:t@127.0.0.1:{port}")
            await asyncio.sleep(STOPPED_S)
        finally:
            os.kill(asterisk.pid, signal.SIGCONT)
        if await is_called(late):
            await is_let_go(late)
        (found,) = (await running.only_call())["participants"]
        assert found["state"] == "failed"
        await phone.hang_up()
        await running.ended(call, timeout=20)  # a leg that may still be dialled is asked for ten seconds long


@asynccontextmanager
async def stopped(asterisk: Asterisk, seconds: float) -> AsyncIterator[None]:
    os.kill(asterisk.pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        yield
        await asyncio.sleep(began + seconds - time.monotonic())
    finally:
        os.kill(asterisk.pid, signal.SIGCONT)


async def ask(running: Installation, call: str, what: str, port: int) -> None:
    to = f"sip:t@127.0.0.1:{port}"
    if what == "attended":
        await running.api("POST", f"/v1/calls/{call}/transfer", to=to, kind="attended")
    elif what == "blind":
        await running.api("POST", f"/v1/calls/{call}/transfer", to=to)
    else:
        await running.api("POST", f"/v1/calls/{call}/supervise", to="ada", mode=what)


async def agent_has_said(running: Installation, phone: Phone, call: str) -> None:
    """What it had to say. A media leg that Asterisk does not read for seven seconds is given up: then a new session
    has the call, and begins anew."""
    moved = [line for line in running.service.lines if line["event"] == "call state" and line["state"] == "failover"]
    async with asyncio.timeout(15):
        while len((await running.api("GET", f"/v1/calls/{call}"))["transcript"]) < 1 + len(moved):
            await phone.rtp.frames(5)
    await phone.rtp.quiet(0.6, timeout=20)


async def is_called(phone: Phone) -> bool:
    """Asterisk may not have read the request of a controller that was killed, and the hang-up that follows a request
    can be faster than its INVITE: then nobody rings."""
    try:
        await phone.wait("called", timeout=8)
    except PhoneError:
        return False
    return True


async def is_let_go(phone: Phone) -> None:
    """Whoever answers hears nobody for long. The CANCEL was faster than the answer, or crossed it."""
    began = time.monotonic()
    await phone.command("answer")
    await phone.wait("left", "cancelled", "aborted", timeout=20)
    assert time.monotonic() - began < SILENCE_S


@pytest.mark.parametrize(
    ("what", "killed", "seconds"),
    [
        ("attended", True, 6.5),
        ("attended", True, 8.0),
        ("attended", False, 11.0),  # the request that makes the leg begins after 5 s, and has given up by then
        ("blind", True, 8.0),
        ("listen", True, 6.5),
        ("listen", True, 8.0),
        ("take_over", False, 6.5),
        ("take_over", True, 8.0),
    ],
)
async def test_also_where_the_controller_is_another_one_then(
    asterisk: Asterisk, tmp_path: Path, what: str, killed: bool, seconds: float
) -> None:
    """The leg is one that the next controller has never asked for, and that nobody has written down, perhaps."""
    port = free_udp_port()
    async with (
        installation(
            *(asterisk, tmp_path, lambda: ToneModel([GREETING], forever=REPLY)), trunk=SIP_ALLOWED, more=watched(port)
        ) as running,
        running.callee(port) as late,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        starting: asyncio.Task[None] | None = None
        async with stopped(asterisk, seconds):
            await ask(running, call, what, port)
            if killed:
                await asyncio.sleep(2.0 if seconds < 7 else 6.0)  # before, and after the request has given up
                await running.kill_the_controller()
                starting = asyncio.create_task(running.start_again())
        if starting is not None:
            await starting
            await adopted(running, call)
        if await is_called(late):
            await is_let_go(late)
        await agent_has_said(running, phone, call)
        await is_answered(phone)
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert shown["state"] == "talking"
        assert (shown["supervision"] or {"state": "ended"})["state"] in ("ended", "failed")
        await phone.hang_up()
        await running.ended(call, timeout=20)  # a leg that may still be dialled is asked for ten seconds long
