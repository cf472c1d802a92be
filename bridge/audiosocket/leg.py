"""One AudioSocket connection from Asterisk, the media leg of a call: 50 frames a second out, whatever comes in.

Owns the connection from accept to close. It sends the first frame at once, then one whole frame per tick in one write,
and silence when the session has nothing to say. It decodes what comes, resamples if the leg is not 24 kHz, and ends
connections that break the protocol. Whoever ends it, the session gets `media_gone` once, with the reason.

Nothing here waits: there is no await, no queue and no back-pressure. What can't be sent now is dropped and counted,
because late audio is worse than none.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import structlog

from bridge.audiosocket import wire
from bridge.audiosocket.check import MediaCheck
from bridge.audiosocket.resampler import OUR_RATE, Resampler
from bridge.audiosocket.ticker import Ticker, TickHandle
from bridge.common.limited_warnings import LimitedWarnings
from bridge.media.sink import MediaSink

FRAME_BYTES = wire.frame_bytes(OUR_RATE)
BACKLOG_BYTES = 3 * (wire.HEADER_BYTES + FRAME_BYTES)
"""What may wait in this process for a peer that does not read, before frames are dropped."""
SEND_BUFFER_BYTES = 32 * 1024
"""Asked of the kernel, which doubles it and charges its own overhead: about half a second of sound. The default holds
20 s and more, all of it stale when the peer reads again, and all that time nobody would know."""
STUCK_FRAMES = 3 * wire.FRAMES_PER_SECOND
"""Dropped in a row, that is 3 s: the peer is gone or hangs."""
HALF_FRAME_TICKS = wire.FRAMES_PER_SECOND
"""A frame that has begun and is still not complete from one look to the next (1 s) will not be."""

_SLIN24_HEADER = wire.silence(OUR_RATE)[: wire.HEADER_BYTES]

log = structlog.get_logger(__name__)


class LegAcceptor(Protocol):
    """What a leg asks of the server that accepted it. Each answer is None, or the reason for a refusal."""

    def refuse(self, leg: "Leg") -> str | None:
        """At accept: may this peer connect?"""

    def admit(self, leg: "Leg", media: str) -> tuple[str, MediaSink] | str | None:
        """At the media id: which call's leg is it? A text is a refusal; None: `Leg.accept` may follow."""

    def explain_rate(self, leg: "Leg", rate: int) -> None:
        """The leg is not 24 kHz."""

    def refused(self, leg: "Leg", reason: str, *, fault: bool) -> None:
        """It is over, and has never been a call's."""

    def departed(self, leg: "Leg") -> None:
        """The connection is closed and holds nothing any more."""


@dataclass(slots=True)
class LegCounters:
    """What one leg did. Frames are 20 ms towards Asterisk, whatever length it chose from there."""

    frames_in: int = 0
    frames_out: int = 0
    dropped_frames: int = 0


