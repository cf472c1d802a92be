"""Live control over HTTP: what caller, agent and others really hear after each request."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from simulator.audio.sound import has_tone, is_tone, level, tone
from simulator.phone.phone import Phone
from simulator.realtime import Say, ToneModel
from simulator.realtime.session import Session
from tests.e2e.installation import Installation, caller_heard, shared
from tests.e2e.test_call_control import asks, heard_reply, is_music
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers.asterisk import Asterisk

TARGET = "+4930555123"
STORY = Say("A long story.", 30.0, 880)
QUIET = -60.0


async def do(running: Installation, call: str, verb: str, **body: Any) -> dict[str, Any]:
    return await running.api("POST", f"/v1/calls/{call}/{verb}", **body)


async def story_begins(running: Installation, phone: Phone) -> str:
    """The greeting is over, and the agent has begun to speak for long."""
    await greeted(phone)
    phone.rtp.say(tone(0.6, 620))
    await phone.rtp.hears(lambda samples: is_tone(samples, 880), timeout=15)
    return await running.call_id()


async def model_was_told(session: Session, words: str) -> None:
    def told(seen: Session) -> bool:
        return any(words in item.text for item in seen.history.items if item.frame["type"] == "message")

    await session.wait_for(told)


async def agent_hears(running: Installation, hz: float, session: int = 0) -> None:
    """From now on, sooner or later."""
    served = await running.realtime.session(session)
    before = len(served.caller_audio)

    def heard(seen: Session) -> bool:
        pcm = seen.caller_audio[before:]
        return len(pcm) >= 24000 and has_tone(caller_heard(pcm[-24000:]), hz, 0.5)

    await served.wait_for(heard)


async def test_hold_is_music_instead_of_the_agent_until_it_is_resumed(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([GREETING, STORY, REPLY, REPLY])
    async with shared(asterisk, tmp_path, model) as running, running.caller() as phone:
        call = await story_begins(running, phone)
        await do(running, call, "hold")
        await phone.rtp.hears(is_music, seconds=1.0)
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert (shown["state"], shown["held_by"]) == ("holding", "test")
        served = await running.realtime.session()
        before = len(served.caller_audio)
        phone.rtp.say(tone(0.6, 620))
        await phone.rtp.spoken()
        await do(running, call, "resume")
        await heard_reply(phone)
        heard = caller_heard(served.caller_audio[before : before + 24000])
        assert level(heard) < QUIET, "the agent heard a caller on hold"
        await asks(phone)
        await phone.hang_up()
        assert (await running.ended(call))["held_by"] is None


async def test_words_and_keys_of_ops_reach_the_telephone(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([GREETING, REPLY])
    async with shared(asterisk, tmp_path, model) as running, running.caller() as phone:
        await greeted(phone)
        call = await running.call_id()
        await do(running, call, "say", text="We close in five minutes.")
        await heard_reply(phone)
        served = await running.realtime.session()
        asked = [seen.event["response"] for seen in served.received if seen.event["type"] == "response.create"]
        assert "We close in five minutes." in asked[-1]["instructions"]
        assert asked[-1]["tool_choice"] == "none"
        await do(running, call, "dtmf", digits="12#5")
        async with asyncio.timeout(10):
            while len(phone.rtp.keys) < 4:
                await phone.rtp.frames(1)
        assert phone.rtp.keys == "12#5"
        await phone.hang_up()
        await running.ended(call)


# ---------------------------------------------------------------- participants


async def join(running: Installation, call: str, target: Phone) -> str:
    """The leg of a participant who has answered and hears the agent's bridge."""
    added = await do(running, call, "participants", to=TARGET)
    await target.wait("called")
    shown = await running.api("GET", f"/v1/calls/{call}")
    assert [each["state"] for each in shown["participants"]] == ["ringing"]
    await target.command("answer")
    await target.answered()
    await model_was_told(await running.realtime.session(), "has joined")
    return str(added["leg"])


async def test_the_caller_leaves_and_the_participant_is_not_kept(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING])) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await join(running, call, target)
        await phone.hang_up()
        await target.wait("left")
        assert (await running.ended(call))["ended_by"] == "caller"


async def test_a_busy_participant_is_told_of_and_the_call_goes_on(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING, REPLY])) as running,
        running.refusing("486 Busy Here") as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await do(running, call, "participants", to=TARGET)
        await target.wait("refused")
        await model_was_told(await running.realtime.session(), "busy")
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert [(each["state"], each["outcome"]) for each in shown["participants"]] == [("failed", "busy")]
        await asks(phone)
        refused = await running.service.api.post(f"/v1/calls/{call}/participants", json={"to": "112"})
        assert refused.status_code == 403
        await phone.hang_up()
        await running.ended(call)


# ---------------------------------------------------------------- recording


