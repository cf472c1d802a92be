"""bridge.audiosocket.leg, tick by tick on a transport of its own: no sockets, no time."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from bridge.audiosocket import leg as leg_module, wire
from bridge.audiosocket.leg import BACKLOG_BYTES, HALF_FRAME_TICKS, STUCK_FRAMES, Leg
from bridge.audiosocket.ticker import Ticker, TickHandle
from bridge.media.sink import MediaLeg, MediaSink

CALL = "0e4b9b86-6f3a-4cde-9d0c-2f6a1f0b9a77"
TONE = b"\x11\x22" * 480


class FakeSocket:
    def __init__(self) -> None:
        self.options: dict[tuple[int, int], int] = {}

    def setsockopt(self, level: int, name: int, value: int) -> None:
        self.options[level, name] = value


class FakeTransport:
    """Writes down each write; `waiting` bytes are what the peer has not taken."""

    def __init__(self) -> None:
        self.socket = FakeSocket()
        self.writes: list[bytes] = []
        self.waiting = 0
        self.end = ""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("127.0.0.1", 40_000), "socket": self.socket}.get(name, default)

    def write(self, data: bytes) -> None:
        assert not self.end, "written after the end"
        self.writes.append(data)

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def close(self) -> None:
        self.end = self.end or "close"

    def abort(self) -> None:
        self.end = self.end or "abort"


class HandTicker:
    """A clock that ticks when the test says so."""

    def __init__(self) -> None:
        self.tick: Callable[[], bool] | None = None
        self.failed: Callable[[Exception], None] | None = None
        self.skipped = 0
        self.expedited = 0

    def add(self, tick: Callable[[], bool], failed: Callable[[Exception], None]) -> TickHandle:
        self.tick, self.failed = tick, failed
        return cast(TickHandle, self)

    def remove(self) -> None:
        self.tick = None

    def expedite(self) -> None:
        self.expedited += 1

    def __call__(self, times: int = 1) -> list[bool]:
        sounded = []
        for _ in range(times):
            if self.tick is not None:
                sounded.append(self.tick())
        return sounded


class Talker:
    """A `MediaSink` that says what it is given."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.told: list[Any] = []
        self.leg: Leg | None = None
        self.closes_at_next_frame = False

    def media_connected(self, leg: MediaLeg) -> None:
        self.leg = cast(Leg, leg)
        self.told.append("connected")

    def media_format(self, rate: int, frame_bytes: int) -> None:
        self.told.append((rate, frame_bytes))

    def caller_audio(self, pcm: bytes) -> None:
        self.told.append(len(pcm))

    def caller_digit(self, digit: str) -> None:
        self.told.append(digit)

    def media_gone(self, reason: str) -> None:
        self.told.append(f"gone: {reason}")

    def next_frame(self) -> bytes | None:
        if self.closes_at_next_frame and self.leg is not None:
            self.leg.close("enough")
        return self.said.pop(0) if self.said else None


class Rig:
    """A leg between all of these; it is also the leg's `Front`."""

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.departures = 0
        self.refusals: list[str] = []
        self.rates: list[int] = []
        self.sink = Talker()
        self.tick = HandTicker()
        self.transport = FakeTransport()
        self.leg = Leg(self, cast(Ticker, self.tick), handshake_timeout=60)
        self.leg.connection_made(cast(asyncio.Transport, self.transport))

    def refuse(self, leg: Leg) -> str | None:
        return self.refusal

    def admit(self, leg: Leg, media: str) -> tuple[str, MediaSink] | str | None:
        return (CALL, self.sink) if media == CALL else "media id unknown"

    def explain_rate(self, leg: Leg, rate: int) -> None:
        self.rates.append(rate)

    def refused(self, leg: Leg, reason: str, *, fault: bool) -> None:
        self.refusals.append(reason)

    def departed(self, leg: Leg) -> None:
        self.departures += 1

    def lose(self, fault: Exception | None = None) -> None:
        self.leg.connection_lost(fault)


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    rig.leg.data_received(wire.encode_uuid(CALL))
    return rig


async def test_the_first_frame_is_written_at_accept() -> None:
    rig = Rig()
    assert rig.transport.writes == [wire.silence(24_000)]
    assert rig.transport.socket.options[socket.IPPROTO_TCP, socket.TCP_NODELAY] == 1
    rig.leg.close("over")


async def test_a_refused_peer_gets_nothing() -> None:
    rig = Rig(refusal="address not allowed")
    assert rig.transport.writes == []
    assert rig.transport.end
    rig.leg.data_received(wire.encode_uuid(CALL))
    rig.lose()
    assert rig.sink.told == []
    assert rig.departures == 1


async def test_one_write_of_963_bytes_per_tick(rig: Rig) -> None:
    rig.sink.said += [TONE, TONE]
    assert rig.tick(4) == [True, True, False, False]
    assert rig.transport.writes[1:] == [wire.encode_audio(24_000, TONE)] * 2 + [wire.silence(24_000)] * 2
    assert {len(write) for write in rig.transport.writes} == {963}
    assert rig.leg.counters.frames_out == 5


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
async def test_at_any_rate_a_write_is_one_frame_and_fits_a_segment(rig: Rig, rate: int) -> None:
    rig.leg.data_received(wire.silence(rate))
    rig.sink.said += [TONE] * 5
    rig.tick(10)
    for write in rig.transport.writes[1:]:
        (frame,) = wire.Decoder().feed(write)
        assert isinstance(frame, wire.Audio)
        assert frame.rate == min(rate, 24_000)
        assert len(frame.pcm) == wire.frame_bytes(frame.rate)
        assert len(write) <= 963
    assert rig.rates == [rate]
    assert rig.sink.told == ["connected", (rate, wire.frame_bytes(rate)), 960]


