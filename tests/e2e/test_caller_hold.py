"""The caller's telephone puts us on hold, with music, and comes back; and it presses keys by SIP INFO."""

import asyncio
from pathlib import Path

import pytest

from simulator.audio.sound import is_tone, level, tone
from simulator.phone.phone import Phone
from simulator.realtime import ToneModel
from tests.e2e.installation import Installation, caller_heard, installation
from tests.e2e.test_inbound import GREETING, REPLY
from tests.e2e.test_live_control import QUIET, STORY, model_was_told, story_begins
from tests.peers.asterisk import Asterisk
from tests.peers.sip import HOLDING

IDLE = {"idle": {"after_s": 3, "prompts": ["Are you still there?"], "goodbye": "Goodbye."}}
HELD_S = 8.0
"""Longer than the ladder for silent callers takes to its goodbye."""


async def shown(running: Installation, phone: Phone, call: str, *, held: bool) -> None:
    async with asyncio.timeout(15):
        while (await running.api("GET", f"/v1/calls/{call}"))["caller_hold"] is not held:
            await phone.rtp.frames(1)


async def test_a_caller_who_holds_us_costs_nothing_and_is_with_the_agent_again(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    model = ToneModel([GREETING, STORY], forever=REPLY)
    async with (
        installation(asterisk, tmp_path, model, agent=IDLE) as running,
        running.caller(scenario=HOLDING) as phone,
    ):
        call = await story_begins(running, phone)
        served = await running.realtime.session()
        await phone.command("hold")
        await phone.wait("held")
        await shown(running, phone, call, held=True)
        asked, heard = len(served.client_events("response.create")), len(served.caller_audio)
        phone.rtp.say(tone(HELD_S, 620))  # their music
        await phone.rtp.spoken()
        assert len(served.client_events("response.create")) == asked, "it was paid for"
        assert level(caller_heard(served.caller_audio[heard:])) < QUIET, "the agent heard the music"
        assert served.truncated, "what was not heard is not believed to have been"

        await phone.command("back")
        await phone.wait("back")
        await phone.rtp.hears(lambda samples: is_tone(samples, REPLY.hz), timeout=10)
        await model_was_told(served, "had put this call on hold for")

        await phone.command("press")
        await phone.wait("pressed")
        await model_was_told(served, "[DTMF] 5")
        told = [item.text for item in served.history.items if "[DTMF]" in (item.text or "")]
        assert told == ["[DTMF] 5"], "once"
        await phone.hang_up()
        ended = await running.ended(call)
        assert (ended["caller_hold"], ended["ended_by"]) == (False, "caller")


@pytest.mark.timeout(120)
async def test_a_hold_that_ends_while_no_controller_listens_is_over_for_the_next_one(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    inactive = tmp_path / "inactive.xml"
    inactive.write_text(HOLDING.read_text().replace("a=sendonly", "a=inactive"))
    model = ToneModel([GREETING, STORY], forever=REPLY)
    async with (
        installation(asterisk, tmp_path, model, bridge={"workers": 1}) as running,
        running.caller(scenario=inactive) as phone,
    ):
        call = await story_begins(running, phone)
        await phone.command("hold")
        await phone.wait("held")
        await shown(running, phone, call, held=True)
        await running.kill_the_controller()
        await phone.command("back")
        await phone.wait("back")
        await running.start_again()
        await shown(running, phone, call, held=False)
        await phone.rtp.hears(lambda samples: is_tone(samples, REPLY.hz), timeout=10)
        await phone.command("press")
        await phone.wait("pressed")
        await phone.hang_up()
        await running.ended(call)
