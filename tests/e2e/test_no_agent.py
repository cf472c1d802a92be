"""No worker is free: the caller gets what the agent's `on_ai_failure` says, unless the route wants it otherwise."""

from pathlib import Path
from typing import Any

import pytest

from simulator.audio.sound import is_tone, tone
from simulator.phone.phone import PhoneError
from simulator.realtime import ToneModel
from tests.e2e.installation import installation
from tests.e2e.test_inbound import GREETING, greeted
from tests.e2e.test_overflow import answered
from tests.e2e.test_transfer import TARGET
from tests.peers.asterisk import Asterisk

ONE = {"capacity": 1}
RESCUED = {"on_ai_failure": [{"transfer": TARGET}]}


def route(*overflow: Any) -> list[dict[str, Any]]:
    return [{"to": "*", "agent": "reception", "overflow": list(overflow)}]


@pytest.mark.parametrize("steps", [(), ({"wait": {"max_wait_s": 1, "announce_s": None}}, "on_ai_failure")])
async def test_a_colleague_takes_the_call(asterisk: Asterisk, tmp_path: Path, steps: tuple[Any, ...]) -> None:
    async with (
        installation(
            asterisk, tmp_path, ToneModel(forever=GREETING), bridge=ONE, agent=RESCUED, routes=route(*steps)
        ) as running,
        running.callee() as colleague,
        running.caller() as first,
        answered(first),
        running.caller() as second,
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
        installation(
            asterisk, tmp_path, ToneModel(forever=GREETING), bridge=ONE, agent=RESCUED, routes=route("busy")
        ) as running,
        running.caller() as first,
        answered(first),
        running.caller() as second,
    ):
        await greeted(first)
        with pytest.raises(PhoneError, match="486"):
            await second.answered()
        await first.hang_up()
