"""Each kind of transfer against all that a target and a caller can do, at random moments, several calls at a time.

Two of REFER's are in `test_refer`: a carrier that never says what became of it, and a caller who leaves meanwhile. Who
answers an attended transfer and does not take the call, or takes it by voice or API, is in `test_attended`.
"""

import asyncio
import random
from pathlib import Path

from simulator.audio.sound import is_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime import ToneModel
from tests.e2e.installation import SIP_ALLOWED, Installation, shared
from tests.e2e.test_call_control import asks
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers import sip as telephones
from tests.peers.asterisk import Asterisk, free_udp_port

SEED = 20261123
RING = 2.0
ENDS = {"busy": "busy", "declines": "declined", "never answers": "no_answer", "gives up": "no_answer"}
"""What the target does, and the outcome of the transfer; the caller is back with the agent."""


def target(running: Installation, port: int, does: str, after: float) -> Phone:
    match does:
        case "busy" | "declines":
            status = "486 Busy Here" if does == "busy" else "603 Decline"
            return telephones.refusing_late(running.sip, running.folder, port, status, 0.0)
        case "gives up":
            return telephones.refusing_late(running.sip, running.folder, port, "480 Temporarily Unavailable", after)
    return running.callee(port)


async def id_of(running: Installation, number: str) -> str:
    calls = (await running.api("GET", "/v1/calls?state=active"))["calls"]
    return str(next(each["id"] for each in calls if each["callee"] == number))


async def has_the_agent_again(running: Installation, kind: str, phone: Phone, call: str, outcome: str) -> None:
    before = "referring" if kind == "refer" else "transferring"
    await running.service.logged("call state", call=call, state="talking", before=before, timeout=20)
    shown = await running.api("GET", f"/v1/calls/{call}")
    assert (shown["state"], shown["transfer"]["outcome"]) == ("talking", outcome)
    await phone.rtp.quiet(0.6, timeout=20)
    await asks(phone)
    await phone.hang_up()
    await running.ended(call)


async def they_hear_each_other(phone: Phone, other: Phone) -> None:
    """At the same time, for as long as it may take: the two directions need not open together."""
    other.rtp.say(tone(12.0, 1100))
    phone.rtp.say(tone(12.0, 620))
    await asyncio.gather(
        phone.rtp.hears(lambda samples: is_tone(samples, 1100), timeout=12),
        other.rtp.hears(lambda samples: is_tone(samples, 620), timeout=12),
    )


async def one(running: Installation, kind: str, number: str, does: str, chance: random.Random) -> None:
    """A call from its greeting to its end. `chance` says when things happen."""
    before, after, port = chance.uniform(0, 1.0), chance.uniform(0.1, RING - 0.8), free_udp_port()
    async with target(running, port, does, after) as other, running.caller(number, codec="PCMA") as phone:
        await greeted(phone)
        call = await id_of(running, number)
        await asyncio.sleep(before)
        to = f"99{port}@test-targets" if kind == "dialplan" else f"sip:t@127.0.0.1:{port}"
        how = "blind" if kind == "dialplan" else kind
        await running.api("POST", f"/v1/calls/{call}/transfer", to=to, kind=how, timeout=RING)
        if does in ENDS:
            await has_the_agent_again(running, kind, phone, call, ENDS[does])
            return
        await other.wait("called")
        await asyncio.sleep(after)
        if does == "the caller leaves":
            await phone.hang_up()
            await other.wait("cancelled")
        else:
            await other.command("answer")
            await other.answered()
            if kind == "attended":
                await other.rtp.hears(lambda samples: is_tone(samples, 880), timeout=15)
                accepted = f"/v1/calls/{call}/transfer/decision"
                await (other.rtp.press("1") if chance.random() < 0.5 else running.api("POST", accepted, accept=True))
            await running.service.logged("call state", call=call, state="transferred", timeout=20)
            await they_hear_each_other(phone, other)
            await other.hang_up()
            await phone.wait("left")
        await running.ended(call)


async def all_of(asterisk: Asterisk, folder: Path, kind: str) -> None:
    chance = random.Random(f"{SEED} {kind}")
    async with (
        shared(asterisk, folder, lambda: ToneModel([GREETING], forever=REPLY), trunk=SIP_ALLOWED) as running,
        asyncio.TaskGroup() as calls,
    ):
        for number, does in enumerate([*ENDS, "answers", "the caller leaves"], 6100):
            calls.create_task(one(running, kind, str(number), does, random.Random(chance.random())), name=does)


