"""One trunk is full, congested or out of reach: the call goes over the next one, if that may dial it."""

from pathlib import Path
from typing import Any

import pytest

from simulator.realtime import ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import GREETING, greeted
from tests.e2e.test_transfer import TARGET
from tests.peers.asterisk import Asterisk, free_udp_port

MAIN = {"caller_id": "+493055501", "allow": [r"\+?[0-9]{4,15}"], "country_code": "49", "overflow": "backup"}


def trunks(port: int, main: str = "PJSIP/{number}@trunk", **backup: Any) -> dict[str, Any]:
    """`backup` leads to the telephone at `port`."""
    second = {
        "endpoint": f"PJSIP/trunk/sip:{{number}}@127.0.0.1:{port}",
        "allow": [r"\+49[0-9]+"],
        "country_code": "49",
    }
    return {"trunks": {"main": {"endpoint": main, **MAIN}, "backup": {**second, **backup}}}


async def answered_over_backup(running: Installation, port: int, call: str) -> dict[str, Any]:
    async with running.callee(port) as phone:
        await phone.wait("called")
        await phone.command("answer")
        await greeted(phone)
        live = await running.api("GET", f"/v1/calls/{call}")
        assert live["trunk"] == "backup"
        await phone.hang_up()
        await running.service.logged("attempt written down", call=call, result="answered")
    return await running.api("GET", f"/v1/calls/{call}")


async def test_a_congested_trunk(asterisk: Asterisk, tmp_path: Path) -> None:
    port = free_udp_port()
    async with (
        installation(asterisk, tmp_path, ToneModel([GREETING]), more=trunks(port)) as running,
        running.refusing("503 Service Unavailable") as carrier,
    ):
        call = (await running.api("POST", "/v1/calls", to=TARGET))["id"]
        ended = await answered_over_backup(running, port, call)
        await carrier.wait("refused")
        attempts = [(each["trunk"], each["result"]) for each in ended["queue"]["attempts"]]
        assert attempts == [("main", "congestion"), ("backup", "answered")]


async def test_a_trunk_out_of_reach(asterisk: Asterisk, tmp_path: Path) -> None:
    port = free_udp_port()
    nowhere = trunks(port, "PJSIP/{number}@nowhere")
    async with installation(asterisk, tmp_path, ToneModel([GREETING]), more=nowhere) as running:
        call = (await running.api("POST", "/v1/calls", to=TARGET))["id"]
        ended = await answered_over_backup(running, port, call)
        assert [each["result"] for each in ended["queue"]["attempts"]] == ["congestion", "answered"]


@pytest.mark.parametrize("may_dial", [True, False])
async def test_a_full_trunk(asterisk: Asterisk, tmp_path: Path, may_dial: bool) -> None:
    """The caller has the only line. What the other trunk may not dial waits for it."""
    port = free_udp_port()
    more = trunks(port) if may_dial else trunks(port, allow=[r"\+4940[0-9]+"])
    more["trunks"]["main"]["max_calls"] = 1
    async with (
        installation(asterisk, tmp_path, ToneModel(forever=GREETING), more=more) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = (await running.api("POST", "/v1/calls", to=TARGET))["id"]
        if may_dial:
            ended = await answered_over_backup(running, port, call)
            assert [each["trunk"] for each in ended["queue"]["attempts"]] == ["backup"]
            await phone.hang_up()
            return
        async with running.callee() as carrier:
            await phone.hang_up()
            await carrier.wait("called")
            await running.api("POST", f"/v1/calls/{call}/hangup")
            await running.service.logged("attempt written down", call=call)
        assert not [each for each in running.service.lines if each["event"] == "placed over another trunk"]
