"""Measures sound from this machine through Asterisk and back: sample rate, frame rate, gaps, delay.

Owns two media legs in one bridge of Asterisk: what is sent on one must be received on the other. Measures at the
AudioSocket, as workers do, and leaves nothing behind in Asterisk. `judged` is pure and makes the findings.
"""

import asyncio
import struct
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from statistics import quantiles

from bridge.audiosocket import wire
from controller.ari.errors import AriError, Refused
from controller.ari.rest import Ari
from controller.cli.doctor.findings import Finding, failure, ok, warning

CHECK = "audio loop-back"
SECONDS = 2.0
TICK = 0.02
LIMIT_SECONDS = 25.0
TRIES = 50
RATE = 24_000
SAMPLES = RATE // wire.FRAMES_PER_SECOND
_HEADER = struct.pack(">BH", wire.TYPE_OF_RATE[RATE], 2 * SAMPLES)
SILENCE = _HEADER + bytes(2 * SAMPLES)
CLICK = _HEADER + struct.pack("<h", 20_000) * SAMPLES
"""A loud frame, to measure the delay."""
CLICK_INTERVAL = 25
"""Frames."""
LOUD = 10_000

ADDRESS = (
    "`bridge.advertise` must be an IP address of this machine that Asterisk reaches, and no firewall may stand between"
)


@dataclass(slots=True)
class Measured:
    """Measurements of both legs together; gaps and delays in milliseconds."""

    connected: int = 0
    kinds: set[int] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)
    frames: int = 0
    seconds: float = 0.0
    gaps: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """From sending a click on one leg to its arrival on the other."""
    error: str = ""


