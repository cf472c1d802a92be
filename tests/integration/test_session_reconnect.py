"""The connection to the AI breaks, in each way and at each moment: the call goes on, and what was heard is known."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from bridge.contract import (
    Failed,
    FunctionTool,
    HistoryItem,
    Provider,
    Ready,
    Reconnected,
    Said,
    SwitchAgent,
    ToolCalled,
    Transcription,
)
from bridge.realtime.conversation.history import LINE_DROPPED, TAKEN_OVER, UNHEARD
from simulator.realtime.faults import (
    Close,
    Delivery,
    Drop,
    Script,
    Stall,
    after,
    answer,
    before,
    error,
    expired,
    refuse,
)
from simulator.realtime.model import ToneModel
from simulator.realtime.reply import CallTool, Fail, Say, tone
from simulator.realtime.server import RealtimeServer
from simulator.realtime.session import Session as Served
from tests.integration.session_harness import CALL, FRAME, Harness, call, check

AT_ONCE = Delivery(pace=0)
LOOK_UP = FunctionTool(name="look_up", description="Look it up.", parameters={"type": "object"})


def remembered(served: Served) -> list[tuple[str, str]]:
    """What the server knows, by who said it."""
    told = []
    for item in served.history.items:
        frame = item.frame
        match frame["type"]:
            case "message":
                told.append((frame["role"], item.text))
            case "function_call":
                told.append(("call", frame["name"]))
            case "function_call_output":
                told.append(("output", frame["output"]))
    return told


def asked(served: Served) -> int:
    return sum(seen.event["type"] == "response.create" for seen in served.received)


WAYS: list[tuple[str, tuple[Any, ...]]] = [
    ("1000", (Close(1000),)),
    ("1001", (Close(1001),)),
    ("1011", (Close(1011),)),
    ("1012", (Close(1012),)),
    ("1013", (Close(1013),)),
    ("drop", (Drop(),)),
    ("expired", expired()),
]
ways = pytest.mark.parametrize("way", [each[1] for each in WAYS], ids=[each[0] for each in WAYS])


@ways
async def test_idle(way: tuple[Any, ...]) -> None:
    """Nobody speaks: the connection is made again, the model is told what was, and is not asked to say anything."""
    replies = [Say("Good morning.", 0.4)]
    async with (
        RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server,
        call(server, greeting="x") as (harness, served),
    ):
        await harness.until(lambda: harness.arrived_ms() >= 400)
        harness.listen(1.0)
        await harness.wait(Said)
        for action in way:
            await served.act(action)
        back = await harness.wait(Reconnected)
        assert (back.attempts, back.planned, back.provider) == (1, False, "openai")
        assert back.reason
        again = await server.session(1)
        await again.wait_for(lambda session: len(session.history.items) == 2)
        assert remembered(again) == [("assistant", "Good morning."), ("system", LINE_DROPPED)]
        assert asked(again) == 0
        assert harness.of(Failed) == []
        assert (await harness.end()).counters.reconnects == 1


async def test_a_session_takes_a_call_over() -> None:
    """It is told what was said and asked to go on, before the caller says another word; the greeting is not said."""
    async with RealtimeServer(ToneModel([Say("As I said.", 0.4)]), faults=[AT_ONCE]) as server:
        harness = Harness(server, greeting="Good morning.")
        spoken = HistoryItem(role="assistant", text="Good morning.")
        harness.session.remember([spoken, HistoryItem(role="user", text="where is my order")])
        await harness.start()
        served = await server.session()
        await harness.until(lambda: harness.arrived_ms() >= 400)
        told = remembered(served)
        assert told[:3] == [("assistant", "Good morning."), ("user", "where is my order"), ("system", TAKEN_OVER)]
        (create,) = [seen.event for seen in served.received if seen.event["type"] == "response.create"]
        assert "instructions" not in create.get("response", {})
        await harness.end()
        check(server)


@ways
async def test_in_the_middle_of_a_reply(way: tuple[Any, ...]) -> None:
    """What has come is played to its end; then the model goes on from there."""
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    faults: dict[int, list[Script]] = {
        0: [after("response.output_audio.delta", *way, nth=10), Delivery(pace=0, delta_bytes=9600)],
        1: [answer(Say("and so on", 0.4, 500)), AT_ONCE],
    }
    model = ToneModel([Say("hello", 0.2), Say(words, 5.0, 400)])
    server = RealtimeServer(model, faults=faults)
    async with server, call(server, greeting="hello", transcription=Transcription()) as (harness, _):
        await harness.until(lambda: harness.arrived_ms() >= 200)
        harness.listen(0.5)
        await harness.talk(0.3)
        await harness.wait(Reconnected)
        again = await server.session(1)
        await again.wait_for(lambda session: len(session.history.items) > 0)
        assert asked(again) == 0  # not while the beginning is being played
        assert words.split()[0] not in str(remembered(again))
        harness.frames.clear()
        harness.listen(5.0)
        await again.wait_received("response.create")
        said = [each for each in harness.of(Said) if each.who == "agent"][-1]
        assert said.interrupted
        assert said.heard_ms is not None
        assert 0 < said.heard_ms <= 2000
        assert words.startswith(said.text)
        assert len(said.text) < len(words) / 2
        assert ("assistant", said.text) in remembered(again)
        await harness.until(lambda: not harness.session._playout.idle)
        harness.frames.clear()
        harness.listen(1.0)
        assert b"".join(frame for frame in harness.frames if frame) == tone(0.4, 500)


async def test_the_greeting_is_said_again_if_hardly_heard() -> None:
    greeting = "Good morning, this is the town hall speaking, how can I help?"
    faults: dict[int, list[Script]] = {
        0: [answer(Say(greeting, 3.0)), after("response.output_audio.delta", Drop(), nth=2), AT_ONCE],
        1: [answer(Say(greeting, 3.0)), AT_ONCE],
    }
    server = RealtimeServer(faults=faults)
    async with server, call(server, greeting=greeting) as (harness, _):
        again = await server.session(1)
        create = await again.wait_received("response.create")
        assert greeting in create["response"]["instructions"]
        await harness.until(lambda: harness.session._playout.remaining_ms >= 2900)


async def test_the_greeting_is_not_said_again_if_mostly_heard() -> None:
    greeting = "Good morning, how can I help?"
    faults: dict[int, list[Script]] = {
        0: [after("response.output_audio.delta", Drop(), nth=8), Delivery(pace=0, delta_bytes=9600)],
        1: [AT_ONCE],
    }
    server = RealtimeServer(ToneModel([Say(greeting, 2.0)]), faults=faults)
    async with server, call(server, greeting=greeting) as (harness, _):
        again = await server.session(1)
        await harness.wait(Reconnected)
        harness.listen(2.0)
        said = await harness.wait(Said)
        await again.wait_for(lambda session: ("assistant", said.text) in remembered(session))
        assert greeting.startswith(said.text)
        assert asked(again) == 0


@pytest.mark.parametrize("phase", ["session.created", "session.updated", "response.created"])
async def test_before_the_first_word(phase: str) -> None:
    """The connection goes while it is being set up, or before the greeting has any sound."""
    hello = answer(Say("hello", 0.4, 500))
    faults: dict[int, list[Script]] = {0: [hello, before(phase, Drop())], 1: [hello, AT_ONCE]}
    server = RealtimeServer(faults=faults)
    async with server, call(server, greeting="hello") as (harness, _):
        await harness.until(lambda: harness.arrived_ms() >= 400)
        harness.frames.clear()
        harness.listen(1.0)
        assert b"".join(frame for frame in harness.frames if frame) == tone(0.4, 500)
        assert len(harness.of(Ready)) == 1


async def test_while_the_caller_speaks() -> None:
    """The words around the loss reach the next connection, and are answered."""
    faults: dict[int, list[Script]] = {
        0: [after("input_audio_buffer.speech_started", Drop()), AT_ONCE],
        1: [answer(Say("yes", 0.4, 500)), AT_ONCE],
    }
    async with (
        RealtimeServer(ToneModel(words=["what time is it"]), faults=faults) as server,
        call(server, transcription=Transcription()) as (harness, _),
    ):
        await harness.feed(tone(0.6, 300))
        await harness.wait(Reconnected)
        await harness.feed(tone(0.2, 300) + bytes(48 * 600))
        await harness.until(lambda: harness.arrived_ms() >= 400)
        again = await server.session(1)
        voice = bytes(again.caller_audio).rstrip(b"\0")
        assert len(voice) // 48 > 600  # also what was said before the loss
        assert (await harness.wait(Said)).text == "what time is it"


@pytest.mark.parametrize("transcribed", [True, False])
async def test_while_the_caller_waits_for_an_answer(transcribed: bool) -> None:
    """The model is told what was said, if anybody knows it, and asked to answer."""
    moment = "conversation.item.input_audio_transcription.completed" if transcribed else "response.created"
    faults: dict[int, list[Script]] = {
        0: [after(moment, Drop()), Delivery(pace=0, think_ms=400)],
        1: [answer(Say("noon", 0.4, 500)), AT_ONCE],
    }
    async with (
        RealtimeServer(ToneModel(words=["what time is it"]), faults=faults) as server,
        call(server, transcription=Transcription() if transcribed else None) as (harness, _),
    ):
        await harness.talk(0.5)
        again = await server.session(1)
        await again.wait_received("response.create")
        assert remembered(again)[0] == ("user", "what time is it" if transcribed else UNHEARD)
        await harness.until(lambda: harness.arrived_ms() >= 400)


async def test_while_a_tool_runs() -> None:
    """It is not run again: its answer reaches the next connection together with the call, and is reacted to."""
    faults: dict[int, list[Script]] = {
        0: [after("response.done", Drop()), AT_ONCE],
        1: [answer(Say("found", 0.4, 500)), AT_ONCE],
    }
    server = RealtimeServer(ToneModel([CallTool("look_up", {"a": 1})]), faults=faults)
    async with server, call(server, tools=(LOOK_UP,)) as (harness, _):
        await harness.talk(0.3)
        called = await harness.wait(ToolCalled)
        await harness.wait(Reconnected)
        again = await server.session(1)
        assert asked(again) == 0
        harness.session.answer_tool(called.tool_call, "42")
        await again.wait_received("response.create")
        assert ("call", "look_up") in remembered(again)
        assert ("output", "42") in remembered(again)
        assert len(harness.of(ToolCalled)) == 1


async def test_digits_pressed_during_the_gap_are_told() -> None:
    faults: dict[int, list[Script]] = {1: [refuse(503)], 2: [answer(Say("one", 0.4, 500)), AT_ONCE]}
    async with RealtimeServer(faults=faults) as server, call(server) as (harness, served):
        await served.act(Drop())
        await harness.until(lambda: harness.session._connection.client is None)
        harness.session.caller_digit("1")
        harness.session.caller_digit("#")
        again = await server.session(1)
        await again.wait_received("response.create")
        assert ("user", "[DTMF] 1#") in remembered(again)
        assert (await harness.wait(Reconnected)).attempts == 2


async def test_the_caller_hears_a_soft_tone_and_frames_never_stop() -> None:
    faults: dict[int, list[Script]] = {number: [refuse(503)] for number in range(1, 4)}
    async with RealtimeServer(faults=faults) as server, call(server) as (harness, served):
        await served.act(Drop())
        await harness.until(lambda: harness.session._connection.client is None)
        assert harness.listen(0.5) == 0  # a short gap is not worth a tone
        assert 0 < harness.listen(2.5) < 125
        await harness.wait(Reconnected)
        assert harness.listen(1.0) == 0


async def test_what_the_caller_says_in_the_gap_is_heard_up_to_two_seconds() -> None:
    faults: dict[int, list[Script]] = {1: [refuse(503)], 2: [refuse(503)]}
    async with RealtimeServer(faults=faults) as server, call(server) as (harness, served):
        await served.act(Drop())
        await harness.until(lambda: harness.session._connection.client is None)
        for number in range(200):
            harness.tick(bytes([number]) * 960)
        await harness.wait(Reconnected)
        again = await server.session(1)
        await again.wait_for(lambda session: len(session.caller_audio) >= 96_000)
        assert bytes(again.caller_audio) == b"".join(bytes([number]) * 960 for number in range(100, 200))


async def test_a_server_that_accepts_and_never_speaks_is_not_tried_for_ever() -> None:
    """The account is used up, which shows only when something is asked for."""
    server = RealtimeServer(faults=[after("response.created", Drop()), AT_ONCE])
    async with server, call(server, greeting="x") as (harness, _):
        assert (await harness.wait(Failed)).kind == "transient"
        assert server.attempts == 5
        assert len(harness.of(Reconnected)) == 4


async def test_sound_gives_the_budget_back() -> None:
    """A connection that breaks again and again but works in between is good enough."""
    faults: list[Script] = [after("response.done", Drop()), AT_ONCE]
    server = RealtimeServer(ToneModel([Say("hello", 0.2)]), faults=faults)
    async with server, call(server, greeting="hello") as (harness, _):
        for number in range(1, 8):
            await harness.wait(Reconnected, number)
            harness.listen(0.4)
            harness.session.caller_digit("1")
            harness.session.caller_digit("#")
        assert harness.of(Failed) == []
        await harness.end()


# ---------------------------------------------------------------- other providers


def second(server: RealtimeServer, name: str = "second", **more: Any) -> Provider:
    fields = {"name": name, "url": server.url, "api_key": SecretStr("sk-test")}
    return Provider(**(fields | more))


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_a_fallback_takes_over_at_the_start(status: int) -> None:
    async with (
        RealtimeServer(faults=[refuse(status)]) as dead,
        RealtimeServer(ToneModel([Say("hi", 0.4)]), faults=[AT_ONCE]) as server,
        call(dead, fallbacks=(second(server),), served_by=server, greeting="hi") as (harness, served),
    ):
        await harness.until(lambda: harness.arrived_ms() >= 400)
        assert dead.attempts == (5 if status == 503 else 1)
        assert harness.of(Failed) == []
        assert asked(served) == 1
        await harness.end()
        check(server)


@pytest.mark.parametrize("trouble", ["quota", "gone"])
async def test_a_fallback_takes_over_in_the_middle_of_the_call(trouble: str) -> None:
    quota = answer(Fail("insufficient_quota", "You exceeded your quota.", "insufficient_quota"), nth=2)
    script: list[Script] = [
        quota if trouble == "quota" else after("input_audio_buffer.speech_stopped", Drop()),
        AT_ONCE,
    ]
    faults: dict[int, list[Script]] = {0: script} | {number: [refuse(503)] for number in range(1, 9)}
    spare = RealtimeServer(faults=[answer(Say("noon", 0.4, 500)), AT_ONCE])
    server = RealtimeServer(ToneModel([Say("hello", 0.2)], words=["what time is it"]), faults=faults)
    async with server, spare:
        more: dict[str, Any] = {"fallbacks": (second(spare),), "transcription": Transcription()}
        async with call(server, greeting="hello", **more) as (harness, _):
            await harness.until(lambda: harness.arrived_ms() >= 200)
            harness.listen(0.6)
            await harness.talk(0.4)
            back = await harness.wait(Reconnected)
            assert back.provider == "second"
            again = await spare.session()
            await again.wait_received("response.create")
            assert remembered(again)[0] == ("assistant", "hello")
            assert remembered(again)[1][0] == "user"
            await harness.until(lambda: harness.arrived_ms() >= 400)
            assert harness.of(Failed) == []
            await harness.end()
            check(spare)


async def test_when_nobody_is_left_the_controller_is_told() -> None:
    async with RealtimeServer(faults=[refuse(503)]) as one, RealtimeServer(faults=[refuse(401)]) as other:
        harness = Harness(one, fallbacks=(second(other),))
        harness.task = asyncio.create_task(harness.session.run())
        assert (await harness.wait(Failed)).kind == "account"
        assert (one.attempts, other.attempts) == (5, 1)
        await harness.end()


# ---------------------------------------------------------------- renewal


def quiet(number: int) -> bytes:
    """A frame that no voice detection takes for speech, unlike its neighbours."""
    return bytes([number % 100 + 1, 0]) * 480


async def test_a_connection_is_renewed_in_silence() -> None:
    replies = [Say("Good morning.", 0.4)]
    async with (
        RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server,
        call(server, greeting="x", renew_s=0.2) as (harness, served),
    ):
        await harness.until(lambda: harness.arrived_ms() >= 400)
        await asyncio.sleep(0.4)
        assert server.attempts == 1  # the greeting is not played yet
        harness.listen(1.0)
        back = await harness.wait(Reconnected)
        assert back.planned
        again = await server.session(1)
        await again.wait_for(lambda session: len(session.history.items) == 1)
        assert remembered(again) == [("assistant", "Good morning.")]
        assert asked(again) == 0
        await served.wait_for(lambda session: session.closed)
        assert (await harness.end()).counters.reconnects == 0


def spoken(sound: bytes | bytearray) -> bytes:
    """Without the frames of silence."""
    frames = (bytes(sound[start : start + FRAME]) for start in range(0, len(sound), FRAME))
    return b"".join(frame for frame in frames if any(frame))


async def test_no_word_is_lost_by_a_renewal() -> None:
    """The old connection hears everything up to the change, the new one everything from shortly before it on."""
    async with RealtimeServer(faults=[AT_ONCE]) as server, call(server, renew_s=0.05) as (harness, served):
        number = 0
        while not harness.of(Reconnected):
            harness.tick(quiet(number))
            number += 1
            await asyncio.sleep(0.002)
        for _ in range(10):
            harness.tick(quiet(number))
            number += 1
        again = await server.session(1)
        await again.wait_for(lambda session: session.caller_audio.endswith(quiet(number - 1)))
        whole = b"".join(quiet(each) for each in range(number))
        # The loop's own time passes besides the call's: what is missing by the clock is filled with silence.
        old, new = spoken(served.caller_audio), spoken(again.caller_audio)
        assert whole.startswith(old)
        assert whole.endswith(new)
        assert len(old) + len(new) >= len(whole)


async def test_a_renewal_that_fails_leaves_the_old_connection_alone() -> None:
    faults: dict[int, list[Script]] = {1: [refuse(503)], 2: [before("session.updated", error("x", "no"), Close(1011))]}
    async with RealtimeServer(faults=faults) as server, call(server, renew_s=0.05) as (harness, _):
        back = await harness.wait(Reconnected)
        assert back.planned
        assert server.attempts == 4
        assert harness.of(Failed) == []


@pytest.mark.parametrize("moment", ["waits", "is being opened"])
async def test_a_connection_that_breaks_is_replaced_by_the_one_that_was_to_renew_it(moment: str) -> None:
    """The caller is in the middle of a sentence: no third connection, and no pause before it."""
    faults: dict[int, list[Script]] = {1: [before("session.updated", Stall(0.2))]}
    words = ["what time is it"]
    async with (
        RealtimeServer(ToneModel(words=words), faults=faults) as server,
        call(server, renew_s=0.05) as (harness, served),
    ):
        spare = await server.session(1)
        await spare.wait_received("session.update")
        await harness.feed(tone(0.4, 300))
        await served.wait_received("input_audio_buffer.append")
        await harness.until(lambda: not harness.session.quiet)
        if moment == "waits":
            await harness.until(
                lambda: harness.session._connection._spare is not None and harness.session._connection._spare[1].done()
            )
            await asyncio.sleep(0.1)
        await served.act(Drop())
        back = await harness.wait(Reconnected)
        assert (back.planned, back.attempts) == (False, 1)
        assert back.gap_ms < 1000  # the spare was not opened anew, and nobody waited before trying
        assert server.attempts == 2
        await spare.wait_for(lambda seen: remembered(seen)[-1:] == [("system", LINE_DROPPED)])


async def test_a_spare_is_not_used_if_its_provider_refuses_the_account() -> None:
    faults: dict[int, list[Script]] = {1: [before("session.updated", Stall(0.1))]}
    async with (
        RealtimeServer(faults=faults) as server,
        RealtimeServer() as other,
        call(server, renew_s=0.05, fallbacks=(second(other),)) as (harness, _),
    ):
        await (await server.session(1)).wait_received("session.update")
        await harness.feed(tone(0.4, 300))
        await harness.until(lambda: not harness.session.quiet)
        harness.session._connection.fail("account", "quota")
        assert (await harness.wait(Reconnected)).provider == "second"
        assert server.attempts == 2


async def test_a_change_made_while_the_spare_waits_is_in_force_on_it() -> None:
    faults: dict[int, list[Script]] = {1: [before("session.updated", Stall(0.1))]}
    async with RealtimeServer(faults=faults) as server, call(server, renew_s=0.05) as (harness, served):
        spare = await server.session(1)
        await spare.wait_received("session.update")
        await harness.feed(tone(0.4, 300))
        await harness.until(lambda: not harness.session.quiet)
        harness.session.command(
            SwitchAgent(call=CALL, spec=harness.session._spec.model_copy(update={"instructions": "You are Ann."}))
        )
        await served.act(Drop())
        await harness.wait(Reconnected)
        await spare.wait_for(lambda seen: seen.config["instructions"] == "You are Ann.")


# ---------------------------------------------------------------- another agent's provider


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_another_agents_provider_is_asked_though_the_first_one_refuses(status: int) -> None:
    """Ordered while the first connection is being refused: what it refuses is not the other one's fault."""
    async with RealtimeServer(faults=[refuse(status)]) as dead, RealtimeServer(faults=[AT_ONCE]) as server:
        harness = Harness(dead)
        harness.task = asyncio.create_task(harness.session.run())
        while not dead.attempts:  # noqa: ASYNC110 - the moment between the refusal and its arrival is one turn of the loop
            await asyncio.sleep(0)
        spec = harness.session._spec.model_copy(update={"agent": "other", "provider": second(server)})
        harness.session.command(SwitchAgent(call=CALL, spec=spec))
        await harness.wait(Ready)
        assert (dead.attempts, server.attempts, harness.of(Failed)) == (1, 1, [])
        await harness.end()