async def test_blind(asterisk: Asterisk, tmp_path: Path) -> None:
    await all_of(asterisk, tmp_path, "blind")


async def test_blind_by_the_dialplan(asterisk: Asterisk, tmp_path: Path) -> None:
    await all_of(asterisk, tmp_path, "dialplan")


async def test_attended(asterisk: Asterisk, tmp_path: Path) -> None:
    await all_of(asterisk, tmp_path, "attended")


async def participant_is(running: Installation, call: str, state: str) -> None:
    async with asyncio.timeout(15):
        while (seen := (await running.api("GET", f"/v1/calls/{call}"))["participants"][0]["state"]) != state:
            assert seen in ("ringing", "joined")
            await asyncio.sleep(0.05)


async def asked_in(running: Installation, number: str, does: str, chance: random.Random) -> None:
    """Whatever becomes of who is called to join, the caller has the agent."""
    before, after, port = chance.uniform(0, 1.0), chance.uniform(0.1, RING - 0.8), free_udp_port()
    async with target(running, port, does, after) as other, running.caller(number, codec="PCMA") as phone:
        await greeted(phone)
        call = await id_of(running, number)
        await asyncio.sleep(before)
        await running.api("POST", f"/v1/calls/{call}/participants", to=f"sip:t@127.0.0.1:{port}")
        if does not in ENDS:
            await other.wait("called")
            await asyncio.sleep(after)
        if does == "answers":
            await other.command("answer")
            await other.answered()
            other.rtp.say(tone(1.0, 1100))
            await phone.rtp.hears(lambda samples: is_tone(samples, 1100))
            await phone.rtp.quiet(0.6, timeout=20)
            await other.hang_up()
        if does != "the caller leaves":
            await participant_is(running, call, "left" if does == "answers" else "failed")
            await asks(phone)
        await phone.hang_up()
        await other.wait("cancelled" if does in ("the caller leaves", "never answers") else "refused", "hung up")
        (shown,) = (await running.ended(call))["participants"]
        assert shown["outcome"] == {"answers": "answered", "the caller leaves": "cancelled"}.get(does) or ENDS[does]


async def test_participants(asterisk: Asterisk, tmp_path: Path) -> None:
    chance, trunk = random.Random(f"{SEED} participants"), SIP_ALLOWED | {"timeout": int(RING)}
    async with (
        shared(asterisk, tmp_path, lambda: ToneModel([GREETING], forever=REPLY), trunk=trunk) as running,
        asyncio.TaskGroup() as calls,
    ):
        for number, does in enumerate([*ENDS, "answers", "the caller leaves"], 6600):
            calls.create_task(asked_in(running, str(number), does, random.Random(chance.random())), name=does)


REFERRED = {"answers": "200 OK", "busy": "486 Busy Here", "declines": "603 Decline", "gives up": "480 Gone"}


async def referred(running: Installation, number: str, does: str, chance: random.Random) -> None:
    before, after = chance.uniform(0, 1.0), chance.uniform(0.0, 1.2)
    async with telephones.referred(running.sip, running.folder, REFERRED[does], number) as phone:
        await greeted(phone)
        call = await id_of(running, number)
        await asyncio.sleep(before)
        await running.api("POST", f"/v1/calls/{call}/transfer", to="+4930555123", kind="refer", timeout=RING)
        await phone.wait("referred")
        await asyncio.sleep(after)
        await phone.command("say it")
        if does in ENDS:
            await has_the_agent_again(running, "refer", phone, call, ENDS[does])
            return
        await phone.wait("left")
        assert (await running.ended(call))["transfer"]["outcome"] == "answered"


async def test_refer(asterisk: Asterisk, tmp_path: Path) -> None:
    chance = random.Random(f"{SEED} refer")
    trunk = {"refer": "sip:{number}@carrier.example"}
    async with (
        shared(asterisk, tmp_path, lambda: ToneModel([GREETING], forever=REPLY), trunk=trunk) as running,
        asyncio.TaskGroup() as calls,
    ):
        for number, does in enumerate(REFERRED, 6200):
            calls.create_task(referred(running, str(number), does, random.Random(chance.random())), name=does)
