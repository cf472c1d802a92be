"""Another agent, and mutes, in a real session against the simulated server."""

import asyncio
from typing import Any

import numpy as np
from pydantic import SecretStr

from bridge import contract
from bridge.contract import Hold, Mute, Provider, Reconnected, Said, Speak, SwitchAgent, WrapUp, WrapUpDone
from simulator.realtime.faults import Delivery, Drop, Faults, after
from simulator.realtime.model import ToneModel
from simulator.realtime.reply import Say, tone
from simulator.realtime.server import RealtimeServer
from simulator.realtime.session import Session as Served
from tests.integration.session_harness import CALL, Harness, call, check
from tests.integration.test_session_reconnect import remembered

AT_ONCE = Delivery(pace=0)
GREETING = Say("Good morning.", 0.4)


def switch(harness: Harness, **change: Any) -> None:
    spec = harness.session._spec.model_copy(update={"agent": "other", **change})
    harness.session.command(SwitchAgent(call=CALL, spec=spec))


async def greeted(harness: Harness) -> None:
    await harness.until(lambda: harness.arrived_ms() >= 400)
    harness.listen(1.0)
    await harness.wait(Said)


def told_instructions(served: Served) -> list[str]:
    updates = [seen.event["session"] for seen in served.received if seen.event["type"] == "session.update"]
    return [each["instructions"] for each in updates if "instructions" in each]


async def test_other_instructions_come_on_the_same_connection() -> None:
    async with (
        RealtimeServer(ToneModel([GREETING]), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, served),
    ):
        await greeted(harness)
        switch(harness, instructions="You are Ann.")
        await served.wait_for(lambda seen: told_instructions(seen)[-1] == "You are Ann.")
        await harness.end()
        check(server)
        assert len(server.sessions) == 1


async def test_an_agent_that_is_made_sure_of_changes_nothing_where_it_speaks() -> None:
    """As the next controller does with a call that it takes over."""
    async with (
        RealtimeServer(ToneModel([GREETING]), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, served),
    ):
        await greeted(harness)
        told, spec = len(told_instructions(served)), harness.session._spec
        harness.session.command(SwitchAgent(call=CALL, spec=spec.model_copy(update={"voice": "cedar"}), again=True))
        harness.session.greet()
        harness.session.command(Hold(call=CALL, on=False))
        harness.session.command(
            SwitchAgent(call=CALL, spec=spec.model_copy(update={"instructions": "You are Ann."}), again=True)
        )
        await served.wait_for(lambda seen: told_instructions(seen)[-1] == "You are Ann.")
        assert len(told_instructions(served)) == told + 1
        assert harness.arrived_ms() == 400, "greeted once"
        await harness.end()
        check(server)
        assert len(server.sessions) == 1


async def test_another_voice_comes_with_a_new_connection_that_knows_the_conversation() -> None:
    async with (
        RealtimeServer(ToneModel([GREETING]), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, _),
    ):
        await greeted(harness)
        switch(harness, instructions="You are Ann.", voice="cedar")
        back = await harness.wait(Reconnected)
        assert back.planned
        again = await server.session(1)
        assert again.config["audio"]["output"]["voice"] == "cedar"
        assert told_instructions(again) == ["You are Ann."]
        await again.wait_for(lambda seen: len(seen.history.items) == 1)
        assert remembered(again) == [("assistant", "Good morning.")]
        assert (await harness.end()).counters.reconnects == 0


async def test_another_provider_takes_over() -> None:
    async with (
        RealtimeServer(ToneModel([GREETING]), faults=[AT_ONCE]) as server,
        RealtimeServer(ToneModel([]), faults=[AT_ONCE]) as other,
        call(server, greeting="x") as (harness, served),
    ):
        await greeted(harness)
        switch(harness, provider=Provider(name="other", url=other.url, api_key=SecretStr("sk-test")))
        assert (await harness.wait(Reconnected)).provider == "other"
        await served.wait_for(lambda seen: seen.closed)
        await harness.end()
        check(other)


async def test_a_voice_waits_until_nobody_speaks_and_the_last_one_asked_for_counts() -> None:
    replies = [GREETING, Say("one two three four five six", 2.0)]
    async with (
        RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, _),
    ):
        await greeted(harness)
        await harness.talk(0.3)
        await harness.until(lambda: harness.arrived_ms() >= 1500)
        switch(harness, voice="cedar")
        switch(harness, voice="ash")
        await asyncio.sleep(0.2)
        assert len(server.sessions) == 1
        harness.listen(3.0)
        await harness.wait(Reconnected)
        assert server.sessions[-1].config["audio"]["output"]["voice"] == "ash"
        assert harness.of(Said)[-1].text == "one two three four five six"


async def test_an_agent_that_comes_while_the_connection_is_down_has_the_next_one() -> None:
    async with (
        RealtimeServer(ToneModel([GREETING]), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, served),
    ):
        await greeted(harness)
        await served.act(Drop())
        await harness.until(lambda: harness.session._connection.client is None)
        switch(harness, instructions="You are Ann.", voice="cedar")
        await harness.wait(Reconnected)
        again = await server.session(1)
        assert again.config["audio"]["output"]["voice"] == "cedar"
        assert set(told_instructions(again)) == {"You are Ann."}
        harness.listen(1.0)
        await asyncio.sleep(0.1)
        assert len(server.sessions) == 2, "no second connection for what the first one has already"


