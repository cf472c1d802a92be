"""Calls that are answered with a spoken greeting, several at a time, on one installation."""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.audio.sound import is_tone
from simulator.ports import free_port
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import SIP_ALLOWED, Installation
from tests.peers.greetings import Greeting

log = logging.getLogger(__name__)

GREETING = Say("Good day, this is the surgery.", 1.0, 440)
AGENT = {"greeting": GREETING.text, "turn_detection": {"type": "server_vad"}}
TRUNK = {"max_calls": 20, "calls_per_second": 20, **SIP_ALLOWED}
PATIENCE_S = 40.0


def model() -> ToneModel:
    """An agent that takes nobody for a machine."""
    return ToneModel(forever=GREETING)


@dataclass(frozen=True, slots=True)
class Answered:
    greeting: Greeting
    verdict: str
    """Of AMD(), where it was "machine": its cause."""
    outcome: str
    ended_by: str


async def answer_with(running: Installation, greeting: Greeting) -> Answered:
    """They speak, hear the agent out, and hang up."""
    port = free_port()
    samples = await greeting.samples()
    async with running.callee(port) as phone:
        placed = await running.api("POST", "/v1/calls", to=f"sip:callee@127.0.0.1:{port}", answer_detection=True)
        await phone.wait("called", timeout=PATIENCE_S)
        await phone.command("answer")
        await phone.wait("answered")
        phone.rtp.say(samples)
        greeted = phone.rtp.hears(lambda heard: is_tone(heard, GREETING.hz), seconds=0.8, timeout=PATIENCE_S)
        await asyncio.gather(greeted, phone.rtp.spoken())
        await phone.hang_up()
        ended = await running.ended(placed["id"])
    doubt = re.search(r"machine \((\w+)\)", str(ended["detail"]))
    return Answered(greeting, doubt[1] if doubt else "", ended["outcome"], ended["ended_by"])


async def answer_all(running: Installation, greetings: Sequence[Greeting], at_once: int) -> list[Answered]:
    """In the order of the greetings."""
    places = asyncio.Semaphore(at_once)

    async def one(greeting: Greeting) -> Answered:
        async with places:
            return await answer_with(running, greeting)

    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(one(each)) for each in greetings]
    found = [each.result() for each in calls]
    for each in found:
        log.info("%-9s %-16s %-9s %s", each.greeting.kind, each.verdict, each.outcome, each.greeting.text[:60])
    return found