class Leg(asyncio.Protocol):
    """The media leg of one call. Made by the server; the session may `close` and `expedite` it, and read its
    counters."""

    def __init__(self, acceptor: LegAcceptor, ticker: Ticker, *, handshake_timeout: float) -> None:
        self.call = ""
        """Whose leg it is; empty until that is known."""
        self.media = ""
        """The media id that the peer showed; empty until it came. It is a secret until then, and never logged."""
        self.peer = ""
        """The IP address of Asterisk."""
        self.accepted_at = 0.0
        """Loop time."""
        self.counters = LegCounters()
        self._tell: Callable[..., None] = log.info
        self._acceptor = acceptor
        self._ticker = ticker
        self._handshake_timeout = handshake_timeout
        self._decoder = wire.Decoder()
        self._sink: MediaSink | None = None
        self._transport: asyncio.Transport
        self._tick_handle: TickHandle | None = None
        self._handshake: asyncio.TimerHandle | None = None
        self._reason: str | None = None
        self._rate = 0
        self._converter: Resampler | None = None
        self._silence = wire.silence(OUR_RATE)
        self._warnings = LimitedWarnings(log)
        self._dropped_in_a_row = 0
        self._ticks = 0
        self._half_frame_after = -1

    def __repr__(self) -> str:
        return f"<Leg [{self.call or 'nameless'}, {self._rate or 'no'} Hz, {self._reason or 'open'}]>"

    @property
    def open(self) -> bool:
        return self._reason is None

    @property
    def sink(self) -> MediaSink | None:
        """What it was given to; None before that, and after its end."""
        return self._sink

    @property
    def sent_frames(self) -> int:
        """To Asterisk, silence too."""
        return self.counters.frames_out

    @property
    def late_frames(self) -> int:
        """Frames never sent because this process stalled for longer than is caught up."""
        return self._tick_handle.skipped if self._tick_handle is not None else 0

    @property
    def dropped_frames(self) -> int:
        """Frames that Asterisk did not take in time."""
        return self.counters.dropped_frames

    def close(self, reason: str) -> None:
        """End the leg; Asterisk sees its media channel hang up. `media_gone` follows with this reason. Idempotent."""
        self._end(reason)

    def accept(self, call: str, sink: MediaSink) -> None:
        """It is this call's leg."""
        if self._handshake is not None:
            self._handshake.cancel()
        self.call, self._sink = call, sink
        if isinstance(sink, MediaCheck):
            self._tell = log.debug
        self._tell("media leg connected", call=call, peer=self.peer)
        try:
            sink.media_connected(self)
        except Exception as fault:  # the top of this leg: the session's fault ends its own call only
            self._failed(fault)

    def expedite(self) -> None:
        """Sound was queued after silence: fetch it within 8 ms, mostly 2, instead of up to 20."""
        if self._tick_handle is not None:
            self._tick_handle.expedite()

    # ------------------------------------------------------------ asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = str(self._transport.get_extra_info("peername", ("unknown",))[0])
        self.accepted_at = asyncio.get_running_loop().time()
        refusal = self._acceptor.refuse(self)
        if refusal is not None:
            self._end(refusal, fault=True)
            return
        sock: socket.socket = self._transport.get_extra_info("socket")
        # A frame that is held back to be joined with the next, or split over two segments, ends the leg in Asterisk.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        # A frame waits for nothing: some loops gather what is written until their round is over, two frames into one.
        self._transport.set_write_buffer_limits(high=0)
        # Before the UUID is known: while it waits for our first frame, Asterisk holds a lock and can freeze.
        self._transport.write(self._silence)
        self.counters.frames_out += 1
        self._tick_handle = self._ticker.add(self._tick, self._failed)
        self._await(f"no media id within {self._handshake_timeout:g} s")

    def data_received(self, data: bytes) -> None:
        if self._reason is not None:
            return
        try:
            pcm = self._decoder.whole(data)
            if pcm is not None:
                self._hear(OUR_RATE, pcm)
                return
            for message in self._decoder.feed(data):
                self._receive(message)
                if self._reason is not None:
                    return
        except Exception as fault:  # the top of this leg: the session's fault ends its own call only
            self._failed(fault)
            return
        if self._decoder.error is not None:
            self._end(f"protocol error: {self._decoder.error}", fault=True)

    def eof_received(self) -> None:
        half = " in the middle of a frame" if self._decoder.pending else ""
        self._end(f"closed by the peer{half}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("connection reset" if exc is not None else "connection closed")
        self._acceptor.departed(self)
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.media_gone(self._reason or "")
            except Exception:  # the top of this leg
                log.exception("session failed at the end of its media leg", call=self.call)
        self._tick_handle = None  # it refers to this leg, which is freed without the garbage collector by that

    # ------------------------------------------------------------ in

    def _receive(self, message: wire.Message) -> None:
        match message:
            case wire.Audio(rate, pcm):
                self._hear(rate, pcm)
            case wire.Uuid(media):
                self._introduce(media)
            case wire.Digit(digit) if self._sink is not None:
                self._sink.caller_digit(digit)
            case wire.Hangup():
                self._end("hung up by the peer")
            case wire.Fault(payload):
                self._end(f"the peer reported an error {payload[:8].hex()}".rstrip(), fault=True)
            case _ if not self.media:
                self._end("no media id in the first frame", fault=True)

    def _await(self, otherwise: str) -> None:
        """Waits for `accept`, or the next frame of the handshake. `otherwise`: why the leg ends if neither comes."""
        if self._handshake is not None:
            self._handshake.cancel()
        loop = asyncio.get_running_loop()
        self._handshake = loop.call_later(self._handshake_timeout, self._end, otherwise, True)

    def _introduce(self, media: str) -> None:
        if self.media:
            self._end("a second media id on one connection", fault=True)
            return
        self.media = media
        admitted = self._acceptor.admit(self, media)
        if isinstance(admitted, str):
            self._end(admitted, fault=True)
        elif admitted is None:
            self._await("media id unknown")
        else:
            self.accept(*admitted)

    def _hear(self, rate: int, pcm: bytes) -> None:
        if self._sink is None:
            if not self.media:
                self._end("no media id in the first frame", fault=True)
            return  # not accepted yet, and so in no bridge: the frame holds no sound
        self.counters.frames_in += 1
        if rate != self._rate:
            self._adopt(rate, len(pcm))
        self._sink.caller_audio(pcm if self._converter is None else self._converter.to_ours(pcm))

    def _adopt(self, rate: int, frame_bytes: int) -> None:
        """Send at the rate at which the peer sends: it is now known. Asterisk never changes it; another peer may."""
        first = not self._rate
        self._rate = rate
        self._converter = None if rate == OUR_RATE else Resampler(rate)
        if self._converter is not None:
            self._acceptor.explain_rate(self, rate)
        if first and self._sink is not None:
            self._sink.media_format(rate, frame_bytes)

    # ------------------------------------------------------------ out

    def _tick(self) -> bool:
        """Sends one frame by one write. Returns whether it was sound."""
        pcm = None if self._sink is None else self._sink.next_frame()
        if pcm is not None and len(pcm) != FRAME_BYTES:
            raise wire.LocalProtocolError(f"a frame of {len(pcm)} bytes from the session")
        if self._reason is not None:
            return False  # the session closed the leg while it was asked for a frame
        self._ticks += 1
        if self._ticks % HALF_FRAME_TICKS == 0 and self._half_frame():
            self._end("half a frame, and then nothing", fault=True)
            return False
        if self._transport.get_write_buffer_size() > BACKLOG_BYTES:
            self._drop()
            return pcm is not None
        self._dropped_in_a_row = 0
        self.counters.frames_out += 1
        if self._converter is not None:
            self._transport.write(wire.encode_audio(self._converter.answer_rate, self._converter.to_theirs(pcm)))
        else:
            self._transport.write(self._silence if pcm is None else _SLIN24_HEADER + pcm)
        return pcm is not None

    def _drop(self) -> None:
        self.counters.dropped_frames += 1
        self._dropped_in_a_row += 1
        if self._dropped_in_a_row == 1:
            text = "media leg does not take its sound, dropping"
            self._warnings.warning(text, by=("call",), call=self.call, peer=self.peer)
        if self._dropped_in_a_row >= STUCK_FRAMES:
            self._end("the peer does not read", fault=True)

    def _half_frame(self) -> bool:
        """Whether the frame that was incomplete at the last look is the one that is incomplete now."""
        frames = self._decoder.frames if self._decoder.pending else -1
        stuck = frames >= 0 and frames == self._half_frame_after
        self._half_frame_after = frames
        return stuck

    # ------------------------------------------------------------ the end

    def _failed(self, fault: Exception) -> None:
        log.error("session failed in its media leg", call=self.call, peer=self.peer, exc_info=fault)
        self._end("the session failed", fault=True)

    def _end(self, reason: str, fault: bool = False) -> None:
        """The first reason counts. No callback but `media_gone` comes after it. `fault`: somebody should look at it."""
        if self._reason is not None:
            return
        self._reason = reason
        self._warnings.close()
        if self._handshake is not None:
            self._handshake.cancel()
        if self._tick_handle is not None:
            self._tick_handle.remove()
        if self.call:
            tell = log.warning if fault else self._tell
            tell("AudioSocket connection over", call=self.call, peer=self.peer, reason=reason)
        else:
            self._acceptor.refused(self, reason, fault=fault)
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # a close would wait for a peer that does not read
        else:
            self._transport.close()
