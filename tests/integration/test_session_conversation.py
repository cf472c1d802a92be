"""Whole calls in a worker, against a strict Realtime server: speech, interruptions, tools, and the end."""

import asyncio

import pytest

from bridge.contract import (
    BargedIn,
    CallerAudio,
    DigitPressed,
    MediaGone,
    Ready,
    Said,
    ServerVad,
    ToolCalled,
    Transcription,
    TurnMeasured,
)
from simulator.realtime.faults import Delivery
from simulator.realtime.model import ToneModel
from simulator.realtime.reply import CallTool, Part, Say, tone
from simulator.realtime.server import RealtimeServer
from tests.integration.session_harness import Harness, Leg, call

AT_ONCE = Delivery(pace=0)
SILENT_200 = ServerVad(type="server_vad", silence_duration_ms=200)
GREETING = "Good morning, how can I help?"


def played(harness: Harness) -> bytes:
    return b"".join(frame for frame in harness.frames if frame)


async def received(harness: Harness, milliseconds: int, timeout: float = 5.0) -> None:
    """So much of the agent's sound is here, played or not."""
    await harness.until(lambda: harness.arrived_ms() >= milliseconds, timeout)


async def test_a_call_from_greeting_to_goodbye() -> None:
    replies = [Say(GREETING, 0.5, 400), Say("It is noon.", 0.4, 500)]
    async with RealtimeServer(ToneModel(replies, words=["what time is it"]), faults=[AT_ONCE]) as server:
        async with call(server, greeting=GREETING, transcription=Transcription()) as (harness, served):
            assert harness.of(Ready)[0].model == "gpt-realtime-2.1-mini"
            create = await served.wait_received("response.create")
            assert GREETING in create["response"]["instructions"]
            await received(harness, 500)
            assert harness.leg.expedited == 1  # the first sound need not wait for the tick
            assert harness.listen(1.0) == 25
            assert played(harness) == tone(0.5, 400)
            greeting = await harness.wait(Said)
            assert (greeting.who, greeting.text, greeting.heard_ms) == ("agent", GREETING, 500)

            await harness.talk(0.5)
            await received(harness, 400)
            harness.listen(1.0)
            said = {event.who: event.text for event in (await harness.wait(Said, 2), await harness.wait(Said, 3))}
            assert said == {"caller": "what time is it", "agent": "It is noon."}
            turn = await harness.wait(TurnMeasured)
            assert turn.turn == 1
            assert turn.first_delta_ms is not None
            assert turn.first_frame_ms is not None
            assert turn.first_frame_ms >= turn.first_delta_ms >= 0
            assert turn.endpointing_ms is not None
            assert (
                turn.endpointing_ms >= 290
            )  # the silence that the server waits for, less one window of its voice detection

            ended = await harness.end()
            assert ended.counters.turns == 1
            assert ended.counters.barge_ins == 0
            assert ended.counters.usage["output_audio"] > 0
            assert ended.counters.late_frames == ended.counters.dropped_frames == 0
            assert [type(event) for event in harness.told[-2:]] == [MediaGone, type(ended)]
        await served.wait_for(lambda session: session.closed)


async def test_the_server_hears_the_caller_exactly_and_only_after_greet() -> None:
    async with RealtimeServer(faults=[AT_ONCE]) as server, call(server, greet=False) as (harness, served):
        await harness.feed(tone(0.2, 300))
        harness.session.greet()
        voice = tone(0.3, 600)
        await harness.feed(voice)
        await served.wait_for(lambda session: len(session.caller_audio) >= len(voice))
        assert bytes(served.caller_audio) == voice


async def test_a_barge_in_is_truncated_at_what_asterisk_got() -> None:
    replies = [Say("one two three four five six seven eight nine ten", 10.0)]
    server = RealtimeServer(ToneModel(replies), faults=[AT_ONCE])
    async with server, call(server, greeting="x") as (harness, served):
        await received(harness, 5000)
        assert harness.listen(3.0) == 150
        # The voice goes out frame by frame, and the server's word comes back over a real network.
        await harness.feed(tone(0.1, 300))
        await harness.until(lambda: harness.session._playout.idle)
        assert harness.listen(1.0) == 0
        heard = len(played(harness)) // 48
        barge = await harness.wait(BargedIn)
        assert barge.heard_ms == heard
        await served.wait_for(lambda session: bool(session.truncated))
        assert [cut[1] for cut in served.truncated] == [heard]
        said = await harness.wait(Said)
        assert (said.interrupted, said.heard_ms) == (True, heard)
        assert said.text == "one two three"


