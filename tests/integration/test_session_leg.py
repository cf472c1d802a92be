"""A session between a real AudioSocket leg on the real clock and the simulator: sound from end to end."""

import asyncio
import gc
import weakref
from uuid import uuid4

from pydantic import SecretStr

from bridge.audiosocket.server import AudioSocketServer
from bridge.audiosocket.ticker import Ticker
from bridge.contract import (
    BargedIn,
    CallEvent,
    Ended,
    Failed,
    MediaFormat,
    MediaGone,
    Provider,
    Ready,
    Reconnected,
    Said,
    SessionSpec,
)
from bridge.realtime.session import RealtimeSession
from simulator.realtime.faults import Delivery, Drop, Script, answer, refuse
from simulator.realtime.model import ToneModel
from simulator.realtime.reply import Say, tone
from simulator.realtime.server import RealtimeServer
from tests.integration.session_harness import call
from tests.peers.audiosocket import AsteriskPeer


async def test_greeting_interruption_and_end_through_audiosocket() -> None:
    told: list[CallEvent] = []
    ready = asyncio.Event()

    def emit(event: CallEvent) -> None:
        told.append(event)
        if isinstance(event, Ready):
            ready.set()

    call = str(uuid4())
    legs = AudioSocketServer(Ticker())
    host, port = await legs.start("127.0.0.1", [0])
    replies = [Say("one two three four five six seven eight", 8.0, 400), Say("yes?", 0.2, 500)]
    async with RealtimeServer(ToneModel(replies)) as server:
        provider = Provider(url=server.url, api_key=SecretStr("sk-test"))
        spec = SessionSpec(agent="a", provider=provider, instructions="i", greeting="one two three")
        session = RealtimeSession(spec, call, emit)
        legs.expect(call, call, session, 10)
        task = asyncio.create_task(session.run())
        await asyncio.wait_for(ready.wait(), 5)
        async with AsteriskPeer(host, port, call) as asterisk:
            await asterisk.hear(5)
            assert not any(asterisk.sound)  # silence before the greeting
            session.greet()
            await asterisk.speak(bytes(48 * 1000))
            await asterisk.speak(tone(0.3, 300))
            await asterisk.speak(bytes(48 * 800))
            served = await server.session()
            ((_, cut_ms, _),) = served.truncated
            heard = b"".join(frame.pcm for frame in asterisk.frames if any(frame.pcm))
            # Not a sample lost, doubled or crossed; nothing of the cut reply after the cut, and all of the next one.
            assert heard == tone(8.0, 400)[: cut_ms * 48] + tone(0.2, 500)
            assert cut_ms > 0
            session.close("done")
            await asyncio.wait_for(task, 5)
            await asterisk.ended()
        assert served.refused == []
    await legs.close()
    kinds = [type(event) for event in told]
    assert kinds[-2:] == [MediaGone, Ended]
    formats = [event for event in told if isinstance(event, MediaFormat)]
    assert [(event.rate, event.frame_bytes) for event in formats] == [(24000, 960)]
    assert (kinds.count(BargedIn), kinds.count(Said)) == (1, 2)


async def test_an_ended_session_leaves_its_connection_and_its_sound_at_once() -> None:
    """Not to the garbage collector, which comes late: a worker would grow with each call that it has carried."""
    gc.disable()
    try:
        async with RealtimeServer(ToneModel([Say("one two three", 8.0, 400)])) as server, call(server) as (harness, _):
            await harness.feed(tone(0.5, 300))
            session = harness.session
            assert session._connection.client is not None
            parts = session._connection.client._connection, session._caller_audio.kept, session._conversation.parts
            left = [weakref.ref(each) for each in parts]
            del parts, session
            await harness.end()
            await asyncio.sleep(0)
            assert [each() for each in left] == [None] * 3
    finally:
        gc.enable()


async def test_a_lost_connection_costs_asterisk_no_frame() -> None:
    """A second without AI in the middle of the call, at the real pace: frames go on, the conversation too."""
    told: list[CallEvent] = []
    ready, call = asyncio.Event(), str(uuid4())

    def emit(event: CallEvent) -> None:
        told.append(event)
        ready.set()

    legs = AudioSocketServer(Ticker())
    host, port = await legs.start("127.0.0.1", [0])
    reply: list[Script] = [answer(Say("yes?", 0.4, 500)), Delivery(pace=0)]
    async with RealtimeServer(faults={1: [refuse(503)], 2: reply}) as server:
        session = RealtimeSession(
            SessionSpec(agent="a", provider=Provider(url=server.url, api_key=SecretStr("sk-test")), instructions="i"),
            call,
            emit,
        )
        legs.expect(call, call, session, 10)
        task = asyncio.create_task(session.run())
        await asyncio.wait_for(ready.wait(), 5)
        async with AsteriskPeer(host, port, call) as asterisk:
            await asterisk.hear(5)
            session.greet()
            before = len(asterisk.frames)
            await (await server.session()).act(Drop())
            await asterisk.speak(tone(0.5, 300))
            await asterisk.speak(bytes(48 * 2500))
            assert 0.9 * 150 < len(asterisk.frames) - before < 1.1 * 150
            heard = b"".join(frame.pcm for frame in asterisk.frames[before:] if any(frame.pcm))
            assert tone(0.4, 500) in heard  # what was said in the gap is answered
            session.close("done")
            await asyncio.wait_for(task, 5)
            await asterisk.ended()
    await legs.close()
    assert [event.attempts for event in told if isinstance(event, Reconnected)] == [2]
    assert not any(isinstance(event, Failed) for event in told)
    assert isinstance(told[-1], Ended)
    assert told[-1].counters.reconnects == 1
