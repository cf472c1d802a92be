"""A configuration that changes while people talk: begun calls keep their agent, the next ones have the new one."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import yaml

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import LATE, LONGEST_GAP, greeted
from tests.peers.asterisk import Asterisk

GREETING = Say("Hello.", 1.0, 440)


def edit(running: Installation, **agent: Any) -> None:
    path = running.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["agents"]["reception"] |= agent
    path.write_text(yaml.safe_dump(config))


def prompts(running: Installation) -> list[str]:
    """Of the calls that are up, as the Realtime server has been told."""
    return sorted(each.config["instructions"] for each in running.realtime.sessions if not each.closed)


async def test_a_reload_is_for_the_next_call(asterisk: Asterisk, tmp_path: Path) -> None:
    def model() -> ToneModel:
        return ToneModel([GREETING])

    async with installation(asterisk, tmp_path, model) as running, running.caller() as first:
        await greeted(first, GREETING.seconds)
        edit(running, instructions="Be new.")
        os.kill(running.service.pid, signal.SIGHUP)
        await running.service.logged("the config file was read again", changed=["agents.reception"])
        async with running.caller() as second:
            await greeted(second, GREETING.seconds)
            assert prompts(running) == ["Be brief.", "Be new."]
            assert sorted([each["agent_version"] for each in await running.calls()]) == [1, 2]
            edit(running, instructions="Be wrong.", voise="x", speed=9)
            os.kill(running.service.pid, signal.SIGHUP)
            await running.service.logged("the config file has errors: nothing was changed", errors=2)
            async with running.caller() as third:
                await greeted(third, GREETING.seconds)
                assert prompts(running) == ["Be brief.", "Be new.", "Be new."]
                await third.hang_up()
            await second.hang_up()
        await first.hang_up()


TALK = Say("A long speech.", 40.0, 440)
STORE = {"resources": {"source": "store"}}
AGENT = "/v1/resources/agents/reception"


async def publish(running: Installation, prompt: str) -> int:
    """Returns the version. Within a second, answer included."""
    content = {"instructions": prompt, "greeting": "Hello."}
    async with asyncio.timeout(1.0):
        drafted = await running.service.api.put(f"{AGENT}/draft", json={"content": content}, headers={"If-Match": "*"})
        etag = drafted.raise_for_status().headers["ETag"]
        done = await running.service.api.post(f"{AGENT}/publish", json={"comment": prompt}, headers={"If-Match": etag})
    version: int = done.raise_for_status().json()["published"]["version"]
    return version


async def test_twenty_publications_while_ten_people_are_talked_to(asterisk: Asterisk, tmp_path: Path) -> None:
    """No frame is late or missing because of it; begun calls keep their agent, and the next ones have the new one."""
    async with (
        installation(asterisk, tmp_path, lambda: ToneModel([TALK]), more=STORE) as running,
        AsyncExitStack() as up,
    ):
        phones = [await up.enter_async_context(running.caller()) for _ in range(10)]
        await asyncio.gather(*(each.answered() for each in phones))
        await asyncio.gather(*(each.rtp.sound(timeout=10) for each in phones))
        for number in range(1, 21):
            assert await publish(running, f"Prompt {number}.") == number + 1
            if number % 7 == 0 or number == 20:
                async with running.caller() as late:
                    await late.answered()
                    newest = max(await running.calls(), key=lambda each: each["started_at"])
                    assert newest["agent_version"] == number + 1
                    assert f"Prompt {number}." in prompts(running)
                    await late.hang_up()
            await asyncio.sleep(0.2)  # as somebody would who edits very fast
        assert prompts(running) == ["Be brief."] * 10
        for each in phones:
            (heard,) = each.rtp.stretches()
            assert heard.seconds > 4
            assert heard.longest_silence <= LONGEST_GAP
            assert heard.longest_wait < LATE
        calls = await running.calls()
        assert sorted(each["agent_version"] for each in calls) == [1] * 10 + [8, 15, 21]
        for each in phones:
            await each.hang_up()
        ended = [await running.ended(each["id"]) for each in calls]
        assert {each["outcome"] for each in ended} == {"answered"}
        past = (await running.api("GET", "/v1/history"))["calls"]
        assert sorted(each["agent_version"] for each in past) == [1] * 10 + [8, 15, 21]