async def test_late_deltas_are_not_heard_and_the_next_reply_is() -> None:
    replies = [Say("long", 30.0, 400), Say("short", 0.2, 500)]
    delivery = Delivery(pace=5.0, stragglers=4)
    async with (
        RealtimeServer(ToneModel(replies), faults=[delivery]) as server,
        call(server, greeting="x") as (harness, served),
    ):
        await received(harness, 400)
        harness.listen(0.2)
        await harness.talk(0.2)
        await received(harness, 200)
        harness.listen(1.0)
        assert played(harness) == tone(0.2, 500)
        assert len(served.truncated) == 1


async def test_odd_deltas_and_two_items() -> None:
    replies = [(Say("one", 0.3, 400), Say("two", 0.3, 500))]
    delivery = Delivery(pace=0, delta_bytes=1001)
    async with (
        RealtimeServer(ToneModel(replies), faults=[delivery]) as server,
        call(server, greeting="x") as (harness, _),
    ):
        await received(harness, 600)
        harness.listen(1.0)
        assert played(harness) == tone(0.3, 400) + tone(0.3, 500)
        assert [event.text for event in (await harness.wait(Said), await harness.wait(Said, 2))] == ["one", "two"]


async def test_ten_minutes_at_once_and_still_interruptible() -> None:
    """The reader never waits for the playout: the interruption is heard behind 29 MB of sound."""
    server = RealtimeServer(ToneModel([Say("long", 600.0)]), faults=[AT_ONCE])
    async with server, call(server, greeting="x") as (harness, served):
        await received(harness, 600_000, timeout=20)
        harness.listen(1.0)
        await harness.feed(tone(0.1, 300))
        await served.wait_for(lambda session: bool(session.truncated))
        assert harness.listen(0.5) == 0


async def test_a_protected_greeting_is_said_in_full() -> None:
    server = RealtimeServer(ToneModel([Say("hello", 1.0)]), faults=[AT_ONCE])
    async with server, call(server, greeting="hello", protect_greeting=True) as (harness, served):
        await received(harness, 1000)
        harness.listen(0.2)
        await harness.feed(tone(0.2, 300))
        await served.wait_sent("input_audio_buffer.speech_started")
        harness.listen(2.0)
        assert len(played(harness)) >= 48000
        await served.wait_received("session.update", 2)
        await served.wait_sent("session.updated", 2)
        assert served.truncated == []


async def test_the_goodbye_is_played_before_the_tool_is_called() -> None:
    replies = [(Say("Goodbye!", 2.0), CallTool("hang_up", call_id="call_bye"))]
    async with RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server, call(server) as (harness, served):
        await harness.talk(0.2)
        await served.wait_sent("response.done")
        await received(harness, 2000)
        harness.listen(1.9)
        assert harness.of(ToolCalled) == []
        harness.listen(0.2)
        called = await harness.wait(ToolCalled)
        assert (called.tool_call, called.name, called.arguments) == ("call_bye", "hang_up", {})
        assert played(harness) == tone(2.0, 440)
        harness.session.answer_tool("call_bye", "done", ok=True, respond=False)
        created = await served.wait_received("conversation.item.create")
        assert created["item"]["call_id"] == "call_bye"


async def test_a_tool_answer_is_spoken_about() -> None:
    replies: list[Part] = [CallTool("hang_up", call_id="call_1"), Say("I may not.", 0.2)]
    async with RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server, call(server) as (harness, served):
        await harness.talk(0.2)
        await harness.wait(ToolCalled)
        harness.session.answer_tool("call_1", "not allowed", ok=False)
        await served.wait_received("response.create")
        await received(harness, 200)


async def test_digits_reach_the_model_as_text() -> None:
    async with (
        RealtimeServer(ToneModel([Say("thanks", 0.2)]), faults=[AT_ONCE]) as server,
        call(server) as (harness, served),
    ):
        for digit in "42#":
            harness.session.caller_digit(digit)
        item = (await served.wait_received("conversation.item.create"))["item"]
        assert item["content"][0]["text"] == "[DTMF] 42#"
        await received(harness, 200)
        assert [event.digit for event in harness.of(DigitPressed)] == ["4", "2", "#"]


