"""Who ended an inbound call, and with which cause: reported although the channel has left our app by then."""

import asyncio
import itertools
import logging
import re
import socket
import struct
from pathlib import Path
from uuid import uuid4

import pytest

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import shared
from tests.e2e.test_hostile_callers import RawCaller, raw_caller
from tests.e2e.test_inbound import GREETING, greeted
from tests.peers.asterisk import Asterisk

log = logging.getLogger(__name__)


async def test_a_bye_is_the_callers_and_its_cause_is_known(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running:
        async with running.caller() as phone:
            await greeted(phone)
            first = await running.call_id()
            await phone.hang_up()
        ended = await running.ended(first)
        assert (ended["ended_by"], ended["cause"]) == ("caller", 16)


async def answered(caller: RawCaller, call: str) -> tuple[str, int]:
    """The tag of the answer, once the caller has confirmed it, and where Asterisk wants the sound."""
    caller.send("INVITE", "5001", b"", call)
    answer = await caller.final(call)
    tag = re.search(rb"\r\nTo:[^\r]*(;tag=[^;\r]+)", answer, re.IGNORECASE)
    assert tag is not None, answer
    caller.send("ACK", "5001", b"", call, tag[1].decode())
    port = re.search(rb"m=audio (\d+)", answer)
    assert port is not None, answer
    return tag[1].decode(), int(port[1])


async def send_sound(port: int) -> None:
    """A packet now and then: without any Asterisk hangs up for that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in itertools.count():
            header = struct.pack("!BBHII", 0x80, 0, number % 65536, number * 160 % 2**32, 1)
            sender.sendto(header + bytes([0xFF]) * 160, ("127.0.0.1", port))
            await asyncio.sleep(0.1)


async def test_a_channel_that_another_program_hangs_up(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running, running.caller() as phone:
        await greeted(phone)
        call = await running.call_id()
        channel = (await running.service.logged("call arrived"))["channel"]
        async with asterisk.ari() as ari:
            assert (await ari.delete(f"/channels/{channel}")).status_code == 204
        ended = await running.ended(call)
        assert (ended["outcome"], ended["ended_by"], ended["cause"]) == ("answered", "asterisk", 16)
        await phone.wait("left")


@pytest.mark.slow
@pytest.mark.timeout(200)
async def test_a_session_timer_that_ends(asterisk: Asterisk, tmp_path: Path) -> None:
    """The caller has promised to refresh the session (RFC 4028) and does not; 90 s is the least."""
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running, raw_caller(asterisk.sip_port) as caller:
        caller.headers = (b"Supported: timer", b"Session-Expires: 90;refresher=uac")
        _, port = await answered(caller, str(uuid4()))
        speaking = asyncio.create_task(send_sound(port))
        try:
            ended = await running.ended(await running.call_id(), timeout=120)
        finally:
            speaking.cancel()
        log.info("session timer: ended_by %s, cause %s, %s", ended["ended_by"], ended["cause"], ended["detail"])
        assert (ended["outcome"], ended["ended_by"], ended["cause"]) == ("answered", "asterisk", 18)
        assert "session timer" in ended["detail"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("calls", [20, pytest.param(500, marks=pytest.mark.slow)])
async def test_subscriptions_end_with_their_callers(asterisk: Asterisk, tmp_path: Path, calls: int) -> None:
    most = 0
    async with (
        shared(asterisk, tmp_path, ToneModel(forever=Say("Hello.", 0.2))) as running,
        raw_caller(asterisk.sip_port) as caller,
        asterisk.ari() as ari,
    ):

        async def subscribed() -> list[str]:
            found = (await ari.get(f"/applications/{asterisk.ari_app}")).json()
            return [*found["channel_ids"], *found["bridge_ids"]]

        for _ in range(calls):
            call = str(uuid4())
            tag, _ = await answered(caller, call)
            caller.send("BYE", "5001", b"", call, tag)
            await caller.final(call)
            most = max(most, len(await subscribed()))
        over = await running.service.logged("call ended", 30, nth=calls)
        ended = await running.api("GET", f"/v1/calls/{over['call']}")
        assert (ended["ended_by"], ended["cause"]) == ("caller", 16), "its BYE has no Reason"
        await running.nothing_left()
        left = await subscribed()
    log.info("%d calls: at most %d channels and bridges subscribed to, %d at the end", calls, most, len(left))
    assert left == []
    assert most <= 20, "calls that have not ended yet, each with a caller, a media leg and a bridge"
