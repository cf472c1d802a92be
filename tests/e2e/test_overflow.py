"""More callers than agents: the line with music and its order, another agent, the dialplan, busy. And look-ups."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from demo.phone import PhoneError
from demo.realtime import Say, ToneBrain
from tests.e2e.conftest import Asterisk
from tests.e2e.house import House, house

GREETING = Say("Hello.", 1.0, 440)
ONE_AT_A_TIME = {"max_calls": 1}


def routes(*overflow: Any, **keys: Any) -> list[dict[str, Any]]:
    return [{"to": "*", "agent": "reception", "overflow": list(overflow), **keys}]


async def waits(running: House, nth: int) -> str:
    """The id of the nth caller who was put in line."""
    return str((await running.service.logged("call arrived", waits=True, nth=nth))["call"])


async def test_those_who_wait_are_served_in_order(asterisk: Asterisk, tmp_path: Path) -> None:
    line = {"wait": {"max_waiting": 2, "max_wait_s": 60, "announce_s": 5}}
    brain = ToneBrain(forever=GREETING)
    async with house(asterisk, tmp_path, brain, agent=ONE_AT_A_TIME, routes=routes(line)) as running:
        async with running.caller() as first, running.caller() as second, running.caller() as third:
            await first.answered()
            await first.rtp.hears(lambda heard: bool(len(heard)))
            one = await waits(running, 1)
            two = await waits(running, 2)
            for phone in (second, third):
                await phone.answered()
                await phone.rtp.sound(timeout=10)  # music
            async with running.caller() as fourth:
                with pytest.raises(PhoneError, match="486"):
                    await fourth.answered()
            await first.hang_up()
            assert (await running.service.logged("call state", before="waiting", state="ringing"))["call"] == one
            await running.service.logged("call state", call=one, state="talking")
            assert (await running.api("GET", f"/v1/calls/{two}"))["state"] == "waiting"
            await second.hang_up()
            await running.service.logged("call state", call=two, state="talking")
            await third.hang_up()
        await running.nothing_left()


async def test_the_place_in_the_line_is_said(asterisk: Asterisk, tmp_path: Path) -> None:
    line = {"wait": {"max_wait_s": 8, "announce_s": 5}}
    async with (
        house(asterisk, tmp_path, ToneBrain(forever=GREETING), agent=ONE_AT_A_TIME, routes=routes(line)) as running,
        running.caller() as first,
        running.caller() as second,
    ):
        await first.answered()
        await second.answered()
        call = await waits(running, 1)
        ended = await running.ended(call, timeout=15)
        assert ended["outcome"] == "no_room"
        await first.hang_up()


async def test_without_room_the_dialplan_goes_on(asterisk: Asterisk, tmp_path: Path) -> None:
    steps = ({"context": "6001@test-targets"},)
    async with (
        house(asterisk, tmp_path, ToneBrain(forever=GREETING), agent=ONE_AT_A_TIME, routes=routes(*steps)) as running,
        running.caller() as first,
        running.caller() as second,
    ):
        await first.answered()
        await second.answered()
        await running.service.logged("no room: the dialplan goes on")
        await second.hang_up()
        await first.hang_up()


async def test_busy(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        house(asterisk, tmp_path, ToneBrain(forever=GREETING), agent=ONE_AT_A_TIME) as running,
        running.caller() as first,
    ):
        await first.answered()
        async with running.caller() as second:
            with pytest.raises(PhoneError, match="486"):
                await second.answered()
        await first.hang_up()


@pytest.mark.parametrize("slow", [False, True])
async def test_a_look_up_fills_the_prompt_and_never_keeps_a_caller_waiting(
    asterisk: Asterisk, tmp_path: Path, slow: bool
) -> None:
    async def customer(request: web.Request) -> web.Response:
        await asyncio.sleep(20 if slow else 0)
        return web.json_response({"customer": "Zoe", "nested": {"a": 1}})

    app = web.Application()
    app.router.add_get("/customers", customer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"{site.name}/customers?number={{caller}}"
    parameters = {
        "type": "object",
        "properties": {"caller": {"type": "string"}},
        "required": ["caller"],
    }
    tool = {"description": "Who calls.", "url": url, "parameters": parameters, "allowed_hosts": ["127.0.0.1"]}
    told = {"instructions": "You talk to {{ customer|default('nobody') }}.", "greeting": "Hello."}
    try:
        async with (
            house(
                *(asterisk, tmp_path, ToneBrain(forever=GREETING)),
                agent=told,
                routes=routes(lookup="who", lookup_s=0.5),
                more={"http_tools": {"who": tool}},
            ) as running,
            running.caller() as phone,
        ):
            await phone.answered()
            session = await running.stand_in.session()
            name = "nobody" if slow else "Zoe"
            assert session.config["instructions"] == f"You talk to {name}."
            await phone.hang_up()
    finally:
        await runner.cleanup()
