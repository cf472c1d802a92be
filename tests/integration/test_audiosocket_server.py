"""bridge.audiosocket on real sockets: the frames of a call, and peers that break the protocol."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import cast

import numpy as np
import pytest
import structlog
from structlog.testing import LogCapture

from bridge.audiosocket import leg as leg_module, wire
from bridge.audiosocket.leg import Leg
from bridge.audiosocket.server import AudioSocketServer, NoFreePort
from bridge.audiosocket.ticker import Ticker
from bridge.media.sink import MediaLeg
from tests.peers.audiosocket import PATIENCE, AsteriskPeer

FRAME = bytes(range(240)) * 4


@dataclass
class ScriptedSession:
    """A `Sink` that writes down what it is told and plays what it is given."""

    script: list[bytes] = field(default_factory=list)
    echo: bool = False
    told: list[str] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    digits: str = ""
    leg: Leg | None = None
    broken: str = ""
    """Name of the callback that raises."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self._news.set()

    def media_connected(self, leg: MediaLeg) -> None:
        self.leg = cast(Leg, leg)
        self._tell("connected")

    def media_format(self, rate: int, frame_bytes: int) -> None:
        self._tell(f"format {rate} {frame_bytes}")

    def caller_audio(self, pcm: bytes) -> None:
        if self.broken == "caller_audio":
            raise RuntimeError("broken session")
        self.heard.append(pcm)
        if self.echo:
            self.script.append(pcm)
        self._news.set()

    def caller_digit(self, digit: str) -> None:
        self.digits += digit
        self._news.set()

    def media_gone(self, reason: str) -> None:
        self._tell(f"gone: {reason}")
        if self.broken == "media_gone":
            raise RuntimeError("broken farewell")

    def next_frame(self) -> bytes | None:
        if self.broken == "next_frame":
            raise RuntimeError("broken mouth")
        return self.script.pop(0) if self.script else None

    async def until(self, what: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not any(line.startswith(what) for line in self.told):
                self._news.clear()
                await self._news.wait()

    async def until_heard(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()


@dataclass
class Harness:
    server: AudioSocketServer
    host: str
    port: int
    log: LogCapture

    def session(self, **kinds: object) -> tuple[str, ScriptedSession]:
        call = str(uuid.uuid4())
        session = ScriptedSession(**kinds)  # type: ignore[arg-type]
        self.server.expect(call, call, session, ttl=30)
        return call, session

    def peer(self, call: str | None = None) -> AsteriskPeer:
        return AsteriskPeer(self.host, self.port, call)

    def lines(self, reason: str) -> list[str]:
        """Log levels of the lines that give this reason."""
        return [
            str(entry["log_level"]) for entry in self.log.entries if str(entry.get("reason", "")).startswith(reason)
        ]

    def logged(self, reason: str) -> None:
        """Once, as a warning; the line is written before the connection closes."""
        assert self.lines(reason) == ["warning"]


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    log = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[log], cache_logger_on_first_use=False)
    ticker = Ticker()
    server = AudioSocketServer(ticker, handshake_timeout=0.5, unexpected=20)
    host, port = await server.start("127.0.0.1", [0])
    try:
        yield Harness(server, host, port, log)
    finally:
        await server.close()
        structlog.configure(**before)
    assert server.legs == 0
    assert len(ticker) == 0


# ---------------------------------------------------------------- frames


async def test_silence_flows_from_connect_to_close_fifty_times_a_second(harness: Harness) -> None:
    call, session = harness.session()
    async with harness.peer() as peer:
        first = (await peer.hear(3))[0]  # before the UUID
        assert first == wire.Audio(24_000, bytes(960))
        await peer.send(wire.encode_uuid(call))
        await session.until("connected")
        started = len(peer.frames)
        begin = peer.arrivals[-1]
        await peer.hear(100)
        seconds = peer.arrivals[-1] - begin
        assert (len(peer.frames) - started) / seconds == pytest.approx(50, rel=0.05)
        assert set(peer.frames) == {first}
    await session.until("gone")
    assert session.told == ["connected", "gone: closed by the peer"]


async def test_the_agents_frames_arrive_unchanged_and_in_order(harness: Harness) -> None:
    script = [bytes((n + 1,)) * 960 for n in range(50)]
    call, _ = harness.session(script=list(script))
    async with harness.peer(call) as peer:
        await peer.hear(60)
        assert [frame.pcm for frame in peer.frames if any(frame.pcm)] == script


async def test_an_echo_comes_back_whole(harness: Harness) -> None:
    call, session = harness.session(echo=True)
    words = bytes(np.arange(480 * 25, dtype="<i2").tobytes())
    async with harness.peer(call) as peer:
        await peer.speak(words)
        await peer.hear(10)
        assert words in peer.sound
    await session.until("gone")
    assert session.told[:2] == ["connected", "format 24000 960"]


async def test_frames_cut_anywhere_by_tcp_are_put_together(harness: Harness) -> None:
    call, session = harness.session()
    stream = wire.encode_uuid(call) + wire.encode_audio(24_000, FRAME) * 3 + wire.encode_digit("7")
    async with harness.peer() as peer:
        for byte in stream[:40]:
            await peer.send(bytes((byte,)))
        for at in range(40, len(stream), 501):
            await peer.send(stream[at : at + 501])
        await session.until_heard(3)
        await peer.hear(2)
    assert session.heard == [FRAME] * 3
    assert session.digits == "7"


async def test_a_expedited_frame_is_sent_once(harness: Harness) -> None:
    call, session = harness.session()
    async with harness.peer(call) as peer:
        await session.until("connected")
        await peer.hear(5)
        assert session.leg is not None
        session.script.append(FRAME)
        session.leg.expedite()
        await peer.hear(10)
        assert [frame.pcm for frame in peer.frames if any(frame.pcm)] == [FRAME]


async def test_two_legs_do_not_hear_each_other(harness: Harness) -> None:
    (one, first), (two, second) = harness.session(echo=True), harness.session(echo=True)
    async with harness.peer(one) as left, harness.peer(two) as right:
        await asyncio.gather(left.speak(b"\x01\x01" * 480 * 20), right.speak(b"\x02\x02" * 480 * 20))
        await asyncio.gather(left.hear(5), right.hear(5))
        assert set(left.sound) == {0, 1}
        assert set(right.sound) == {0, 2}
    assert set(b"".join(first.heard)) == {1}
    assert set(b"".join(second.heard)) == {2}


@pytest.mark.parametrize("rate", [8_000, 16_000])
async def test_a_leg_at_another_rate_is_answered_in_kind(harness: Harness, rate: int) -> None:
    call, session = harness.session(echo=True)
    at = np.arange(rate // 2) / rate
    words = (8000 * np.sin(2 * np.pi * 440 * at)).astype("<i2").tobytes()
    async with harness.peer(call) as peer:
        await peer.speak(words, rate)
        frames = await peer.hear(5)
        assert {(frame.rate, len(frame.pcm)) for frame in frames} == {(rate, rate // 25)}
        echoed = np.frombuffer(b"".join(f.pcm for f in peer.frames if f.rate == rate), dtype="<i2")
        assert np.abs(echoed).max() == pytest.approx(8000, rel=0.1)
    assert session.told[1] == f"format {rate} {rate // 25}"
    assert {len(pcm) for pcm in session.heard} == {960}
    fixes = [entry for entry in harness.log.entries if "fix" in entry]
    assert len(fixes) == 1
    assert "c(slin24)" in fixes[0]["fix"]
    assert "22.7" in fixes[0]["fix"]


async def test_the_fix_for_the_rate_is_told_once(harness: Harness) -> None:
    for _ in range(2):
        call, session = harness.session()
        async with harness.peer(call) as peer:
            await peer.speak(bytes(320), 8_000)
            await session.until("format 8000 320")
    assert len([entry for entry in harness.log.entries if "fix" in entry]) == 1


# ---------------------------------------------------------------- the end, exactly once


async def test_each_way_to_end_is_told_once(harness: Harness) -> None:
    reasons = {}
    for way in ("hang up", "close", "reset", "by us"):
        call, session = harness.session()
        async with harness.peer(call) as peer:
            await session.until("connected")
            assert session.leg is not None
            if way == "hang up":
                await peer.send(wire.encode_hangup())
                await peer.ended()
            elif way == "close":
                peer.writer.close()
            elif way == "reset":
                peer.reset()
            else:
                session.leg.close("the call is over")
                session.leg.close("again")
                await peer.ended()
            await session.until("gone")
        reasons[way] = session.told[1:]
    assert reasons == {
        "hang up": ["gone: hung up by the peer"],
        "close": ["gone: closed by the peer"],
        "reset": ["gone: connection reset"],
        "by us": ["gone: the call is over"],
    }


async def test_closing_the_server_ends_all_legs(harness: Harness) -> None:
    sessions = [harness.session() for _ in range(3)]
    async with harness.peer(sessions[0][0]) as a, harness.peer(sessions[1][0]) as b, harness.peer(sessions[2][0]) as c:
        await asyncio.gather(*(session.until("connected") for _, session in sessions))
        await harness.server.close()
        await asyncio.gather(a.ended(), b.ended(), c.ended())
    assert [session.told[-1] for _, session in sessions] == ["gone: the worker stops"] * 3


@pytest.mark.parametrize("callback", ["caller_audio", "next_frame", "media_gone"])
async def test_a_session_that_fails_ends_only_its_own_leg(harness: Harness, callback: str) -> None:
    (good_call, good), (bad_call, bad) = harness.session(), harness.session()
    async with harness.peer(good_call) as well, harness.peer(bad_call) as ill:
        await good.until("connected")
        await bad.until("connected")
        bad.broken = callback
        await ill.send(wire.encode_audio(24_000, FRAME))
        if callback == "media_gone":
            ill.writer.close()
        else:
            await ill.ended()
        await bad.until("gone")
        await well.hear(5)
        assert not well.closed.is_set()
    assert sum(line.startswith("gone") for line in bad.told) == 1
    assert any(entry["log_level"] == "error" and entry["call"] == bad_call for entry in harness.log.entries)


# ---------------------------------------------------------------- who is refused


async def test_an_unknown_media_id_is_closed(harness: Harness) -> None:
    call, session = harness.session()
    async with harness.peer(str(uuid.uuid4())) as stranger, harness.peer(call) as peer:
        await stranger.ended()
        await peer.hear(3)
    harness.logged("media id unknown")
    assert session.told[0] == "connected"


async def test_asterisk_may_be_here_before_its_media_id_is_told(harness: Harness) -> None:
    media, session = str(uuid.uuid4()), ScriptedSession()
    async with harness.peer(media) as peer:
        await peer.send(wire.encode_audio(24_000, FRAME) + wire.encode_digit("5"))
        await peer.hear(3)
        assert harness.server.legs == 1
        harness.server.expect(media, "the call", session, ttl=5)
        await session.until("connected")
        assert session.leg is not None
        assert session.leg.call == "the call"
        await peer.send(wire.encode_audio(24_000, FRAME))
        await session.until_heard(1)
        await peer.hear(30)  # longer than the handshake may take
    await session.until("gone")
    assert (session.heard, session.digits) == ([FRAME], "")


async def test_a_new_media_id_of_a_call_replaces_the_one_before(harness: Harness) -> None:
    old, new, session = str(uuid.uuid4()), str(uuid.uuid4()), ScriptedSession()
    harness.server.expect(old, "c", session, ttl=5)
    harness.server.expect(new, "c", session, ttl=5)
    async with harness.peer(old) as late:
        await late.ended()
    async with harness.peer(new):
        await session.until("connected")
    harness.logged("media id unknown")


async def test_two_controllers_may_name_their_calls_alike(harness: Harness) -> None:
    """What one forgets, replaces or ends is its own; the media id that the other one was told opens nothing for it."""
    media, first, second = str(uuid.uuid4()), ScriptedSession(), ScriptedSession()
    harness.server.expect(media, "c", first, ttl=5)
    with pytest.raises(ValueError, match="another session waits"):
        harness.server.expect(media, "c", second, ttl=5)
    harness.server.forget(second)
    async with harness.peer(media) as peer:
        await first.until("connected")
        harness.server.hang_up(second, "not mine")
        await peer.hear(3)
        harness.server.hang_up(first, "mine")
        await first.until("gone")
    assert second.told == []


async def test_a_media_id_is_taken_from_where_its_controller_says(harness: Harness) -> None:
    media, session = str(uuid.uuid4()), ScriptedSession()
    harness.server.expect(media, "c", session, ttl=5, allow=(ip_network("192.0.2.0/24"),))
    async with harness.peer(media) as stranger:
        await stranger.ended()
    harness.logged("address not allowed")
    harness.server.expect(media, "c", session, ttl=5, allow=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
    async with harness.peer(media):
        await session.until("connected")
    early = str(uuid.uuid4())
    async with harness.peer(early) as peer:
        await peer.hear(3)
        harness.server.expect(early, "c", session, ttl=5, allow=(ip_network("192.0.2.0/24"),))
        await peer.ended()


async def test_a_media_id_is_in_no_log_line(harness: Harness) -> None:
    media, session = str(uuid.uuid4()), ScriptedSession()
    harness.server.expect(media, "c", session, ttl=5)
    async with harness.peer(media), harness.peer(media) as thief:
        await thief.ended()
    await session.until("gone")
    assert media not in repr(harness.log.entries)


async def test_a_uuid_counts_once(harness: Harness) -> None:
    call, session = harness.session()
    async with harness.peer(call) as peer, harness.peer(call) as thief:
        await session.until("connected")
        await thief.ended()
        await peer.hear(3)
    await session.until("gone")
    async with harness.peer(call) as late:
        await late.ended()
    assert harness.lines("media id used a second time") == ["warning"] * 2
    assert session.told == ["connected", "gone: closed by the peer"]


async def test_a_uuid_is_not_expected_for_ever(harness: Harness) -> None:
    call, session = str(uuid.uuid4()), ScriptedSession()
    harness.server.expect(call, call, session, ttl=-1)
    async with harness.peer(call) as peer:
        await peer.ended()
    harness.logged("media id too late")
    forgotten, former = harness.session()
    harness.server.forget(former)
    async with harness.peer(forgotten) as peer:
        await peer.ended()
    harness.logged("media id unknown")
    assert session.told == []


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "protocol error: unknown frame type 0x47"),
        (wire.encode_audio(24_000, FRAME), "no media id in the first frame"),
        (wire.encode_digit("1"), "no media id in the first frame"),
        (b"\x01\x00\x20", "protocol error: frame type 0x01"),
        (b"\x01\x00\x10half", "no media id within 0.5 s"),
        (b"", "no media id within 0.5 s"),
        (wire.encode_hangup(), "hung up by the peer"),
    ],
)
async def test_what_is_no_handshake_is_closed(harness: Harness, stream: bytes, reason: str) -> None:
    call, session = harness.session()
    async with harness.peer(call) as peer, harness.peer() as stranger:
        await stranger.send(stream)
        await stranger.ended()
        await peer.hear(3)
        assert session.told == ["connected"]
    assert len(harness.lines(reason)) == 1


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"\x13\x03\xc0" + b"half a frame", "half a frame"),
        (b"\x99\x00\x01!", "protocol error: unknown frame type 0x99"),
        (wire.encode_uuid("00000000-0000-4000-8000-000000000001"), "a second media id"),
        (wire.encode_fault(b"\x01"), "the peer reported an error 01"),
    ],
)
async def test_nonsense_in_the_middle_of_a_call_ends_it(
    harness: Harness, stream: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leg_module, "HALF_FRAME_TICKS", 5)
    (call, session), (other, untouched) = harness.session(), harness.session()
    async with harness.peer(call) as peer, harness.peer(other) as well:
        await peer.send(wire.encode_audio(24_000, FRAME) + stream)
        await peer.ended()
        await session.until("gone")
        await well.hear(3)
    assert session.heard == [FRAME]
    assert session.told[-1].startswith(f"gone: {reason}")
    assert untouched.told[0] == "connected"
    harness.logged(reason)


