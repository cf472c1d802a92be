"""Asterisk is killed and stays away while its controller lives: its calls end, and their slots are free for others."""

import asyncio
import logging
import time
from pathlib import Path

from simulator.realtime import ToneModel
from tests.e2e.cluster_harness import EXACT_S
from tests.e2e.installation import SIP_ALLOWED, Installation, installation
from tests.e2e.test_events import written_down
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.e2e.test_transfer_matrix import id_of
from tests.integration.webhook_harness import Receiver, hook, receiver
from tests.peers.asterisk import Asterisk, free_udp_port
from tests.peers.valkey import Server

log = logging.getLogger(__name__)


def held(server: Server) -> int:
    return int(server.command("HLEN", "{voiceai}:slots:calls").removeprefix(":"))


def ends_told(hooks: Receiver, calls: set[str]) -> list[str]:
    told = [each.body["data"] for each in hooks.got if each.body["type"] == "call.ended"]
    return [each["outcome"] for each in told if each["call"] in calls]


async def all_free(server: Server) -> None:
    while await asyncio.to_thread(held, server):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.1)


async def test_calls_end_with_an_asterisk_that_stays_away(own_asterisk: Asterisk, tmp_path: Path) -> None:
    ports = [free_udp_port(), free_udp_port()]
    with Server() as server:
        async with receiver() as hooks:
            more = {"cluster": {"url": server.url}, "webhooks": {"crm": hook(hooks.url())}}
            model = ToneModel([GREETING], forever=REPLY)
            async with (
                installation(own_asterisk, tmp_path, model, trunk=SIP_ALLOWED, more=more) as running,
                running.caller("5001") as talking,
                running.caller("5002") as connected,
                running.callee(ports[0]) as target,
                running.callee(ports[1]) as rings,
            ):
                await asyncio.gather(greeted(talking), greeted(connected))
                calls = {number: await id_of(running, number) for number in ("5001", "5002")}
                to = f"sip:t@127.0.0.1:{ports[0]}"
                await running.api("POST", f"/v1/calls/{calls['5002']}/transfer", to=to)
                placed = await running.api("POST", "/v1/calls", to=f"sip:u@127.0.0.1:{ports[1]}", trunk="main")
                calls["rings"] = str(placed["id"])
                await target.wait("called")
                await target.command("answer")
                await running.service.logged("call state", call=calls["5002"], state="transferred")
                await rings.wait("called")
                assert held(server) == 3
                began = time.monotonic()
                await asyncio.to_thread(own_asterisk.kill)
                async with asyncio.timeout(EXACT_S):
                    await all_free(server)
                log.warning("Asterisk killed and not started: slots exact after %.1f s", time.monotonic() - began)
                await ended_with_asterisk(running, calls)
                await hooks.until(lambda seen: len(ends_told(seen, set(calls.values()))) == 3)
                await asyncio.to_thread(own_asterisk.start_again)
                await running.asterisk_is(ready=True, seconds=20)
                async with running.caller("5003") as again:
                    await greeted(again)
                    call = await id_of(running, "5003")
                    await again.hang_up()
                    await running.ended(call)
                assert ends_told(hooks, set(calls.values())) == ["failed"] * 3, "each once"
                assert hooks.forged == []


async def ended_with_asterisk(running: Installation, calls: dict[str, str]) -> None:
    for call in calls.values():
        found = await running.ended(call)
        assert (found["outcome"], found["ended_by"]) == ("failed", "asterisk"), found
        assert found["detail"] == "Asterisk has ended, and the call with it"
        kept = await written_down(running, call)
        assert (kept["outcome"], kept["ended_by"]) == ("failed", "asterisk")
