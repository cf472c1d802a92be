"""More callers than agents: the waiting queue with music and its order, another agent, the dialplan, busy. Look-ups."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from simulator.audio.sound import is_tone
from simulator.phone.phone import Phone, PhoneError
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation, shared
from tests.peers.asterisk import Asterisk
from tests.peers.http_server import http_server
from tests.peers.sipp import short_calls

GREETING = Say("Hello.", 1.0, 440)


def route(to: str, *overflow: Any, **keys: Any) -> dict[str, Any]:
    return {"to": to, "agent": "reception", "overflow": list(overflow), **keys}


IN_ORDER, ANNOUNCED, ELSEWHERE, BUSY = "5001", "5002", "5003", "5004"
ONE_AT_A_TIME: dict[str, Any] = {
    "agent": {"max_calls": 1},
    "routes": [
        route(IN_ORDER, {"wait": {"max_waiting": 2, "max_wait_s": 60, "announce_s": 5}}),
        route(ANNOUNCED, {"wait": {"max_wait_s": 13, "announce_s": 5}}),
        route(ELSEWHERE, {"context": "6001@test-targets"}),
        route(BUSY),
    ],
}


@asynccontextmanager
async def answered(phone: Phone) -> AsyncIterator[None]:
    """The next one calls only then: of two who call at once either may be first."""
    await phone.answered()
    yield


async def waits(running: Installation, nth: int) -> str:
    """The id of the nth caller who was put in line."""
    return str((await running.service.logged("call arrived", waits=True, nth=nth))["call"])


async def test_those_who_wait_are_served_in_order(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel(forever=GREETING), **ONE_AT_A_TIME) as running:
        async with (
            running.caller(IN_ORDER) as first,
            answered(first),
            running.caller(IN_ORDER) as second,
            answered(second),
            running.caller(IN_ORDER) as third,
        ):
            await first.rtp.hears(lambda heard: bool(len(heard)))
            one = await waits(running, 1)
            two = await waits(running, 2)
            await third.answered()
            for phone in (second, third):
                await phone.rtp.sound(timeout=10)  # music
            async with running.caller(IN_ORDER) as fourth:
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
    """Music again behind it: what is said ends, and took as long as words take."""
    async with (
        shared(asterisk, tmp_path, ToneModel(forever=GREETING), **ONE_AT_A_TIME) as running,
        running.caller(ANNOUNCED) as first,
        answered(first),
        running.caller(ANNOUNCED) as second,
    ):
        await second.answered()
        call = await waits(running, 1)
        said = await running.service.logged("sound for the caller", call=call)
        assert said["sounds"] == ["sound:queue-youarenext"]
        assert (await running.api("GET", f"/v1/calls/{call}"))["place"] == 1
        again = await running.service.logged("sound over", call=call)
        took = datetime.fromisoformat(again["timestamp"]) - datetime.fromisoformat(said["timestamp"])
        assert took.total_seconds() > 0.5, "Asterisk has no such sound"
        ended = await running.ended(call, timeout=15)
        assert ended["outcome"] == "no_room"
        await first.hang_up()


async def test_without_room_the_dialplan_goes_on(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel(forever=GREETING), **ONE_AT_A_TIME) as running,
        running.caller(ELSEWHERE) as first,
        answered(first),
        running.caller(ELSEWHERE) as second,
    ):
        await second.answered()
        await second.rtp.hears(lambda heard: is_tone(heard, 620))  # of 6001
        there = [line.split("!") for line in asterisk.rx("core show channels concise").splitlines() if "!" in line]
        assert [each[1:3] for each in there if each[1] == "test-targets"] == [["test-targets", "6001"]], there
        await running.service.logged("no room: the dialplan goes on", context="test-targets")
        assert len((await running.api("GET", "/v1/calls?state=active"))["calls"]) == 1
        await second.hang_up()
        await first.hang_up()


async def test_busy(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel(forever=GREETING), **ONE_AT_A_TIME) as running,
        running.caller(BUSY) as first,
    ):
        await first.answered()
        async with running.caller(BUSY) as second:
            with pytest.raises(PhoneError, match="486"):
                await second.answered()
        await first.hang_up()


@pytest.mark.parametrize("how", ["well", "slow", "broken"])
async def test_a_look_up_fills_the_prompt_and_never_keeps_a_caller_waiting(
    asterisk: Asterisk, tmp_path: Path, how: str
) -> None:
    async def customer(request: web.Request) -> web.Response:
        if how == "broken":
            raise web.HTTPInternalServerError(text="{")
        await asyncio.sleep(20 if how == "slow" else 0)
        return web.json_response({"customer": "Zoe", "nested": {"a": 1}})

    parameters = {"type": "object", "properties": {"caller": {"type": "string"}}, "required": ["caller"]}
    told = {"instructions": "You talk to {{ customer|default('nobody') }}.", "greeting": "Hello."}
    async with http_server(customer) as at:
        url = f"http://{at}/customers?number={{caller}}"
        tool = {"description": "Who calls.", "url": url, "parameters": parameters, "allowed_hosts": ["127.0.0.1"]}
        async with (
            installation(
                *(asterisk, tmp_path, ToneModel(forever=GREETING)),
                agent=told,
                routes=[route("*", lookup="who", lookup_s=0.5)],
                more={"http_tools": {"who": tool}},
            ) as running,
            running.caller() as phone,
        ):
            await phone.answered()
            session = await running.realtime.session()
            name = "Zoe" if how == "well" else "nobody"
            looked_up = await running.service.logged("looked up")
            assert looked_up["ms"] < 5000, "the tool would have taken 20 seconds, and may take half a one"
            assert session.config["instructions"] == f"You talk to {name}."
            await phone.hang_up()


async def test_a_burst_over_the_calls_per_second(asterisk: Asterisk, tmp_path: Path) -> None:
    """Whoever is too many hears busy, and no two calls begin within a second."""
    async with (
        installation(
            asterisk, tmp_path, ToneModel(forever=GREETING), more={"limits": {"calls_per_second": 1}}
        ) as running,
        running.caller() as one,
        running.caller() as two,
        running.caller() as three,
    ):
        phones = (one, two, three)
        found = await asyncio.gather(*(phone.answered() for phone in phones), return_exceptions=True)
        refused = [str(each) for each in found if isinstance(each, PhoneError)]
        assert refused, "three calls at once"
        assert all("486" in each for each in refused)
        arrived = [line for line in running.service.lines if line["event"] == "call arrived"]
        assert len(arrived) == 3 - len(refused) >= 1
        moments = [datetime.fromisoformat(line["timestamp"]) for line in arrived]
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
        assert all(gap > 0.9 for gap in gaps), gaps
        for phone, answer in zip(phones, found, strict=True):
            if not isinstance(answer, BaseException):
                await phone.hang_up()


async def test_a_route_by_time(asterisk: Asterisk, tmp_path: Path) -> None:
    tomorrow = f"{datetime.now(UTC) + timedelta(days=2):%a}".lower()
    hours = [{"time_zone": "UTC", "windows": [f"{days} 00:00-24:00"]} for days in (tomorrow, "mon-sun")]
    by_time = [{"to": "*", "agent": "reception", "hours": hours[0]}, {"to": "*", "agent": "night", "hours": hours[1]}]
    agents = {name: {"instructions": f"The {name}.", "greeting": "Hello."} for name in ("reception", "night")}
    async with (
        installation(
            asterisk, tmp_path, ToneModel(forever=GREETING), routes=by_time, more={"agents": agents}
        ) as running,
        running.caller() as phone,
    ):
        await phone.answered()
        assert (await running.only_call())["agent"] == "night"
        assert (await running.realtime.session()).config["instructions"] == "The night."
        await phone.hang_up()


async def test_a_storm_runs_over_into_the_dialplan(asterisk: Asterisk, tmp_path: Path) -> None:
    """Thirty calls in two seconds for five places: all are answered, by an agent or by the dialplan."""
    calls, places = 30, 5
    keys: dict[str, Any] = {"agent": {"max_calls": places}, "routes": [route("*", {"context": "6001@test-targets"})]}
    async with installation(asterisk, tmp_path, ToneModel(forever=GREETING), **keys) as running:
        async with short_calls(running.sip, tmp_path, calls, 15, 40.0) as placed:
            pass
        assert (placed.done, placed.failed) == (calls, 0)
        await running.nothing_left()
        lines = running.service.lines
        served = [line for line in lines if line["event"] == "call arrived"]
        sent_on = [line for line in lines if line["event"] == "no room: the dialplan goes on"]
        assert len(served) + len(sent_on) == calls
        assert len(served) >= places
        assert sent_on, "more than five at a time"
        up = most = 0
        for line in lines:
            up += {"call arrived": 1, "call ended": -1}.get(str(line["event"]), 0)
            most = max(most, up)
        assert most == places
