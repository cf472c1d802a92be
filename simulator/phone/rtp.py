"""A telephone's end of an RTP stream: G.711 in 20 ms packets, paced by absolute deadlines.

Owns its UDP sockets. Sends silence whenever there is nothing to say, as telephones do, and keeps every packet it
receives with the time at which the kernel saw it, so that a busy Python does not blur what is measured.
Refuses to know SIP: it is told where to send to.

Source: RFC 3550 (RTP), RFC 3551 (payload types 0 and 8), RFC 4733 (telephone events).
"""

import asyncio
import random
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

import numpy as np

from simulator.audio.g711 import TABLES, compand
from simulator.audio.sound import FRAME_SAMPLES, FRAME_SECONDS, Frame, Samples, Stretch, stretches
from simulator.phone.impairment import Impairment

Codec = Literal["PCMU", "PCMA"]

PAYLOAD_TYPES: dict[Codec, int] = {"PCMU": 0, "PCMA": 8}
EVENT_TYPE = 101
DIGITS = "0123456789*#ABCD"
HEADER = struct.Struct("!BBHII")
TIMESTAMPS = getattr(socket, "SO_TIMESTAMPNS", 35)  # Linux; Python 3.11 has no name for it
TIMESPEC = struct.Struct("qq")
SILENCE = np.zeros(FRAME_SAMPLES, np.int16)
UNDER_WAY = 1000
DIGIT_FRAMES, DIGIT_ENDS, DIGIT_PAUSE = 5, 3, 5  # RFC 4733 section 2.5.1.4 wants the end three times