async def test_an_address_that_is_not_allowed() -> None:
    ticker = Ticker()
    server = AudioSocketServer(ticker, allow=["192.0.2.0/24"])
    host, port = await server.start("127.0.0.1", [0])
    call, session = str(uuid.uuid4()), ScriptedSession()
    server.expect(call, call, session, ttl=30)
    async with AsteriskPeer(host, port, call) as peer:
        await peer.ended()
        assert peer.frames == []
    await server.close()
    assert session.told == []


async def test_nameless_connections_keep_nobody_out(harness: Harness) -> None:
    """They come faster than they are given up: the oldest has to go, and Asterisk does not notice."""
    talking, session = harness.session()
    async with harness.peer(talking) as peer, contextlib.AsyncExitStack() as flood:
        await session.until("connected")
        crowd = [await flood.enter_async_context(harness.peer()) for _ in range(60)]
        crowd += [await flood.enter_async_context(harness.peer(str(uuid.uuid4()))) for _ in range(60)]
        for _ in range(5):
            call, late = harness.session()
            async with harness.peer(call) as other:
                await late.until("connected")
                await other.hear(3)
            crowd += [await flood.enter_async_context(harness.peer()) for _ in range(20)]
        assert harness.server.legs <= 20 + 2
        await asyncio.gather(*(each.ended() for each in crowd))
        await peer.hear(3)
    assert len(harness.lines("too many")) <= 10, "a flood does not fill the log"


