"""Calls that are sent back to us end after a few hops, two agents do not talk, and a transferred call ends."""

from pathlib import Path
from typing import Any

import pytest

from demo.realtime import ToneBrain
from demo.sound import has_tone
from tests.e2e.conftest import Asterisk
from tests.e2e.house import house
from tests.e2e.test_inbound import GREETING, greeted

OURSELVES = {"allow": [r"[0-9]{4,15}", r"sip:[0-9]+@127\.0\.0\.1:[0-9]{4,5}"]}


@pytest.mark.parametrize("way", ["by SIP", "in the dialplan"])
async def test_a_transfer_that_leads_back_to_us_ends_after_a_few_hops(
    asterisk: Asterisk, tmp_path: Path, way: str
) -> None:
    back = f"sip:5001@127.0.0.1:{asterisk.sip_port}" if way == "by SIP" else "5001@from-trunk"
    keys: dict[str, Any] = {
        "agent": {"on_ai_failure": [{"transfer": back}, "hang_up"]},
        "more": {"transfer": {"contexts": {"from-trunk": {"extensions": ["5001"]}}}},
    }
    async with (
        house(asterisk, tmp_path, ToneBrain([GREETING]), trunk=OURSELVES, api_key="sk-wrong", **keys) as running,
        running.caller("5001") as phone,
    ):
        await phone.wait("left", timeout=20)
        calls = (await running.api("GET", "/v1/calls"))["calls"]
        refused = [each for each in calls if "circle" in (each["detail"] or "")]
        # The far half of a Local channel of ours is never taken for a caller: there the circle ends at once.
        assert (len(calls), len(refused)) == ((5, 1) if way == "by SIP" else (1, 0))
        assert all(each["state"] == "ended" for each in calls)


async def test_two_agents_and_the_longest_transfer(asterisk: Asterisk, tmp_path: Path) -> None:
    transfer = {"contexts": {"test-targets": {"extensions": ["6[0-9]{3}"]}}, "max_s": 6}
    async with house(
        asterisk, tmp_path, lambda: ToneBrain([GREETING]), trunk=OURSELVES, more={"transfer": transfer}
    ) as running:
        placed = await running.api("POST", "/v1/calls", to=f"sip:5001@127.0.0.1:{asterisk.sip_port}")
        refused = await running.call_id()
        assert "two agents" in (await running.ended(refused))["detail"]
        assert (await running.ended(placed["id"]))["outcome"] == "busy"

        async with running.caller("5002") as phone:
            await greeted(phone)
            call = str((await running.service.logged("call arrived", nth=2))["call"])
            await running.api("POST", f"/v1/calls/{call}/transfer", to="6001@test-targets")
            await phone.rtp.hears(lambda samples: has_tone(samples, 1400, 0.2), timeout=15)
            await phone.wait("left", timeout=15)
            shown = await running.ended(call)
            assert (shown["outcome"], shown["ended_by"], shown["detail"]) == ("answered", "system", "transfer.max_s")