class _Leg(asyncio.Protocol):
    """One AudioSocket connection from Asterisk. Measures what it receives; `_pace` sends."""

    def __init__(self, measured: Measured, clicks: list[float]) -> None:
        self._measured = measured
        self._clicks = clicks
        self._decoder = wire.Decoder()
        self._last: float | None = None
        self._quiet = True
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._measured.connected += 1
        self.send(SILENCE)  # at once: a silent peer can freeze Asterisk

    def send(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        for message in self._decoder.feed(data):
            if isinstance(message, wire.Audio):
                self._note(message, now)
        if self._decoder.error is not None:
            self._measured.error = str(self._decoder.error)

    def _note(self, audio: wire.Audio, now: float) -> None:
        measured = self._measured
        measured.kinds.add(wire.TYPE_OF_RATE[audio.rate])
        measured.lengths.add(len(audio.pcm))
        measured.frames += 1
        if self._last is not None:
            measured.gaps.append(1000 * (now - self._last))
        self._last = now
        middle = len(audio.pcm) // 4 * 2
        loud = abs(struct.unpack_from("<h", audio.pcm, middle)[0]) > LOUD
        if loud and self._quiet and self._clicks:
            measured.delays.append(1000 * (now - self._clicks[-1]))
        self._quiet = not loud


Meanwhile = Callable[[str], Awaitable[None]]
"""Is called with the id of a live channel, which some requests to Asterisk need."""


async def _nothing(_: str) -> None:
    return


async def measure(ari: Ari, listen: str, advertise: str, ports: range, meanwhile: Meanwhile = _nothing) -> Measured:
    """Measures for SECONDS. The app of `ari` must be registered. Raises AriError if Asterisk refuses or does not
    connect, OSError if we can't listen, TimeoutError."""
    measured, clicks, legs = Measured(), list[float](), list[_Leg]()

    def leg() -> _Leg:
        legs.append(_Leg(measured, clicks))
        return legs[-1]

    server = await _listening(leg, listen, ports)
    pacing = asyncio.create_task(_pace(legs, clicks), name="doctor's sound")
    try:
        target = f"{advertise}:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(LIMIT_SECONDS), _joined(ari, target) as channel:
            await meanwhile(channel)
            measured.frames, start = 0, time.perf_counter()
            measured.gaps.clear()
            await asyncio.sleep(SECONDS)
            measured.seconds = time.perf_counter() - start
    finally:
        pacing.cancel()
        server.close()
        for each in legs:
            each.close()
        await asyncio.wait({pacing})
    return measured


async def _listening(leg: Callable[[], _Leg], listen: str, ports: range) -> asyncio.Server:
    """On a free port of the workers (a firewall may allow only those), else on any port."""
    loop = asyncio.get_running_loop()
    for port in ports:
        with suppress(OSError):
            return await loop.create_server(leg, listen, port)
    return await loop.create_server(leg, listen, 0)


@asynccontextmanager
async def _joined(ari: Ari, target: str) -> AsyncIterator[str]:
    """Two media legs in a bridge; the id of one of them."""
    name = f"voiceai-doctor-{uuid.uuid4().hex[:8]}"
    channels = [f"{name}-{side}" for side in "ab"]
    try:
        await ari.create_bridge(bridge_id=name)
        for channel in channels:
            await ari.external_media(channel_id=channel, host_port=target, uuid=str(uuid.uuid4()))
            await _add(ari, name, channel)
        yield channels[0]
    finally:
        for channel in channels:
            with suppress(AriError):
                await ari.hangup(channel)
        with suppress(AriError):
            await ari.destroy_bridge(name)


async def _add(ari: Ari, bridge: str, channel: str) -> None:
    """Tries again while Asterisk refuses because the channel is not yet in the app."""
    for attempt in count():
        try:
            await ari.add_channel(bridge, channel)
            break
        except Refused:
            if attempt == TRIES:
                raise
            await asyncio.sleep(TICK)


async def _pace(legs: list[_Leg], clicks: list[float]) -> None:
    """50 frames a second to each leg, by absolute deadlines; every CLICK_INTERVAL a click on the first."""
    due = time.perf_counter()
    for tick in count():
        due += TICK
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        click = tick % CLICK_INTERVAL == 0
        if click:
            clicks.append(time.perf_counter())
        for index, leg in enumerate(legs):
            leg.send(CLICK if click and index == 0 else SILENCE)


# ---------------------------------------------------------------- findings


def unreached(address: str, message: str) -> Finding:
    """Asterisk could not connect to us."""
    return failure(CHECK, f"Asterisk can't connect to {address} ({message})", f"{ADDRESS}.")


def judged(measured: Measured) -> list[Finding]:
    """Pure. Two legs: 100 frames of 960 bytes a second, of type 0x13."""
    if measured.connected < 2:
        return [failure(CHECK, "Asterisk opened the media legs, but nothing reached this machine", f"{ADDRESS}.")]
    if measured.error:
        fix = "Something between Asterisk and this machine speaks another protocol on that port."
        return [failure(CHECK, f"the received data is no AudioSocket: {measured.error}", fix)]
    if not measured.frames:
        fix = "Look for `res_audiosocket` in Asterisk's log; docs/asterisk.md has the modules that it needs."
        return [failure(CHECK, "Asterisk connected and sent no sound", fix)]
    return [_width(measured), _evenness(measured), _delay(measured)]


def _width(measured: Measured) -> Finding:
    if measured.kinds == {0x13} and measured.lengths == {960}:
        return ok(CHECK, "24 kHz, 960 bytes in a frame (type 0x13)")
    kinds = ", ".join(f"0x{kind:02x} ({wire.RATE_OF_TYPE[kind] // 1000} kHz)" for kind in sorted(measured.kinds))
    lengths = ", ".join(map(str, sorted(measured.lengths)))
    fix = "Asterisk must be 22.7 or newer (20.17, 21.12, 23.1), with codec_resample and slin24."
    return failure(CHECK, f"frames of type {kinds}, {lengths} bytes, instead of 0x13 with 960", fix)


def _evenness(measured: Measured) -> Finding:
    rate = measured.frames / measured.seconds / 2
    p99 = quantiles(measured.gaps, n=100)[98] if len(measured.gaps) > 1 else 0.0
    text = (
        f"{rate:.1f} frames a second (50 wanted), gap p99 {p99:.0f} ms, longest {max(measured.gaps, default=0):.0f} ms"
    )
    if not 47 <= rate <= 53:
        return failure("audio rate", text, "Frames are lost or doubled on the way: look at the load of both machines.")
    if p99 > 40:
        return warning("audio rate", text, "Uneven sound: the machine, or the network between them, is too busy.")
    return ok("audio rate", text)


def _delay(measured: Measured) -> Finding:
    if not measured.delays:
        fix = "The bridge does not mix: look for errors of `bridge_simple` or `bridge_softmix` in Asterisk's log."
        return failure("audio round trip", "sound sent on one leg did not arrive on the other", fix)
    median = sorted(measured.delays)[len(measured.delays) // 2]
    text = f"{median:.1f} ms through Asterisk and back"
    if median > 150:
        return warning("audio round trip", text, "Callers will notice: put the workers nearer to Asterisk.")
    return ok("audio round trip", text)
