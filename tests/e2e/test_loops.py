"""Calls that are sent back to us end after a few hops, two agents do not talk, and a transferred call ends."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from simulator.audio.sound import has_tone
from simulator.realtime import Reply, Say, ToneModel, Turn
from tests.e2e.installation import caller_heard, installation
from tests.e2e.test_hostile_callers import raw_caller
from tests.e2e.test_inbound import GREETING, greeted
from tests.peers.asterisk import Asterisk

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
        installation(asterisk, tmp_path, ToneModel([GREETING]), trunk=OURSELVES, api_key="sk-wrong", **keys) as running,
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
    async with installation(
        asterisk, tmp_path, lambda: ToneModel([GREETING]), trunk=OURSELVES, more={"transfer": transfer}
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


ONE_CALL = {"max_calls": 1}


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "after a wait"])
async def test_who_is_sent_into_a_dialplan_that_leads_back_is_not_sent_for_ever(
    asterisk: Asterisk, tmp_path: Path, waits: bool
) -> None:
    back = {"context": "5001@from-trunk"}
    steps = [{"wait": {"max_wait_s": 1}}, back] if waits else [back]
    more = {"transfer": {"contexts": {"from-trunk": {"extensions": ["5001"]}}}}
    routes = [{"to": "*", "agent": "reception", "overflow": steps}]
    async with (
        installation(asterisk, tmp_path, ToneModel([GREETING]), agent=ONE_CALL, routes=routes, more=more) as running,
        running.caller("5001") as first,
    ):
        await greeted(first)
        async with running.caller("5001") as second:
            await second.wait("left", "refused", timeout=30)
            await asyncio.sleep(0.5)
            lines = [str(line["event"]) for line in running.service.lines]
            if waits:
                calls = (await running.api("GET", "/v1/calls"))["calls"]
                circle = [each for each in calls if "circle" in (each["detail"] or "")]
                assert (len(calls), len(circle)) == (6, 1)
            else:
                assert lines.count("no room: the dialplan goes on") == 4
        await first.hang_up()
        await running.ended(await running.call_id())


async def test_the_header_of_a_caller_is_data(asterisk: Asterisk, tmp_path: Path) -> None:
    """Asterisk evaluates the expression that reads it, and not what it reads."""
    async with installation(asterisk, tmp_path, ToneModel([GREETING])) as running, raw_caller(asterisk.sip_port) as raw:
        for number, text in enumerate((b"${LEN(123456789)}", b"${EVAL(9)}|9", b"9|9", b"9" * 3000, b"\xff;agent")):
            raw.headers = (b"X-Voiceai-Hops: " + text,)
            call = uuid4().hex
            raw.send("INVITE", "5001", b'"Bob"', call)
            answer = await raw.final(call)
            assert answer.startswith(b"SIP/2.0 200"), (text, answer[:60])
            tag = re.search(rb"\r\nTo: [^\r]*(;tag=[^\r;]+)", answer)
            assert tag is not None
            raw.send("ACK", "5001", b'"Bob"', call, tag[1].decode())
            raw.send("BYE", "5001", b'"Bob"', call, tag[1].decode())
            ours = str((await running.service.logged("call arrived", nth=number + 1))["call"])
            assert (await running.ended(ours))["outcome"] == "answered"


@asynccontextmanager
async def exchange(asterisk: Asterisk, shows: str = "${CALLERID(num)}") -> AsyncIterator[None]:
    """A dialplan that answers first, and then dials us anew, without what a channel of ours carries. `shows`: as whom
    it calls, which is as a rule the one who has called it."""
    back = f"Dial(PJSIP/trunk/sip:5001@127.0.0.1:{asterisk.sip_port})"
    for number, does in enumerate(("Answer()", "Wait(0.3)", f"Set(CALLERID(num)={shows})", back), 1):
        asterisk.rx(f"dialplan add extension 7001,{number},{does} into test-targets")
    try:
        yield
    finally:
        asterisk.rx("dialplan remove extension 7001@test-targets")


async def test_an_agent_is_known_behind_an_exchange_that_answers_first(asterisk: Asterisk, tmp_path: Path) -> None:
    line = {**OURSELVES, "endpoint": "Local/{number}@test-targets"}
    async with (
        exchange(asterisk, "+493055501"),
        installation(asterisk, tmp_path, lambda: ToneModel([GREETING]), trunk=line) as running,
    ):
        placed = await running.api("POST", "/v1/calls", to="7001")
        refused = await running.call_id()
        assert "two agents" in (await running.ended(refused))["detail"]
        await running.ended(placed["id"], timeout=20)


class Talker:
    """Says its phrases in turn, and understands those of the other by their tone."""

    WORDS: ClassVar[dict[int, str]] = {
        440: "Hello, this is the reception of Miller and Sons.",
        560: "Could you please tell me your customer number?",
        700: "Good day, I am calling on behalf of the clinic.",
        900: "May I ask whether Tuesday at nine would suit you?",
    }

    def __init__(self, *tones: int) -> None:
        self._tones = cycle(tones)

    async def hear(self, pcm: bytes) -> str:
        heard = caller_heard(pcm)
        return next((text for hz, text in self.WORDS.items() if has_tone(heard, hz, 0.2)), "some noise")

    async def reply(self, _: Turn) -> Reply:
        hz = next(self._tones)
        return (Say(self.WORDS[hz], 1.2, hz),)


async def test_two_agents_whom_no_number_betrays_are_known_by_their_words(asterisk: Asterisk, tmp_path: Path) -> None:
    line = {**OURSELVES, "endpoint": "Local/{number}@test-targets"}
    talkers = cycle([Talker(440, 560), Talker(700, 900)])
    async with (
        exchange(asterisk, "+49301"),
        installation(asterisk, tmp_path, lambda: next(talkers), trunk=line) as running,
    ):
        placed = await running.api("POST", "/v1/calls", to="7001")
        other = await running.call_id()
        for call in (placed["id"], other):
            ended = await running.ended(call, timeout=40)
            assert (ended["ended_by"], ended["detail"]) == ("system", "Two agents of voiceai talk with each other.")


async def test_a_circle_over_an_exchange_that_answers_first_ends(asterisk: Asterisk, tmp_path: Path) -> None:
    keys: dict[str, Any] = {
        "agent": {"on_ai_failure": [{"transfer": "7001@test-targets"}, "hang_up"]},
        "more": {"transfer": {"contexts": {"test-targets": {"extensions": ["7001"]}}}},
    }
    async with (
        exchange(asterisk),
        installation(asterisk, tmp_path, ToneModel([GREETING]), trunk=OURSELVES, api_key="sk-wrong", **keys) as running,
        running.caller("5001") as phone,
    ):
        await phone.wait("left", timeout=20)
        calls = (await running.api("GET", "/v1/calls"))["calls"]
        assert len(calls) == 5
        assert sum("circle" in (each["detail"] or "") for each in calls) == 1
