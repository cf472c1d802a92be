"""SIGTERM while somebody talks: the call goes on, no new one begins, and the process ends with its last call."""

import os
import signal
from pathlib import Path

from simulator.audio.sound import is_tone
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import installation
from tests.e2e.test_failover import is_answered
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers.asterisk import Asterisk

GOODBYE = Say("Goodbye.", 0.8, 1000)


async def test_a_call_may_finish_and_no_new_one_begins(asterisk: Asterisk, tmp_path: Path) -> None:
    more = {"shutdown": {"drain_s": 60}}
    async with installation(asterisk, tmp_path, ToneModel([GREETING], forever=REPLY), more=more, ends=True) as running:
        async with running.caller() as phone:
            await greeted(phone)
            os.kill(running.service.pid, signal.SIGTERM)
            await running.service.logged("calls may finish")
            answer = await running.service.api.get("/readyz")
            assert (answer.status_code, answer.json()["parts"]["accepting"]) == (503, False)
            async with running.caller("5002") as late:
                await late.wait("refused")
            placed = await running.api("POST", "/v1/calls", to="+4930555123", agent="reception")
            assert placed["state"] == "queued"
            await is_answered(phone)
            await phone.hang_up()
        await running.service.exited()


async def test_who_talks_on_hears_goodbye(asterisk: Asterisk, tmp_path: Path) -> None:
    more = {"shutdown": {"drain_s": 0.5}}
    async with installation(asterisk, tmp_path, ToneModel([GREETING, GOODBYE]), more=more, ends=True) as running:
        async with running.caller() as phone:
            await greeted(phone)
            os.kill(running.service.pid, signal.SIGTERM)
            await phone.rtp.hears(lambda samples: is_tone(samples, GOODBYE.hz))
            await phone.wait("left")
        await running.service.exited()


async def test_a_second_signal_does_not_wait(asterisk: Asterisk, tmp_path: Path) -> None:
    more = {"shutdown": {"drain_s": 60}}
    async with installation(asterisk, tmp_path, ToneModel([GREETING]), more=more, ends=True) as running:
        async with running.caller() as phone:
            await greeted(phone)
            os.kill(running.service.pid, signal.SIGTERM)
            await running.service.logged("calls may finish")
            os.kill(running.service.pid, signal.SIGINT)
            await phone.wait("left")
        await running.service.exited()