async def test_recording_begins_pauses_and_ends_on_request(asterisk: Asterisk, tmp_path: Path) -> None:
    agent = {"recording": {"path": str(tmp_path / "calls"), "on_request": True}}
    async with shared(asterisk, tmp_path, ToneModel([GREETING], forever=()), agent=agent) as running:
        async with running.caller() as phone:
            await greeted(phone)
            call = await running.call_id()
            for action, state in (("start", "on"), ("pause", "paused"), ("resume", "on"), ("stop", "off")):
                await do(running, call, "recording", action=action)
                await running.service.logged("recording", call=call, action=action)
                assert (await running.api("GET", f"/v1/calls/{call}"))["recording"] == state
                phone.rtp.say(tone(1.0, {"start": 620, "pause": 1100, "resume": 740}.get(action, 1500)))
                await phone.rtp.spoken()
            line = await running.service.logged("recorded", call=call)
            refused = await running.service.api.post(f"/v1/calls/{call}/recording", json={"action": "stop"})
            assert refused.status_code == 409
            await phone.hang_up()
            shown = await running.ended(call)
        assert [each["path"] for each in shown["recordings"]] == [line["path"]]
        sound, rate = soundfile.read(line["path"])
        assert len(sound) / rate < 4.5, "it began with the call"
        heard = np.asarray(sound[:, 0] * 32767, np.int16)[:: rate // 8000]
        pieces = [heard[start : start + 1600] for start in range(0, len(heard) - 1600, 1600)]
        assert [any(is_tone(piece, hz) for piece in pieces) for hz in (620, 740)] == [True, True]
        assert not any(has_tone(piece, hz, 0.3) for piece in pieces for hz in (1100, 1500))


async def test_mute_is_silence_for_the_other_side_only(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([GREETING, STORY])
    agent = {"turn_detection": {"type": "server_vad", "interrupt_response": False}}
    async with shared(asterisk, tmp_path, model, agent=agent) as running, running.caller() as phone:
        call = await story_begins(running, phone)
        await do(running, call, "mute", side="agent")
        await phone.rtp.hears(lambda samples: level(samples) < QUIET, seconds=0.5)
        phone.rtp.say(tone(1.0, 620))
        await agent_hears(running, 620)
        await do(running, call, "unmute", side="agent")
        await phone.rtp.hears(lambda samples: is_tone(samples, 880))

        await do(running, call, "mute", side="caller")
        await running.service.logged("ordered", order="mute")
        served = await running.realtime.session()
        await phone.rtp.frames(25)
        before = len(served.caller_audio)
        phone.rtp.say(tone(1.0, 620))
        await phone.rtp.hears(lambda samples: is_tone(samples, 880), seconds=1.0)
        await phone.rtp.spoken()
        assert level(caller_heard(served.caller_audio[before:])) < QUIET
        assert (await running.api("GET", f"/v1/calls/{call}"))["muted"] == ["caller"]
        await do(running, call, "unmute", side="caller")
        phone.rtp.say(tone(1.0, 620))
        await agent_hears(running, 620)
        await phone.hang_up()
        await running.ended(call)


async def test_another_agent_goes_on_with_the_conversation_in_its_own_voice(asterisk: Asterisk, tmp_path: Path) -> None:
    models = iter([ToneModel([GREETING]), ToneModel([REPLY])])
    agents = {
        "reception": {"instructions": "Be brief.", "greeting": "Hello."},
        "sales": {"instructions": "Sell to {{who}}.", "voice": "cedar"},
    }
    async with (
        shared(asterisk, tmp_path, lambda: next(models), more={"agents": agents}) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        first = await running.realtime.session()
        await do(running, call, "agent", agent="sales", variables={"who": "Ann"})
        second = await running.realtime.session(1)
        await first.wait_for(lambda seen: seen.closed)
        assert second.config["instructions"] == "Sell to Ann."
        assert second.config["audio"]["output"]["voice"] == "cedar"
        await model_was_told(second, "Hello.")
        await asks(phone)
        assert (await running.api("GET", f"/v1/calls/{call}"))["agent"] == "sales"
        await do(running, call, "agent", instructions="Be silent.")
        await second.wait_for(lambda seen: seen.config["instructions"] == "Be silent.")
        assert len(running.realtime.sessions) == 2
        await phone.hang_up()
        await running.ended(call)


async def test_a_participant_hears_both_is_heard_by_both_and_goes(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([GREETING], forever=REPLY)
    agent = {"turn_detection": {"type": "server_vad", "interrupt_response": False}}
    async with (
        shared(asterisk, tmp_path, model, agent=agent) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        leg = await join(running, call, target)
        target.rtp.say(tone(1.5, 1100))
        await asyncio.gather(phone.rtp.hears(lambda samples: is_tone(samples, 1100)), agent_hears(running, 1100))
        await asyncio.gather(
            phone.rtp.hears(lambda samples: is_tone(samples, 880)),
            target.rtp.hears(lambda samples: is_tone(samples, 880)),
        )
        await phone.rtp.quiet(0.5)
        phone.rtp.say(tone(1.0, 620))
        await target.rtp.hears(lambda samples: is_tone(samples, 620))
        await running.api("DELETE", f"/v1/calls/{call}/participants/{leg}")
        await target.wait("left")
        await model_was_told(await running.realtime.session(), "taken out")
        phone.rtp.say(tone(1.0, 620))
        await phone.rtp.hears(lambda samples: is_tone(samples, 880), timeout=15)
        shown = await running.api("GET", f"/v1/calls/{call}")
        (was,) = shown["participants"]
        assert (shown["state"], was["state"], was["outcome"]) == ("talking", "left", "answered")
        await phone.hang_up()
        await running.ended(call)