async def test_one_address_has_fewer_places_than_all() -> None:
    server = AudioSocketServer(Ticker(), handshake_timeout=5, unexpected=40, per_address=4)
    host, port = await server.start("127.0.0.1", [0])
    async with contextlib.AsyncExitStack() as flood:
        crowd = [await flood.enter_async_context(AsteriskPeer(host, port)) for _ in range(4)]
        await asyncio.gather(*(each.hear(8) for each in crowd))  # none of them has only just come
        newest = await flood.enter_async_context(AsteriskPeer(host, port))
        await crowd[0].ended()
        await newest.hear(1)
        assert not any(each.closed.is_set() for each in crowd[1:])
        await server.close()


async def test_a_peer_that_does_not_read_loses_frames_and_then_its_leg(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leg_module, "STUCK_FRAMES", 10)
    (call, session), (other, _) = harness.session(), harness.session()
    async with harness.peer(call) as peer, harness.peer(other) as well:
        await session.until("connected")
        leg = session.leg
        assert leg is not None
        # The receiver's kernel takes a second or more of sound before we can notice: fill it at once.
        peer.stop_reading()
        leg._transport.write(bytes(8 << 20))
        await session.until("gone")
        await well.hear(3)
        assert leg.counters.dropped_frames == 10
    assert session.told[-1] == "gone: the peer does not read"
    harness.logged("the peer does not read")


# ---------------------------------------------------------------- the listening socket


async def test_the_first_free_port_is_taken(harness: Harness) -> None:
    second = AudioSocketServer(Ticker())
    with pytest.raises(NoFreePort):
        await second.start("127.0.0.1", range(harness.port, harness.port + 1))
    host, port = await second.start("127.0.0.1", [harness.port, 0])
    assert (host, port) != (harness.host, harness.port)
    await second.close()


async def test_only_uuids_can_be_expected(harness: Harness) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        harness.server.expect("call-7", "c", ScriptedSession(), ttl=1)
