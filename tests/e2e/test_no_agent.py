"""No worker is free: the caller gets what the agent's `on_ai_failure` says, unless the route wants it otherwise."""

from pathlib import Path
from typing import Any

import pytest

from simulator.audio.sound import is_tone, tone
from simulator.phone.phone import PhoneError
from simulator.realtime import ToneModel
from tests.e2e.installation import shared
from tests.e2e.test_inbound import GREETING, greeted
from tests.e2e.test_overflow import answered, route
from tests.e2e.test_transfer import TARGET
from tests.peers.asterisk import Asterisk

AT_ONCE, AFTER_A_WAIT, BUSY = "5001", "5002", "5003"
ONE_CALL: dict[str, Any] = {
    "bridge": {"capacity": 1},
    "agent": {"on_ai_failure": [{"transfer": TARGET}]},
    "routes": [
        route(AT_ONCE),
        route(AFTER_A_WAIT, {"wait": {"max_wait_s": 1, "announce_s": None}}, "on_ai_failure"),
        route(BUSY, "busy"),
    ],
}


@pytest.mark.parametrize("to", [AT_ONCE, AFTER_A_WAIT])
async def test_a_colleague_takes_the_call(asterisk: Asterisk, tmp_path: Path, to: str) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel(forever=GREETING), **ONE_CALL) as running,
        running.callee() as colleague,
        running.caller(to) as first,
        answered(first),
        running.caller(to) as second,
    ):
        await greeted(first)
        await second.answered()
        await colleague.wait("called")
        await colleague.command("answer")
        await colleague.answered()
        second.rtp.say(tone(2.0, 620))
        colleague.rtp.say(tone(2.0, 1100))
        await colleague.rtp.hears(lambda samples: is_tone(samples, 620))
        await second.rtp.hears(lambda samples: is_tone(samples, 1100))
        arrived = await running.service.logged("call arrived", nth=2)
        await second.hang_up()
        await colleague.wait("left")
        assert (await running.ended(arrived["call"]))["outcome"] == "answered"
        await first.hang_up()


async def test_a_route_may_say_busy(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel(forever=GREETING), **ONE_CALL) as running,
        running.caller(BUSY) as first,
        answered(first),
        running.caller(BUSY) as second,
    ):
        await greeted(first)
        with pytest.raises(PhoneError, match="486"):
            await second.answered()
        await first.hang_up()