async def test_a_connection_refused_after_a_switch_costs_the_new_provider_nothing() -> None:
    async with RealtimeServer() as old, RealtimeServer(faults=[AT_ONCE]) as server, call(old) as (harness, _):
        await harness.feed(tone(0.4, 300))
        await harness.until(lambda: not harness.session.quiet)
        spec = harness.session._spec.model_copy(update={"agent": "other", "provider": second(server)})
        harness.session.command(SwitchAgent(call=CALL, spec=spec))  # has to wait for a pause
        harness.session._connection.fail("account", "quota")
        assert (await harness.wait(Reconnected)).provider == "second"
        assert harness.of(Failed) == []
        await harness.end()


async def test_another_agents_fallback_is_asked_if_its_first_provider_refuses() -> None:
    async with (
        RealtimeServer() as old,
        RealtimeServer(faults=[refuse(401)]) as dead,
        RealtimeServer(faults=[AT_ONCE]) as server,
        call(old) as (harness, _),
    ):
        change = {"provider": second(dead), "fallbacks": (second(server, "third"),)}
        harness.session.command(SwitchAgent(call=CALL, spec=harness.session._spec.model_copy(update=change)))
        back = await harness.wait(Reconnected)
        assert (back.planned, back.provider) == (True, "third")
        assert (dead.attempts, server.attempts) == (1, 1)
        await harness.end()
