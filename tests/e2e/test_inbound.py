"""Inbound calls: both sides hear each other, in the right codec, with every digit, and nobody else."""

import asyncio
import csv
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from simulator.audio.sound import FRAME_SAMPLES, Frame, Samples, Stretch, has_tone, is_tone, purity, stretches, tone
from simulator.phone.phone import Phone
from simulator.phone.rtp import Codec
from simulator.ports import free_port
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, caller_heard, shared
from tests.peers.asterisk import Asterisk
from tests.peers.tap import TAP_HOST, Tap

GREETING, REPLY = Say("Hello.", 1.5, 440), Say("Indeed.", 2.0, 880)
LONGEST_GAP = 0.04  # seconds of silence that may be put into a reply
CDR = (
    *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start"),
    *("answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield"),
)
CDR_FIELD = re.compile(r'(?:^|,)("(?:[^"]|"")*"|[^",]*)')
LATE = 0.3  # seconds by which a packet may come late on a busy machine


def as_frames(samples: Samples) -> list[Frame]:
    cut = range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    return [Frame(start / 8000, start, samples[start : start + FRAME_SAMPLES]) for start in cut]


def assert_clean(stretch: Stretch, hz: int, seconds: float) -> None:
    """The tone was heard whole: its length, its frequency, nothing put in, nothing left out."""
    assert stretch.seconds == pytest.approx(seconds, abs=0.06)
    assert stretch.longest_silence <= LONGEST_GAP
    assert stretch.longest_wait < LATE
    assert purity(stretch.samples, hz) > 0.9


async def greeted(phone: Phone, seconds: float = GREETING.seconds) -> Stretch:
    """The first stretch of sound, once it is over."""
    await phone.answered()
    await phone.rtp.sound(timeout=10)
    await phone.rtp.quiet(0.5)
    return phone.rtp.stretches()[0]


async def replies(phone: Phone) -> None:
    """The agent, to what the caller says now: the reply is heard whole."""
    phone.rtp.say(tone(0.6, 620))
    await phone.rtp.sound(after=await phone.rtp.spoken())
    await phone.rtp.quiet(0.5)
    assert_clean(phone.rtp.stretches()[-1], 880, REPLY.seconds)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_caller_and_agent_hear_each_other(asterisk: Asterisk, tmp_path: Path, codec: Codec) -> None:
    model = ToneModel([GREETING, REPLY])
    async with shared(asterisk, tmp_path, model) as running, running.caller(codec=codec) as phone:
        assert_clean(await greeted(phone), 440, GREETING.seconds)

        phone.rtp.say(tone(1.0, 620))
        end = await phone.rtp.spoken()
        await phone.rtp.sound(after=end)
        await phone.rtp.quiet(0.5)
        assert_clean(phone.rtp.stretches()[1], 880, REPLY.seconds)
        assert phone.rtp.payload_types == {0 if codec == "PCMU" else 8}

        session = await running.realtime.session()
        (spoken,) = stretches(as_frames(caller_heard(session.caller_audio)))
        assert spoken.seconds == pytest.approx(1.0, abs=0.06)
        assert purity(spoken.samples, 620) > 0.9

        await phone.hang_up()
        call = await running.ended(await running.call_id())
        assert (call["direction"], call["outcome"], call["ended_by"]) == ("inbound", "answered", "caller")
        assert call["caller"] == "+4930123456"
        assert call["callee"] == "5001"
        line = await running.service.logged("audio", call=call["id"])
        assert (line["rate"], line["chunk"]) == (24000, 960)


async def test_caller_interrupts(asterisk: Asterisk, tmp_path: Path) -> None:
    """The reply stops at the caller's ear, and the server is told how much of it was heard."""
    model = ToneModel([GREETING, Say("A long story.", 20.0, 880), Say("Yes?", 0.5, 440)])
    async with shared(asterisk, tmp_path, model) as running, running.caller() as phone:
        await greeted(phone)
        phone.rtp.say(tone(0.6, 620))
        began = await phone.rtp.sound(after=await phone.rtp.spoken())
        await phone.rtp.frames(75)
        phone.rtp.say(tone(0.6, 620))
        await phone.rtp.hears(lambda samples: is_tone(samples, 440))
        story = next(each for each in phone.rtp.stretches(0.1) if each.start >= began)
        assert story.seconds < 5

        session = await running.realtime.session()
        await session.wait_received("conversation.item.truncate")
        ((_, cut_at, had),) = session.truncated
        assert cut_at <= had
        assert cut_at / 1000 == pytest.approx(story.seconds, abs=0.15)
        await phone.hang_up()