async def test_a_muted_caller_is_silence_to_the_agent_and_keys_stay_their_own() -> None:
    server = RealtimeServer(ToneModel([GREETING]), faults=[AT_ONCE])
    async with server, call(server, greeting="x", digit_actions=("0",)) as (harness, served):
        await greeted(harness)
        harness.session.command(Mute(call=CALL, caller=True, agent=False))
        before = len(served.caller_audio)
        await harness.talk(0.3)
        harness.session.caller_digit("4")
        harness.session.caller_digit("0")
        await served.wait_for(lambda seen: len(seen.caller_audio) >= before + 48 * 700)
        assert not np.frombuffer(bytes(served.caller_audio[before:]), "<i2").any()
        assert [each.digit for each in harness.of(contract.DigitPressed)] == ["0"]
        harness.session.command(Mute(call=CALL, caller=False, agent=False))
        await harness.talk(0.3)
        await served.wait_for(lambda seen: bool(np.frombuffer(bytes(seen.caller_audio[before:]), "<i2").any()))


async def test_a_muted_agent_speaks_to_nobody() -> None:
    server = RealtimeServer(ToneModel([GREETING, Say("one two three", 0.6)]), faults=[AT_ONCE])
    async with server, call(server, greeting="x") as (harness, _):
        await greeted(harness)
        harness.session.command(Mute(call=CALL, caller=False, agent=True))
        await harness.talk(0.3)
        async with asyncio.timeout(5):
            while len(harness.of(Said)) < 2:
                assert harness.listen(0.1) == 0
                await asyncio.sleep(0.01)


# ---------------------------------------------------------------- speak, wrap up, hold


def asked(served: Served) -> list[str]:
    """The instructions of each `response.create` so far."""
    return [event["response"].get("instructions", "") for event in served.client_events("response.create")]


async def test_a_text_on_order_is_said_after_what_is_being_said() -> None:
    replies = [GREETING, Say("Please hold the line.", 0.4)]
    async with (
        RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, served),
    ):
        await harness.until(lambda: harness.arrived_ms() >= 400)
        harness.session.command(Speak(call=CALL, text="Please hold the line."))
        await served.wait_received("response.create", 2)
        await harness.until(lambda: harness.arrived_ms() >= 800)
        assert harness.listen(1.5) == 40
        assert (await harness.wait(Said, 2)).text == "Please hold the line."
        assert "Please hold the line." in asked(served)[1]


async def test_last_words_are_heard_in_full_and_nobody_answers_the_caller_any_more() -> None:
    replies = [GREETING, Say("Time is up. Goodbye.", 0.8), Say("never", 1.0)]
    async with (
        RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, served),
    ):
        await greeted(harness)
        heard = len(harness.frames)
        harness.session.command(WrapUp(call=CALL, text="Time is up. Goodbye.", why="max_length"))
        await harness.until(lambda: harness.arrived_ms() >= 1200)
        await harness.feed(tone(0.4, 300))
        await harness.feed(bytes(48 * 600))
        assert (await harness.wait(WrapUpDone)).why == "max_length"
        assert sum(frame is not None for frame in harness.frames[heard:]) == 40
        assert len(asked(served)) == 2
        assert harness.of(Said)[-1].text == "Time is up. Goodbye."
        assert harness.of(contract.BargedIn) == []


async def test_on_hold_nobody_hears_anybody_and_afterwards_the_agent_knows_why() -> None:
    replies = [Say("one two three four five six seven eight", 4.0), Say("Nobody is there.", 0.4)]
    async with (
        RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, served),
    ):
        await harness.until(lambda: harness.arrived_ms() >= 4000)
        assert harness.listen(1.0) == 50
        harness.session.command(Hold(call=CALL, on=True))
        before = len(served.caller_audio)
        await harness.feed(tone(0.5, 300))
        assert harness.listen(1.0) == 0
        await served.wait_for(lambda seen: len(seen.caller_audio) >= before + 48 * 1400)
        assert not np.frombuffer(bytes(served.caller_audio[before:]), "<i2").any()
        assert served.truncated[0][1] == 1000
        assert len(asked(served)) == 1
        harness.session.command(Hold(call=CALL, on=False, note="The colleague did not answer."))
        await served.wait_received("response.create", 2)
        await harness.until(lambda: harness.session._playout.remaining_ms >= 400)
        assert harness.listen(1.0) == 20
        assert ("system", "The colleague did not answer.") in remembered(served)


async def test_last_words_end_a_hold_and_outlive_a_connection() -> None:
    replies = [GREETING, Say("Time is up. Goodbye.", 0.8), Say("Time is up. Goodbye.", 0.8)]
    faults: Faults = {0: [AT_ONCE, after("response.created", Drop(), nth=2)], 1: [AT_ONCE]}
    async with RealtimeServer(ToneModel(replies), faults=faults) as server, call(server, greeting="x") as (harness, _):
        await greeted(harness)
        harness.session.command(Hold(call=CALL, on=True))
        harness.session.command(WrapUp(call=CALL, text="Time is up. Goodbye.", why="cost"))
        await harness.wait(Reconnected)
        again = await server.session(1)
        await again.wait_received("response.create")
        await harness.until(lambda: harness.session._playout.remaining_ms >= 800)
        harness.listen(2.0)
        await harness.wait(WrapUpDone)
        assert "Time is up. Goodbye." in asked(again)[0]
