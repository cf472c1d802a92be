"""Who has ended a call that came in, and by which cause: told although the leg has left our app by then."""

from pathlib import Path

import httpx

from demo.realtime import ToneBrain
from tests.e2e.conftest import Asterisk
from tests.e2e.house import house
from tests.e2e.test_inbound import GREETING, greeted


async def test_a_bye_is_the_callers_and_a_hang_up_within_asterisk_is_not(asterisk: Asterisk, tmp_path: Path) -> None:
    async with house(asterisk, tmp_path, ToneBrain([GREETING])) as running:
        async with running.caller() as phone:
            await greeted(phone)
            first = await running.call_id()
            await phone.hang_up()
        ended = await running.ended(first)
        assert (ended["ended_by"], ended["cause"]) == ("caller", 16)
        async with running.caller() as phone:
            await phone.answered()
            (call,) = (await running.api("GET", "/v1/calls?state=active"))["calls"]
            login = (asterisk.ari_username, asterisk.ari_password)
            async with httpx.AsyncClient(base_url=asterisk.ari_url, auth=login) as other:
                channels = (await other.get("channels")).json()
                (leg,) = [each["id"] for each in channels if each["name"].startswith("PJSIP/")]
                await other.delete(f"channels/{leg}")
            await phone.wait("left")
            ended = await running.ended(call["id"])
        assert (ended["ended_by"], ended["cause"] is not None) == ("asterisk", True)