async def test_keys_are_told_once_each(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running, running.caller() as phone:
        await greeted(phone)
        await phone.rtp.press("15#")
        await phone.rtp.press("5")
        await running.service.logged("digit", digit_pii="#")
        await phone.rtp.frames(25)
        await phone.hang_up()
        await running.ended(await running.call_id())
        workers = [line["digit_pii"] for line in running.service.lines if line["event"] == "digit"]
        told = workers[::2] if len(workers) == 8 else workers  # worker and controller log the same
        assert "".join(told) == "15#5"


async def test_two_calls_do_not_hear_each_other(asterisk: Asterisk, tmp_path: Path) -> None:
    tones = iter([(440, 520), (880, 980)])

    def model() -> ToneModel:
        hello, answer = next(tones)
        return ToneModel([Say("Hello.", 1.0, hello), Say("Yes.", 3.0, answer)])

    async with (
        shared(asterisk, tmp_path, model) as running,
        running.caller("5001") as one,
        running.caller("5002") as two,
    ):
        await greeted(one)
        await greeted(two)
        first, second = (440, 520), (880, 980)
        if not is_tone(one.rtp.stretches()[0].samples, 440):
            first, second = second, first
        one.rtp.say(tone(1.0, 620))
        two.rtp.say(tone(1.0, 1100))
        for phone, own, other in ((one, first, second), (two, second, first)):
            await phone.rtp.sound(after=await phone.rtp.spoken())
            await phone.rtp.quiet(0.5)
            hello, reply = phone.rtp.stretches()
            assert is_tone(hello.samples, own[0])
            assert is_tone(reply.samples, own[1])
            everything = np.concatenate([frame.samples for frame in phone.rtp.heard])
            assert not any(has_tone(everything, hz, 0.001) for hz in other)

        (low,), (high,) = (
            stretches(as_frames(caller_heard(session.caller_audio))) for session in running.realtime.sessions
        )
        if not is_tone(low.samples, 620):
            low, high = high, low
        assert is_tone(low.samples, 620)
        assert is_tone(high.samples, 1100)
        await asyncio.gather(one.hang_up(), two.hang_up())


async def test_call_detail_records_name_the_call_and_ours_is_like_asterisks(asterisk: Asterisk, tmp_path: Path) -> None:
    logs = Path(asterisk.settings["ASTERISK_HOME"]) / "log"
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running, running.caller() as phone:
        assert "Loaded" in asterisk.rx("module load cdr_csv.so")
        try:
            call = await running.call_id()
            await greeted(phone)
            await phone.hang_up()
            await running.ended(call)
            await running.nothing_left()
            record = await line_with(f'"{call}"', written(logs / "cdr-custom" / "calls.csv"))
            (row,) = csv.reader([record])
            assert row[-2:] == [call, "+4930123456"]
            assert "ANSWERED" in row
            theirs = await line_with(f'"{row[3]}"', written(logs / "cdr-csv" / "Master.csv"))
            ours = await line_with(f'"{call}.1","answered"', lambda: exported(running))
        finally:
            asterisk.rx("module unload cdr_csv.so")
    like_asterisks(ours, theirs)


async def line_with(text: str, read: Callable[[], Awaitable[str]]) -> str:
    """The only line with this text, once there is one: a file tells nobody."""
    async with asyncio.timeout(20):
        while not (found := [line for line in (await read()).splitlines() if text in line]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    (line,) = found
    return line


def written(file: Path) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return file.read_text() if file.exists() else ""  # noqa: ASYNC240 - a few lines

    return read


async def exported(running: Installation) -> str:
    return (await running.service.api.get("/v1/history/export", params={"format": "cdr"})).text


def like_asterisks(ours: str, theirs: str) -> None:
    """Field for field, with the same quotes; but for what only one of the two knows (docs/records.md)."""
    own, original = (dict(zip(CDR, CDR_FIELD.findall(line), strict=True)) for line in (ours, theirs))
    assert [each[:1] == '"' for each in own.values()] == [each[:1] == '"' for each in original.values()]
    for name in ("start", "answer", "end"):
        moments = [datetime.strptime(row.pop(name), '"%Y-%m-%d %H:%M:%S"') for row in (own, original)]
        assert abs((moments[0] - moments[1]).total_seconds()) <= 2, name
    for name in ("duration", "billsec"):
        assert int(own[name]) >= 1
        assert abs(int(own.pop(name)) - int(original.pop(name))) <= 2, name
    differ = {name for name, value in original.items() if own[name] != value}
    assert differ == {"clid", "src", "dcontext", "channel", "dstchannel", "uniqueid", "userfield"}
    assert (own["clid"], own["src"]) == ('""""" <+4930123456>"', '"+4930123456"')  # as E.164, whatever the caller sent
    assert (original["clid"], original["src"]) == ('""""" <4930123456>"', '"4930123456"')
    assert original["userfield"] == '""'


async def test_number_without_a_route_is_refused(asterisk: Asterisk, tmp_path: Path) -> None:
    """Before it is answered: nobody pays for it."""
    running: Installation
    async with shared(asterisk, tmp_path, ToneModel(), routes=[{"to": "5001", "agent": "reception"}]) as running:
        async with running.caller("5999") as phone:
            assert (await phone.wait("answered", "refused")).event == "refused"
        assert running.realtime.attempts == 0


async def test_audiosocket_carries_24_khz_at_50_frames_a_second(asterisk: Asterisk, tmp_path: Path) -> None:
    """From connect to close, in speech and in silence, in both directions."""
    port = free_port()
    bridge = {"ports": f"{port}-{port}", "advertise": TAP_HOST}
    async with Tap(port) as tap, shared(asterisk, tmp_path, ToneModel([GREETING]), bridge=bridge) as running:
        async with running.caller() as phone:
            await greeted(phone)
            await phone.rtp.frames(100)
            await phone.hang_up()
            await running.ended(await running.call_id())
        leg = tap.legs[-1]  # the one before it was the check of the worker
        assert {(frame.kind, frame.size) for frame in leg.from_worker} == {(0x13, 960)}
        assert (leg.from_asterisk[0].kind, leg.from_asterisk[0].size) == (0x01, 16)
        assert {(frame.kind, frame.size) for frame in leg.from_asterisk[1:]} == {(0x13, 960)}
        assert len(leg.from_worker) / leg.seconds == pytest.approx(50, abs=1.5)
        times = [frame.at for frame in leg.from_worker]
        assert times[0] - leg.opened < 0.1
        assert max(after - before for before, after in zip(times, times[1:], strict=False)) < LATE