async def test_late_sound_is_dropped_and_not_delayed(rig: Rig) -> None:
    rig.sink.said += [bytes((n,)) * 960 for n in range(1, 9)]
    rig.tick(2)
    rig.transport.waiting = BACKLOG_BYTES + 1
    rig.tick(3)
    rig.transport.waiting = 0
    rig.tick(3)
    assert [write[3] for write in rig.transport.writes[1:]] == [1, 2, 6, 7, 8]
    assert rig.leg.counters.dropped_frames == 3
    assert not rig.transport.end


async def test_a_peer_that_stalls_again_and_again_is_one_line_and_a_total(rig: Rig) -> None:
    with capture_logs() as logs:
        for _ in range(40):
            rig.transport.waiting = BACKLOG_BYTES + 1
            rig.tick()
            rig.transport.waiting = 0
            rig.tick()
        rig.leg.close("enough")
    told = [line for line in logs if line["event"].startswith("media leg does not take its sound")]
    assert [line.get("total") for line in told] == [None, 40]


async def test_a_peer_that_takes_nothing_is_cut_off(rig: Rig) -> None:
    rig.transport.waiting = BACKLOG_BYTES + 1
    rig.tick(STUCK_FRAMES - 1)
    assert not rig.transport.end
    rig.tick(5)
    assert str(rig.transport.end) == "abort"  # a close would wait until it reads
    rig.lose()
    assert rig.sink.told[-1] == "gone: the peer does not read"


async def test_half_a_frame_is_waited_for_but_not_for_ever(rig: Rig) -> None:
    frame = wire.encode_audio(24_000, TONE)
    rig.leg.data_received(frame[:500])
    rig.tick(HALF_FRAME_TICKS)
    rig.leg.data_received(frame[500:] + frame[:100])  # that one came; the next has begun
    rig.tick(HALF_FRAME_TICKS)
    assert not rig.transport.end
    rig.tick(HALF_FRAME_TICKS)
    assert rig.transport.end
    rig.lose()
    assert rig.sink.told[1:] == [(24_000, 960), 960, "gone: half a frame, and then nothing"]


async def test_a_quiet_peer_is_no_fault(rig: Rig) -> None:
    rig.tick(100 * HALF_FRAME_TICKS)
    assert not rig.transport.end


async def test_nothing_is_said_or_heard_after_close(rig: Rig) -> None:
    rig.leg.close("the call is over")
    rig.leg.close("again")
    rig.leg.data_received(wire.encode_digit("1"))
    assert rig.tick() == []
    rig.leg.eof_received()
    rig.lose(ConnectionResetError())
    rig.leg.close("and again")
    assert rig.sink.told == ["connected", "gone: the call is over"]


async def test_a_leg_closed_while_it_is_asked_for_a_frame(rig: Rig) -> None:
    rig.sink.closes_at_next_frame = True
    rig.sink.said.append(TONE)
    assert rig.tick() == [False]
    assert rig.transport.end == "close"


async def test_a_frame_of_the_wrong_size_is_our_fault_and_never_sent(rig: Rig) -> None:
    rig.sink.said.append(TONE[:-2])
    with pytest.raises(wire.LocalProtocolError):
        rig.tick()
    assert len(rig.transport.writes) == 1
    rig.leg.close("over")


async def test_an_end_in_the_middle_of_a_frame_is_told(rig: Rig) -> None:
    rig.leg.data_received(wire.encode_audio(24_000, TONE)[:-1])
    rig.leg.eof_received()
    rig.lose()
    assert rig.sink.told[-1] == "gone: closed by the peer in the middle of a frame"


async def test_messages_after_the_end_in_one_read_are_ignored(rig: Rig) -> None:
    rig.leg.data_received(wire.encode_digit("1") + wire.encode_hangup() + wire.encode_digit("2"))
    rig.lose()
    assert rig.sink.told == ["connected", "1", "gone: hung up by the peer"]


async def test_a_rate_that_changes_is_followed_and_told_once(rig: Rig) -> None:
    for rate in (24_000, 8_000, 24_000):
        rig.leg.data_received(wire.silence(rate))
    rig.tick()
    assert rig.sink.told[1:] == [(24_000, 960), 960, 960, 960]
    assert rig.transport.writes[-1] == wire.silence(24_000)


async def test_the_session_can_hasten_and_read_what_was_late(rig: Rig) -> None:
    rig.leg.expedite()
    rig.tick.skipped = 7
    assert rig.tick.expedited == 1
    assert rig.leg.late_frames == 7
    assert repr(rig.leg) == f"<Leg [{CALL}, no Hz, open]>"
    rig.leg.close("over")
    assert leg_module.FRAME_BYTES == 960
