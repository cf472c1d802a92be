"""What the agent and the caller can do with a call besides talking, and what a caller gets when there is no agent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from controller.api.server import ApiServer
from simulator.audio.sound import Samples, has_tone, is_tone, level, purity, tone
from simulator.phone.phone import Phone
from simulator.realtime import CallTool, Say, ToneModel
from tests.e2e.installation import shared
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers.asterisk import Asterisk

TARGET = "+4930555123"
MUSIC_HZ = 220  # one of the chord in asterisk/moh/hold.wav
SETTINGS: dict[str, Any] = {
    "trunk": {"timeout": 3},
    "agent": {"tools": ["transfer", "hold"], "dtmf": {"0": {"transfer": "6001@test-targets"}, "1": "hang_up"}},
}
MOMENT = Say("One moment.", 1.0, 700)


def is_music(samples: Samples) -> bool:
    return has_tone(samples, MUSIC_HZ) and not has_tone(samples, 880)


async def heard_reply(phone: Phone, seconds: float = REPLY.seconds) -> None:
    """The agent's reply, whole and with nothing else in it, whatever was heard right before."""
    await phone.rtp.hears(lambda samples: is_tone(samples, 880), timeout=15)
    await phone.rtp.quiet(0.5)
    spoken = phone.rtp.stretches()[-1].samples[-round((seconds - 0.06) * 8000) :]
    assert len(spoken) >= (seconds - 0.06) * 8000
    assert purity(spoken, 880) > 0.9


async def asks(phone: Phone) -> None:
    """The caller says something, and hears the agent's reply to its end."""
    phone.rtp.say(tone(0.6, 620))
    await phone.rtp.spoken()
    await heard_reply(phone)


async def test_a_transfer_by_the_agent_is_music_until_nobody_answers(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([GREETING, (MOMENT, CallTool("transfer", {"to": TARGET})), REPLY, REPLY])
    async with (
        shared(asterisk, tmp_path, model, **SETTINGS) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        phone.rtp.say(tone(0.6, 620))
        await target.wait("called", timeout=15)
        await phone.rtp.hears(is_music)
        await heard_reply(phone)
        await target.wait("cancelled")
        await asks(phone)
        call = await running.only_call()
        assert (call["state"], call["transfer"]["outcome"]) == ("talking", "no_answer")
        await phone.hang_up()
        await running.ended(call["id"])


async def test_hold_is_music_and_then_the_agent_goes_on(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([GREETING, (MOMENT, CallTool("hold", {"seconds": 5})), REPLY])
    async with shared(asterisk, tmp_path, model, **SETTINGS) as running, running.caller() as phone:
        await greeted(phone)
        phone.rtp.say(tone(0.6, 620))
        call = await running.call_id()
        await running.service.logged("call state", call=call, state="holding")
        await phone.rtp.hears(is_music)
        await running.service.logged("call state", call=call, state="talking", before="holding")
        await heard_reply(phone)
        await phone.hang_up()
        await running.ended(call)


@pytest.mark.parametrize("to", ["transfer", "hang_up"])
async def test_a_key_of_the_telephone(asterisk: Asterisk, tmp_path: Path, to: str) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING]), **SETTINGS) as running, running.caller() as phone:
        await greeted(phone)
        await phone.rtp.press("0" if to == "transfer" else "1")
        if to == "transfer":
            await phone.rtp.hears(lambda samples: is_tone(samples, 620))
            await phone.hang_up()
        else:
            await phone.wait("left")
        call = await running.ended(await running.call_id())
        assert call["ended_by"] == "caller"
        assert (call["transfer"] is not None) is (to == "transfer")


async def test_without_ai_the_caller_hears_an_apology(asterisk: Asterisk, tmp_path: Path) -> None:
    agent = {"on_ai_failure": [{"say": "voiceai/sorry"}, "hang_up"]}
    async with (
        shared(asterisk, tmp_path, ToneModel(), agent=agent, api_key="sk-wrong") as running,
        running.caller() as phone,
    ):
        await phone.answered()
        await phone.wait("left", timeout=30)
        spoken = sum(stretch.seconds for stretch in phone.rtp.stretches())
        assert 5 < spoken < 9
        assert max(level(stretch.samples) for stretch in phone.rtp.stretches()) > -40
        call = await running.ended(await running.call_id())
        assert (call["outcome"], call["ended_by"]) == ("failed", "system")


async def test_without_ai_somebody_else_takes_the_call(asterisk: Asterisk, tmp_path: Path) -> None:
    agent = {"on_ai_failure": [{"transfer": "6999@test-targets"}, {"transfer": "6001@test-targets"}]}
    async with (
        shared(asterisk, tmp_path, ToneModel(), agent=agent, api_key="sk-wrong") as running,
        running.caller() as phone,
    ):
        await phone.answered()
        await phone.rtp.hears(lambda samples: is_tone(samples, 620))
        await phone.hang_up()
        call = await running.ended(await running.call_id())
        assert (call["transfer"]["by"], call["transfer"]["state"]) == ("rescue", "answered")


@pytest_asyncio.fixture(loop_scope="session")
async def tool_server() -> AsyncIterator[tuple[int, list[str]]]:
    """A tool's server, and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        await asyncio.sleep(0)
        return web.json_response({"state": "sent on Monday"})

    app = web.Application()
    app.router.add_get("/orders/{order}", answer)
    async with ApiServer(app, "127.0.0.1", 0) as server:
        yield server.port, asked


async def test_a_tool_over_http(asterisk: Asterisk, tmp_path: Path, tool_server: tuple[int, list[str]]) -> None:
    port, asked = tool_server
    tools = {
        "order_status": {
            "description": "Looks an order up.",
            "url": f"http://127.0.0.1:{port}/orders/{{order}}",
            "allowed_hosts": ["127.0.0.1"],
            "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
        }
    }
    both = (
        CallTool("order_status", {"order": "4/2"}, call_id="call_1"),
        CallTool("order_status", {"order": 42}, call_id="call_2"),
    )
    model = ToneModel([GREETING, both, REPLY])
    async with (
        shared(asterisk, tmp_path, model, agent={"tools": ["order_status"]}, more={"http_tools": tools}) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        await asks(phone)
        assert asked == ["/orders/4%2F2"]
        await running.service.logged("tool ran", tool="order_status", ok=True)
        await running.service.logged("tool ran", tool="order_status", ok=False)
        await phone.hang_up()
        await running.ended(await running.call_id())