async def test_a_gap_is_filled_so_that_the_server_notices_the_end_of_speech() -> None:
    async with (
        RealtimeServer(ToneModel([Say("yes", 0.2)]), faults=[AT_ONCE]) as server,
        call(server) as (harness, served),
    ):
        await harness.feed(tone(0.5, 300))
        for _ in range(50):  # on hold: nothing comes from Asterisk
            harness.tick()
        await served.wait_sent("input_audio_buffer.speech_stopped")
        await received(harness, 200)
        await served.wait_for(lambda session: len(session.caller_audio) >= 48 * 1400)
        assert len(served.caller_audio) <= 48 * 1500 + 48 * 40


async def test_sound_that_comes_late_in_a_lump_is_dropped() -> None:
    async with RealtimeServer(faults=[AT_ONCE]) as server, call(server) as (harness, _):
        for _ in range(25):
            harness.tick()
        for _ in range(25):
            harness.session.caller_audio(bytes(960))
        ended = await harness.end()
        assert 15 <= ended.counters.late_frames <= 25
        assert ended.counters.frames_in == 25


async def test_frames_are_counted_by_direction_over_all_legs_of_a_call() -> None:
    async with RealtimeServer(ToneModel([Say("hello", 0.2)]), faults=[AT_ONCE]) as server, call(server) as (harness, _):
        await harness.feed(tone(0.1, 300))
        harness.leg.sent_frames, harness.leg.late_frames, harness.leg.dropped_frames = 100, 3, 4
        harness.leg.close("the leg is taken again")
        harness.leg = Leg(harness.session)
        harness.session.media_connected(harness.leg)
        harness.leg.sent_frames, harness.leg.late_frames, harness.leg.dropped_frames = 50, 1, 0
        counted = (await harness.end()).counters
    assert (counted.frames_in, counted.late_frames, counted.dropped_frames) == (5, 0, 0)
    assert (counted.frames_out, counted.late_frames_out, counted.dropped_frames_out) == (150, 4, 4)
    assert counted.speech_frames_out <= 10


@pytest.mark.parametrize("moment", ["before ready", "after ready"])
async def test_greet_may_come_before_ready(moment: str) -> None:
    async with RealtimeServer(ToneModel([Say("hello", 0.2)]), faults=[AT_ONCE]) as server:
        harness = Harness(server, greeting="hello")
        harness.task = asyncio.create_task(harness.session.run())
        if moment == "after ready":
            await harness.wait(Ready)
        harness.session.greet()
        await harness.wait(Ready)
        served = await server.session()
        await served.wait_received("response.create")
        await harness.end()


async def test_nobody_asks_for_an_answer_while_the_caller_goes_on_speaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog of a turn that seems to have no end looks at the caller's sound first."""
    for name, seconds in {"LONGEST_S": 0.4, "QUIET_S": 0.4, "ANSWER_S": 0.2}.items():
        monkeypatch.setattr(f"bridge.realtime.conversation.turns.{name}", seconds)
    async with (
        RealtimeServer(ToneModel([Say("Well.", 0.4, 500)]), faults=[AT_ONCE]) as server,
        call(server, turn_detection=SILENT_200) as (harness, served),
    ):
        end = asyncio.get_running_loop().time() + 1.2
        while asyncio.get_running_loop().time() < end:
            harness.tick(tone(0.02, 300))
            await asyncio.sleep(0.02)
        assert served.client_events("response.create") == []
        await harness.feed(bytes(48 * 600))
        await received(harness, 400)
        assert served.client_events("response.create") == []  # the server answers by itself


async def test_it_is_told_when_sound_of_the_caller_ceases_and_when_it_is_back() -> None:
    async with RealtimeServer() as server, call(server) as (harness, _):
        await harness.feed(tone(0.5, 300))
        for _ in range(100):  # two seconds without a frame, as when the caller holds
            harness.tick()
        await harness.feed(tone(0.5, 300))
        assert [event.flowing for event in harness.of(CallerAudio)] == [False, True]
        assert (await harness.end()).counters.frames_in == 50