class RtpEnd:
    """`async with RtpEnd() as end:` put `end.port` into the SDP, `aim()` when the answer says where to.

    `heard` and `sent` hold every frame of sound since it was opened, decoded, in order. All waits raise TimeoutError.
    """

    def __init__(self, codec: Codec = "PCMU", host: str = "127.0.0.1") -> None:
        self.codec, self.host, self.port = codec, host, 0
        self.heard: list[Frame] = []
        self.sent: list[Frame] = []
        self.payload_types: set[int] = set()
        self.keys = ""
        """The keys that the other end has pressed."""
        self._key_stamps: set[int] = set()
        self._wire = "audio/" + codec.lower()
        self._speech: deque[Samples] = deque()
        self._digits: deque[bytes | None] = deque()
        self._changed = asyncio.Event()
        self._sockets: list[socket.socket] = []
        """One; two while the sound moves from one port to another."""
        self._said_until = 0.0
        self._pace: asyncio.Task[None] | None = None
        self._impairment: Impairment | None = None
        self._under_way: deque[asyncio.TimerHandle] = deque(maxlen=UNDER_WAY)
        """Impaired packets that may not have arrived yet."""
        self._sequence, self._stamp = random.getrandbits(16), random.getrandbits(31)
        self._source = random.getrandbits(32)

    async def __aenter__(self) -> Self:
        self.open_port()
        self.use_port()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        while self._sockets:
            self._close(self._sockets[0])

    def open_port(self) -> int:
        """One more port, at which sound is received from now on. Put it into the SDP, and then `use_port`."""
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.append(opened)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, TIMESTAMPS, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.bind((self.host, 0))
        asyncio.get_running_loop().add_reader(opened, self._receive, opened)
        return int(opened.getsockname()[1])

    def use_port(self) -> None:
        """From now on all is sent from the port that was opened last. At the one before it sound is still received."""
        self._origin = self._sockets[-1]
        self.port = self._origin.getsockname()[1]
        for old in self._sockets[:-2]:
            self._close(old)

    def _close(self, old: socket.socket) -> None:
        self._sockets.remove(old)
        asyncio.get_running_loop().remove_reader(old)
        old.close()

    # ---------------------------------------------------------------- speaking

    def aim(self, host: str, port: int) -> None:
        """Send to this address from now on, 50 packets a second."""
        self._target = host, port
        if self._pace is None:
            self._pace = asyncio.create_task(self._send_on_time(), name=f"rtp {self.port}")

    async def stop(self) -> None:
        """Send nothing any more: the telephone is gone. It still receives."""
        if self._pace is not None:
            self._pace.cancel()
            await asyncio.gather(self._pace, return_exceptions=True)
            self._pace = None
        for packet in self._under_way:
            packet.cancel()
        self._under_way.clear()

    def impair(self, impairment: Impairment | None) -> None:
        """Packets that are sent from now on go through such a network; None: through a perfect one."""
        self._impairment = impairment

    def jump(self, sequence: int = 0, stamp: int = 0, *, new_source: bool = False) -> None:
        """The stream goes on with other numbers, as when a carrier moves the media: add these to sequence number and
        timestamp (both may be negative), and take another SSRC if wanted."""
        self._sequence = self._sequence + sequence & 0xFFFF
        self._stamp = self._stamp + stamp & 0xFFFFFFFF
        if new_source:
            self._source = random.getrandbits(32)

    def say(self, samples: Samples) -> None:
        """Queue 8 kHz sound behind what is queued already; the last frame is filled up with silence."""
        for start in range(0, len(samples), FRAME_SAMPLES):
            frame = samples[start : start + FRAME_SAMPLES]
            self._speech.append(np.pad(frame, (0, FRAME_SAMPLES - len(frame))))

    async def spoken(self, timeout: float = 30.0) -> float:
        """Wait until all that was queued has been sent; returns when its last frame was over."""
        await self._until(lambda: not self._speech, timeout)
        return self._said_until

    async def press(self, digits: str, timeout: float = 10.0) -> None:
        """Send these keys, 100 ms each, with pauses of 100 ms."""
        for digit in digits:
            event = DIGITS.index(digit)
            lengths = [FRAME_SAMPLES * count for count in range(1, DIGIT_FRAMES + 1)]
            self._digits.extend(struct.pack("!BBH", event, 10, length) for length in lengths)
            self._digits.extend([struct.pack("!BBH", event, 10 | 0x80, lengths[-1])] * DIGIT_ENDS)
            self._digits.extend([None] * DIGIT_PAUSE)
        await self._until(lambda: not self._digits, timeout)

    async def _send_on_time(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._send_frame()
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _send_frame(self) -> None:
        event = self._digits.popleft() if self._digits else None
        if event is not None:
            self._send_event(event)
        else:
            speaks = bool(self._speech)
            samples = self._speech.popleft() if speaks else SILENCE
            self._send(PAYLOAD_TYPES[self.codec], self._stamp, compand(self._wire, samples.tobytes()))
            self.sent.append(Frame(time.time(), self._stamp, samples))
            if speaks:
                self._said_until = self.sent[-1].at + FRAME_SECONDS
        self._stamp = self._stamp + FRAME_SAMPLES & 0xFFFFFFFF
        self._tell()

    def _send_event(self, event: bytes) -> None:
        """All packets of one key carry the time at which it went down."""
        elapsed = min(struct.unpack("!H", event[2:])[0], FRAME_SAMPLES * DIGIT_FRAMES)
        if event[1] & 0x80 == 0 and elapsed == FRAME_SAMPLES:
            self._pressed = self._stamp
            self._send(EVENT_TYPE | 0x80, self._pressed, event)
        else:
            self._send(EVENT_TYPE, self._pressed, event)

    def _send(self, payload_type: int, stamp: int, payload: bytes) -> None:
        self._sequence = self._sequence + 1 & 0xFFFF
        packet = HEADER.pack(0x80, payload_type, self._sequence, stamp, self._source) + payload
        if self._impairment is None:
            self._put_on_wire(packet, self._origin)
            return
        loop = asyncio.get_running_loop()
        for arrival in self._impairment.arrivals(loop.time()):
            self._under_way.append(loop.call_at(arrival, self._put_on_wire, packet, self._origin))

    def _put_on_wire(self, packet: bytes, origin: socket.socket) -> None:
        try:
            origin.sendto(packet, self._target)
        except OSError:
            return  # the other end has closed its port (ICMP): a telephone goes on regardless

    # ---------------------------------------------------------------- hearing

    def stretches(self, pause: float = 0.4) -> list[Stretch]:
        """The stretches of sound that were received so far."""
        return stretches(self.heard, pause)

    async def sound(self, after: float = 0.0, timeout: float = 10.0) -> float:
        """Wait for sound that arrives after this time; returns when it began."""
        seen = 0
        async with asyncio.timeout(timeout):
            while True:
                for frame in self.heard[seen:]:
                    if frame.at >= after and frame.loud:
                        return frame.at
                seen = len(self.heard)
                await self._changed.wait()

    async def quiet(self, seconds: float, timeout: float = 30.0) -> float:
        """Wait until nothing has been heard for so long; returns the end of the last sound, 0 for none."""
        async with asyncio.timeout(timeout):
            while True:
                last = next((frame.at for frame in reversed(self.heard) if frame.loud), None)
                end = last + FRAME_SECONDS if last is not None else 0.0
                left = seconds - (time.time() - end)
                if left <= 0:
                    return end
                await asyncio.sleep(left)

    async def hears(self, test: Callable[[Samples], bool], seconds: float = 0.2, timeout: float = 10.0) -> float:
        """Wait until `test` holds for so many seconds of sound that arrived after this was asked; returns when."""
        first, count = len(self.heard), round(seconds / FRAME_SECONDS)

        def holds() -> bool:
            last = self.heard[first:][-count:]
            return len(last) == count and test(np.concatenate([frame.samples for frame in last]))

        await self._until(holds, timeout)
        return self.heard[-1].at

    async def frames(self, count: int, timeout: float = 10.0) -> None:
        """Wait for so many more frames of whatever sound."""
        wanted = len(self.heard) + count
        await self._until(lambda: len(self.heard) >= wanted, timeout)

    async def _until(self, holds: Callable[[], bool], timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while not holds():
                await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _receive(self, source: socket.socket) -> None:
        while True:
            try:
                packet, extras, _, _ = source.recvmsg(2048, socket.CMSG_SPACE(TIMESPEC.size))
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP answer to something we sent
            seconds, nanoseconds = TIMESPEC.unpack(extras[0][2]) if extras else (time.time(), 0)
            self._hear(packet, seconds + nanoseconds / 1e9)
        self._tell()

    def _hear(self, packet: bytes, at: float) -> None:
        if len(packet) <= HEADER.size or packet[0] >> 6 != 2:
            return
        _, second, _, stamp, _ = HEADER.unpack_from(packet)
        self.payload_types.add(second & 0x7F)
        if second & 0x7F == EVENT_TYPE and stamp not in self._key_stamps:
            self._key_stamps.add(stamp)
            self.keys += DIGITS[packet[HEADER.size]]
        if second & 0x7F == PAYLOAD_TYPES[self.codec]:
            samples = TABLES[self._wire][np.frombuffer(packet, np.uint8, offset=HEADER.size)]
            self.heard.append(Frame(at, stamp, samples))
