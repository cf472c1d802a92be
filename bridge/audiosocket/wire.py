"""AudioSocket's frames: bytes in, messages out, and back. [pure]

Owns the wire format of Asterisk's `res_audiosocket.c`: type (1 byte), length (2 bytes, big endian), payload; samples
are signed 16 bit little endian mono. Knows both directions, so that tests can be the other side.

What no Asterisk sends (unknown type, absurd length) stops the decoder for good, because in this stream there is no way
to find the next frame. Whether a UUID was expected is the server's business.
"""

import re
import uuid
from dataclasses import dataclass

HANGUP = 0x00
UUID = 0x01
DIGIT = 0x03
FAULT = 0xFF

RATE_OF_TYPE = {
    0x10: 8_000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
"""All but 0x10 need Asterisk 20.17, 21.12, 22.7 or 23.1; older ones know 8 kHz only."""

TYPE_OF_RATE = {rate: kind for kind, rate in RATE_OF_TYPE.items()}

HEADER_BYTES = 3
FRAMES_PER_SECOND = 50
MAX_AUDIO_MS = 500
"""Far beyond any packet time in use: more than this in one frame is no telephone call."""
MAX_FAULT_BYTES = 256

_SLIN24_HEADER = b"\x13\x03\xc0"
_SLIN24_BYTES = HEADER_BYTES + 960
_DIGITS = re.compile(rb"[0-9*#A-Da-d]")


class ProtocolError(Exception):
    """The protocol was violated. The text names the fault and holds nothing personal."""


class LocalProtocolError(ProtocolError):
    """We were about to send what Asterisk would end the leg for: our bug."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what AudioSocket does not know: it is no Asterisk, or the stream is broken."""


@dataclass(frozen=True, slots=True)
class Uuid:
    """Which call this connection is for: the first frame Asterisk sends. Lower case, with dashes."""

    call: str


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound of the caller. `rate` in Hz; `pcm` s16le mono, normally 20 ms of it."""

    rate: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Digit:
    """One DTMF digit: 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """The peer ends the leg. Asterisk itself never sends it: it closes the connection."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The peer reports an error; the meaning of the payload is its own."""

    payload: bytes


Message = Uuid | Audio | Digit | Hangup | Fault


class Decoder:
    """The receiving end of one connection. Any split of the stream gives the same messages.

    Holds at most one unfinished frame, so its memory is bounded by the 16 bit length.
    """

    __slots__ = ("_rest", "error", "frames")

    def __init__(self) -> None:
        self._rest = b""
        self.frames = 0
        """Frames decoded so far."""
        self.error: RemoteProtocolError | None = None
        """Set once, with the message that says why, when the stream made no sense; nothing is decoded after it."""

    @property
    def pending(self) -> int:
        """Bytes of a frame that has begun and is not complete."""
        return len(self._rest)

    def whole(self, data: bytes) -> bytes | None:
        """The sound, if this read is exactly one frame of 20 ms at 24 kHz, as nearly all are. None: `feed` it."""
        if len(data) != _SLIN24_BYTES or self._rest or self.error is not None or not data.startswith(_SLIN24_HEADER):
            return None
        self.frames += 1
        return data[HEADER_BYTES:]

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now. Never raises: look at `error` afterwards."""
        if self.error is not None:
            return []
        return self._split(self._rest + data if self._rest else data)

    def _split(self, data: bytes) -> list[Message]:
        messages: list[Message] = []
        start = 0
        while len(data) - start >= HEADER_BYTES:
            kind = data[start]
            length = int.from_bytes(data[start + 1 : start + HEADER_BYTES], "big")
            stop = start + HEADER_BYTES + length
            try:
                _check_header(kind, length)
                if stop > len(data):
                    break
                messages.append(_message(kind, data[start + HEADER_BYTES : stop]))
            except RemoteProtocolError as fault:
                self.error = fault
                start = len(data)
                break
            self.frames += 1
            start = stop
        self._rest = data[start:]
        return messages


def _check_header(kind: int, length: int) -> None:
    """Refuse by the header alone, before a payload is waited for that may never come."""
    if kind in RATE_OF_TYPE:
        longest = RATE_OF_TYPE[kind] * 2 * MAX_AUDIO_MS // 1000
        wrong = length == 0 or length % 2 or length > longest
    elif kind == UUID:
        wrong = length != 16
    elif kind == DIGIT:
        wrong = length != 1
    elif kind == HANGUP:
        wrong = length != 0
    elif kind == FAULT:
        wrong = length > MAX_FAULT_BYTES
    else:
        raise RemoteProtocolError(f"unknown frame type 0x{kind:02x}")
    if wrong:
        raise RemoteProtocolError(f"frame type 0x{kind:02x} with an impossible length of {length}")


def _message(kind: int, payload: bytes) -> Message:
    if kind in RATE_OF_TYPE:
        return Audio(RATE_OF_TYPE[kind], payload)
    if kind == UUID:
        return Uuid(str(uuid.UUID(bytes=payload)))
    if kind == DIGIT:
        if not _DIGITS.fullmatch(payload):
            raise RemoteProtocolError(f"DTMF digit 0x{payload[0]:02x} is none")
        return Digit(payload.decode("ascii").upper())
    if kind == HANGUP:
        return Hangup()
    return Fault(payload)


# ---------------------------------------------------------------- encoding


def frame_bytes(rate: int) -> int:
    """Payload bytes of 20 ms at this rate in Hz. Raises LocalProtocolError for a rate AudioSocket has no type for."""
    if rate not in TYPE_OF_RATE:
        raise LocalProtocolError(f"AudioSocket has no type for {rate} Hz")
    return rate * 2 // FRAMES_PER_SECOND


def encode_audio(rate: int, pcm: bytes) -> bytes:
    """One audio frame of any legal length. Raises LocalProtocolError; a length of 0 would end the leg."""
    kind = TYPE_OF_RATE.get(rate)
    if kind is None:
        raise LocalProtocolError(f"AudioSocket has no type for {rate} Hz")
    if not pcm or len(pcm) % 2 or len(pcm) > 0xFFFF:
        raise LocalProtocolError(f"{len(pcm)} bytes are no audio frame")
    return bytes((kind,)) + len(pcm).to_bytes(2, "big") + pcm


def silence(rate: int) -> bytes:
    """One whole frame, header included, of 20 ms silence."""
    return encode_audio(rate, bytes(frame_bytes(rate)))


def encode_uuid(call: str) -> bytes:
    """What Asterisk sends first. Raises LocalProtocolError if `call` is no UUID."""
    try:
        payload = uuid.UUID(call).bytes
    except ValueError as fault:
        raise LocalProtocolError("the call id is no UUID") from fault
    return b"\x01\x00\x10" + payload


def encode_digit(digit: str) -> bytes:
    """What Asterisk sends for a DTMF digit. Raises LocalProtocolError for anything else."""
    payload = digit.encode("ascii", "replace")
    if not _DIGITS.fullmatch(payload):
        raise LocalProtocolError("no DTMF digit")
    return b"\x03\x00\x01" + payload


def encode_hangup() -> bytes:
    return b"\x00\x00\x00"


def encode_fault(payload: bytes = b"") -> bytes:
    """An error report. Raises LocalProtocolError beyond `MAX_FAULT_BYTES`."""
    if len(payload) > MAX_FAULT_BYTES:
        raise LocalProtocolError(f"{len(payload)} bytes are too many for an error report")
    return b"\xff" + len(payload).to_bytes(2, "big") + payload
