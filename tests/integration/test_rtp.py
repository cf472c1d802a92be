"""Two telephone ends over loopback: what one says, the other hears, key presses included."""

import asyncio
import socket
import struct
from itertools import pairwise

import pytest

from simulator.audio.sound import FRAME_SAMPLES, is_tone, purity, tone
from simulator.phone.impairment import Impairment
from simulator.phone.rtp import Codec, RtpEnd


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_one_hears_what_the_other_says(codec: Codec) -> None:
    async with RtpEnd(codec) as one, RtpEnd(codec) as two:
        one.aim("127.0.0.1", two.port)
        one.say(tone(0.5, 440))
        end = await one.spoken()
        await two.quiet(0.2)
        (stretch,) = two.stretches()
        assert stretch.seconds == pytest.approx(0.5)
        assert stretch.longest_silence == 0
        assert purity(stretch.samples, 440) > 0.99
        assert abs(stretch.end - end) < 0.2
        assert [frame.stamp for frame in two.heard] == [frame.stamp for frame in one.sent[: len(two.heard)]]
        assert {after.stamp - before.stamp for before, after in pairwise(two.heard)} <= {FRAME_SAMPLES}


async def test_waits_are_for_what_comes_after() -> None:
    async with RtpEnd() as one, RtpEnd() as two:
        one.aim("127.0.0.1", two.port)
        one.say(tone(0.2, 440))
        began = await two.sound()
        end = await one.spoken()
        with pytest.raises(TimeoutError):
            await two.sound(after=end + 0.1, timeout=0.1)
        one.say(tone(0.4, 880))
        assert await two.sound(after=end + 0.02) > began
        await two.hears(lambda samples: is_tone(samples, 880), seconds=0.1)


async def test_silence_flows_when_nothing_is_said_and_stops_with_the_telephone() -> None:
    async with RtpEnd() as one, RtpEnd() as two:
        one.aim("127.0.0.1", two.port)
        await two.frames(10)
        assert two.stretches() == []
        await one.stop()
        sent = len(one.sent)
        await asyncio.sleep(0.06)
        assert len(one.sent) == sent


async def test_a_jump_changes_the_numbers_and_an_impaired_network_loses_packets() -> None:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.setblocking(False)
    loop = asyncio.get_running_loop()

    async def numbers() -> tuple[int, int, int]:
        _, _, sequence, stamp, source = struct.unpack_from("!BBHII", await loop.sock_recv(receiver, 2048))
        return sequence, stamp, source

    async with RtpEnd() as one:
        one.aim("127.0.0.1", receiver.getsockname()[1])
        before = await numbers()
        one.jump(sequence=-300, stamp=-9000)
        after = await numbers()
        assert (after[0] - before[0]) % 0x10000 == 0x10000 - 299
        assert (after[1] - before[1]) % (1 << 32) == (1 << 32) - 9000 + FRAME_SAMPLES
        one.jump(new_source=True)
        assert (await numbers())[2] != after[2]
        one.impair(Impairment(loss=0.5, jitter_ms=20))
        seen = [(await numbers())[0] for _ in range(20)]
        assert any((later - sooner) % 0x10000 > 1 for sooner, later in pairwise(seen))
    receiver.close()


async def test_keys_are_sent_as_telephone_events() -> None:
    """RFC 4733: one stamp for the whole key, growing length, the end told three times."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.setblocking(False)
    loop = asyncio.get_running_loop()
    packets = []
    async with RtpEnd() as one:
        one.aim("127.0.0.1", receiver.getsockname()[1])
        pressing = asyncio.create_task(one.press("7#"))
        while not pressing.done():
            packets.append(await loop.sock_recv(receiver, 2048))
        await pressing
    receiver.close()
    events = [struct.unpack("!BBHIIBBH", packet) for packet in packets if packet[1] & 0x7F == 101]
    assert [event[5] for event in events] == [7] * 8 + [11] * 8
    for key in (events[:8], events[8:]):
        assert [event[1] >> 7 for event in key] == [1] + [0] * 7
        assert len({event[3] for event in key}) == 1
        assert [event[7] for event in key] == [160, 320, 480, 640, 800, 800, 800, 800]
        assert [event[6] >> 7 for event in key] == [0] * 5 + [1] * 3
    sequences = [struct.unpack_from("!H", packet, 2)[0] for packet in packets]
    assert {(after - before) % 65536 for before, after in pairwise(sequences)} == {1}


async def test_strangers_bytes_are_not_sound() -> None:
    async with RtpEnd() as end:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for junk in (b"", b"x", b"\x80\x00", b"\x40" * 172, b"\x80\x08" + bytes(170)):
                stranger.sendto(junk, ("127.0.0.1", end.port))
            stranger.sendto(b"\x80\x00" + bytes(170), ("127.0.0.1", end.port))
        await end.frames(1)
        assert len(end.heard) == 1
