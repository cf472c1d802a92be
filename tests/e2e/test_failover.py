"""A worker is killed, or stands still: its calls go on with another one, and callers of the others notice nothing.

Figures (the gap that the caller had) are logged: `pytest --log-cli-level=INFO`.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from simulator.audio.sound import Frame, is_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime import Say, ToneModel
from simulator.realtime.reply import Part
from tests.e2e.installation import Installation, installation
from tests.e2e.test_ai_lost import assert_frames_kept_flowing, items
from tests.e2e.test_greeting import CONSENT, GREETING as FIRST, LOST, Reader, longest
from tests.e2e.test_inbound import greeted
from tests.peers.asterisk import Asterisk

log = logging.getLogger(__name__)

GREETING, REPLY = Say("Hello, this is the reception.", 1.0, 440), Say("Indeed.", 1.2, 880)
BACK = Say("As I said.", 1.0, 1000)
COMFORT_HZ = (523, 659)
TWO = {"workers": 2, "ports": "19140-19179"}


def models(*scripts: Sequence[Part]) -> Callable[[], ToneModel]:
    """One for each session, in the order in which they open; `BACK` and replies for the sessions that take over."""
    each = chain(scripts, repeat((BACK,)))
    return lambda: ToneModel(next(each), forever=REPLY)


async def worker_of(running: Installation, call: str) -> tuple[str, int]:
    """The latest worker of this call, and its process."""
    await running.service.logged("session asked for", call=call)
    asked = [line for line in running.service.lines if line["event"] == "session asked for" and line["call"] == call]
    name = asked[-1]["worker"]
    started = [line for line in running.service.lines if line["event"] == "worker started" and line["worker"] == name]
    return name, int(started[-1]["pid"])


async def is_answered(phone: Phone) -> None:
    phone.rtp.say(tone(0.6, 620))
    end = await phone.rtp.spoken()
    await phone.rtp.sound(after=end)
    await phone.rtp.hears(lambda samples: is_tone(samples, REPLY.hz))
    await phone.rtp.quiet(0.4)


def gap(heard: Sequence[Frame], since: float) -> float:
    """The longest between two packets, in seconds."""
    later = [frame.at for frame in heard if frame.at >= since]
    return max(after - before for before, after in zip(later, later[1:], strict=False))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_a_call_goes_on_with_another_worker(asterisk: Asterisk, tmp_path: Path, how: signal.Signals) -> None:
    both = (GREETING,)
    async with (
        installation(asterisk, tmp_path, models(both, both), bridge=TWO, agent={"greeting": GREETING.text}) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        async with running.caller() as other:
            await greeted(other)
            await is_answered(phone)
            name, pid = await worker_of(running, call)
            others = [line["call"] for line in running.service.lines if line["event"] == "call arrived"]
            assert (await worker_of(running, others[1]))[0] != name
            lost_at = phone.rtp.heard[-1].at
            os.kill(pid, how)
            back = await phone.rtp.hears(lambda samples: is_tone(samples, BACK.hz))
            log.info("%s: agent after %.2f s", how.name, back - lost_at)
            await phone.rtp.quiet(0.4)
            session = await running.realtime.session(2)
            told = items(session)
            assert told[:3] == [("assistant", GREETING.text), ("user", "utterance 1"), ("assistant", REPLY.text)]
            assert told[3][0] == "system"
            assert "Do not greet again" in told[3][1]
            (asked,) = session.client_events("response.create")
            assert "instructions" not in asked.get("response", {})
            await is_answered(phone)
            await is_answered(other)
            log.info("the other caller's longest gap: %.0f ms", gap(other.rtp.heard, lost_at) * 1000)
            assert_frames_kept_flowing(other)
            assert not session.refused
            await other.hang_up()
        await running.service.logged("worker registered", nth=3)
        await phone.hang_up()
        ended = await running.ended(call)
        assert (ended["outcome"], ended["ended_by"]) == ("answered", "caller")
        assert [said["who"] for said in ended["transcript"]] == ["agent", "caller", "agent", "agent", "caller", "agent"]


@pytest.mark.parametrize(("recorded", "at"), [(False, 0.8), (True, 0.5), (True, 1.5)])
async def test_first_words_that_a_lost_worker_was_saying_are_said_in_full_by_the_next_one(
    asterisk: Asterisk, tmp_path: Path, recorded: bool, at: float
) -> None:
    """`at`: seconds since the caller heard something: in the greeting, in the consent, in the greeting after it."""
    agent: dict[str, Any] = {"greeting": FIRST.text}
    if recorded:
        agent["recording"] = {"path": str(tmp_path / "calls"), "consent": CONSENT.text}
    async with installation(asterisk, tmp_path, Reader, agent=agent, bridge=TWO) as running, running.caller() as phone:
        await phone.answered()
        await phone.rtp.sound()
        await asyncio.sleep(at)
        call = await running.call_id()
        os.kill((await worker_of(running, call))[1], signal.SIGKILL)
        await running.service.logged("session ready", call=call, nth=2)
        await phone.rtp.hears(lambda samples: is_tone(samples, FIRST.hz))
        await phone.rtp.quiet(1.0)
        assert longest(phone, FIRST.hz) >= FIRST.seconds - LOST
        assert not recorded or longest(phone, CONSENT.hz) >= CONSENT.seconds - LOST
        await phone.hang_up()
        await running.ended(call)


async def test_the_only_worker_is_killed_and_the_next_one_takes_over(asterisk: Asterisk, tmp_path: Path) -> None:
    """And that one is killed as well. Nobody else has room: the supervisor starts another, which is waited for."""
    agent = {"greeting": GREETING.text}
    async with (
        installation(asterisk, tmp_path, models((GREETING,)), bridge={"workers": 1}, agent=agent) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        for number in (1, 2):
            _, pid = await worker_of(running, call)
            lost_at = phone.rtp.heard[-1].at
            os.kill(pid, signal.SIGKILL)
            await phone.rtp.hears(lambda samples: any(is_tone(samples, hz) for hz in COMFORT_HZ), seconds=0.12)
            await running.realtime.session(number)
            back = await phone.rtp.hears(lambda samples: is_tone(samples, BACK.hz))
            log.info("restarted: agent after %.2f s", back - lost_at)
            await phone.rtp.quiet(0.4)
            await is_answered(phone)
        await phone.hang_up()
        await running.ended(call)


async def test_the_caller_leaves_while_no_worker_is_there(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        installation(asterisk, tmp_path, models((GREETING,)), bridge={"workers": 1}) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        _, pid = await worker_of(running, call)
        os.kill(pid, signal.SIGKILL)
        await running.service.logged("call state", call=call, state="failover")
        await phone.hang_up()
        assert (await running.ended(call))["ended_by"] == "caller"


async def test_all_workers_are_replaced_while_somebody_talks(asterisk: Asterisk, tmp_path: Path) -> None:
    """One after the other; the call is taken over by the next as often as its worker is replaced."""
    more = {"shutdown": {"drain_s": 0, "worker_drain_s": 0.2}}
    agent = {"greeting": GREETING.text}
    async with (
        installation(asterisk, tmp_path, models((GREETING,)), bridge=TWO, agent=agent, more=more) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        pids = {each["pid"] for each in (await running.api("GET", "/v1/workers"))["workers"]}
        await running.api("POST", "/v1/workers/replace")
        await running.service.logged("all workers are replaced", 30)
        workers = (await running.api("GET", "/v1/workers"))["workers"]
        assert [each["state"] for each in workers] == ["up", "up"]
        assert not pids & {each["pid"] for each in workers}
        await phone.rtp.quiet(0.4)
        await is_answered(phone)
        assert items(running.realtime.sessions[-1])[0] == ("assistant", GREETING.text)
        await phone.hang_up()
        assert (await running.ended(call))["outcome"] == "answered"


async def test_a_worker_is_drained(asterisk: Asterisk, tmp_path: Path) -> None:
    """It keeps its call, gets no other, and ends with it; the next one is started."""
    async with (
        installation(asterisk, tmp_path, models((GREETING,), (GREETING,)), bridge=TWO) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        name, pid = await worker_of(running, call)
        drained = await running.api("POST", f"/v1/workers/{name}/drain", seconds=60)
        assert (drained["state"], drained["calls"]) == ("draining", 1)
        async with running.caller("5002") as other:
            await greeted(other)
            asked = [line for line in running.service.lines if line["event"] == "session asked for"]
            assert asked[-1]["worker"] != name
            await other.hang_up()
        await is_answered(phone)
        await phone.hang_up()
        await running.ended(call)
        again = await running.service.logged("worker registered", 20, nth=3)
        assert (again["worker"], again["pid"] == pid) == (name, False)
        refused = await running.service.api.post("/v1/workers/nobody/drain", json={})
        assert (refused.status_code, refused.json()["type"]) == (404, "/problems/unknown-worker")
