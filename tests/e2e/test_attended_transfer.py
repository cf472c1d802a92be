"""Attended transfers on a real Asterisk: who hears whom at each moment, and where the caller ends in every case.

All cases of a kind at once, each a call of its own; when somebody decides is left to chance.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from simulator.audio.sound import is_tone, tone
from simulator.phone.phone import Phone
from simulator.phone.rtp import Codec
from simulator.realtime import CallTool, Reply, Say, Turn
from tests.e2e.installation import SIP_ALLOWED, Installation, shared
from tests.e2e.test_call_control import asks, heard_reply, is_music
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers.asterisk import Asterisk, free_udp_port

SEED = 20261123
ANNOUNCED = Say("A caller about an order.", 1.0, 500)
THANKS = Say("Thanks.", 0.5, 500)
ACCEPT, REFUSE = (THANKS, CallTool("accept_transfer", {})), (CallTool("refuse_transfer", {}),)
OUTCOMES = {
    "voice": "declined",
    "key": "declined",
    "api": "declined",
    "hangs up": "declined",
    "too late": "no_answer",
    "cancelled": "cancelled",
}
"""What ends the consultation, and the outcome of the transfer; the caller is back with the agent."""


class Consultant:
    """Greets and answers a caller; tells a target who calls, and decides as told once that has said something."""

    def __init__(self, decision: Reply) -> None:
        self._decision = decision
        self._briefed = False

    async def hear(self, pcm: bytes) -> str:
        return "some words"

    async def reply(self, turn: Turn) -> Reply:
        if "accept_transfer" not in turn.tools:
            return (REPLY if turn.number else GREETING,)
        first, self._briefed = not self._briefed, True
        return (ANNOUNCED,) if first else self._decision


@asynccontextmanager
async def consulting(
    running: Installation, number: str, how: str, codec: Codec = "PCMU"
) -> AsyncIterator[tuple[str, Phone, Phone]]:
    """The call, the caller's telephone, and the target's, which has just heard the agent. Ends with the call."""
    port = free_udp_port()
    async with running.callee(port, codec) as target, running.caller(number) as phone:
        await greeted(phone)
        calls = (await running.api("GET", "/v1/calls?state=active"))["calls"]
        call = str(next(each["id"] for each in calls if each["callee"] == number))
        more = {"to": f"sip:t@127.0.0.1:{port}", "kind": "attended", "decide_timeout": 5 if how == "too late" else 30}
        await running.api("POST", f"/v1/calls/{call}/transfer", **more)
        await target.wait("called")
        await phone.rtp.hears(is_music)
        await target.command("answer")
        await target.answered()
        await target.rtp.hears(lambda samples: is_tone(samples, 500))
        await phone.rtp.hears(is_music)
        if how == "voice":
            await target.rtp.quiet(0.3)
        else:
            await asyncio.sleep(random.Random(f"{SEED} {how}").uniform(0.0, 1.2))
        yield call, phone, target
        await running.ended(call)


async def decides(running: Installation, call: str, target: Phone, how: str, accept: bool) -> None:
    match how:
        case "voice":
            target.rtp.say(tone(0.6, 620))
        case "key":
            await target.rtp.press("1" if accept else "2")
        case "api":
            await running.api("POST", f"/v1/calls/{call}/transfer/decision", accept=accept)
        case "hangs up":
            await target.hang_up()
        case "cancelled":
            await running.api("DELETE", f"/v1/calls/{call}/transfer")


async def takes_it(running: Installation, number: str, how: str) -> None:
    async with consulting(running, number, how) as (call, phone, target):
        await decides(running, call, target, how, accept=True)
        await running.service.logged("call state", call=call, state="transferred", timeout=15)
        phone.rtp.say(tone(2.0, 620))
        target.rtp.say(tone(2.0, 1100))
        await target.rtp.hears(lambda samples: is_tone(samples, 620))
        await phone.rtp.hears(lambda samples: is_tone(samples, 1100))
        await phone.hang_up()
        await target.wait("left")
    shown = await running.api("GET", f"/v1/calls/{call}")
    assert shown["transfer"]["outcome"] == "answered"
    said = [(each["who"], each["consultation"]) for each in shown["transcript"]]
    assert said[:2] == [("agent", False), ("agent", True)]
    assert (("target", True) in said) is (how == "voice")
    assert "caller" not in [who for who, _ in said]


async def does_not(running: Installation, number: str, how: str) -> None:
    async with consulting(running, number, how) as (call, phone, target):
        await decides(running, call, target, how, accept=False)
        await heard_reply(phone)
        if how != "hangs up":
            await target.wait("left")
        await asks(phone)
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert (shown["state"], shown["transfer"]["outcome"]) == ("talking", OUTCOMES[how])
        await phone.hang_up()


async def the_caller_leaves(running: Installation, number: str) -> None:
    async with consulting(running, number, "the caller leaves") as (_, phone, target):
        await phone.hang_up()
        await target.wait("left")


async def test_the_target_hears_the_agent_accepts_and_gets_the_caller(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, lambda: Consultant(ACCEPT), trunk=SIP_ALLOWED) as running,
        asyncio.TaskGroup() as calls,
    ):
        for number, how in enumerate(["voice", "key", "api"], 6400):
            calls.create_task(takes_it(running, str(number), how), name=how)
        calls.create_task(the_caller_leaves(running, "6410"), name="the caller leaves")


async def test_the_target_does_not_take_the_call_and_the_agent_has_the_caller_back(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    async with (
        shared(asterisk, tmp_path, lambda: Consultant(REFUSE), trunk=SIP_ALLOWED) as running,
        asyncio.TaskGroup() as calls,
    ):
        for number, how in enumerate(OUTCOMES, 6500):
            calls.create_task(does_not(running, str(number), how), name=how)
