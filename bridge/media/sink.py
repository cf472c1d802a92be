"""How a media leg and the owner of its sound talk to each other. [pure]"""

from typing import Protocol


class MediaLeg(Protocol):
    """The media leg, as far as a session uses it (`bridge.audiosocket.leg`)."""

    @property
    def sent_frames(self) -> int: ...
    @property
    def late_frames(self) -> int: ...
    @property
    def dropped_frames(self) -> int: ...
    def close(self, reason: str) -> None: ...
    def expedite(self) -> None: ...


class MediaSink(Protocol):
    """The session's face to its media leg. All of it must return at once; an exception ends this call's leg only."""

    def media_connected(self, leg: MediaLeg) -> None:
        """Asterisk is here and silence is already flowing."""

    def media_format(self, rate: int, frame_bytes: int) -> None:
        """The first audio frame came: its rate in Hz and its payload bytes."""

    def caller_audio(self, pcm: bytes) -> None:
        """Sound of the caller at 24 kHz, s16le mono, normally 20 ms. Nothing comes during hold, DTMF, before answer."""

    def caller_digit(self, digit: str) -> None:
        """One DTMF digit: 0-9, *, #, A-D."""

    def media_gone(self, reason: str) -> None:
        """The connection is over. Exactly once after `media_connected`, also when `Leg.close` was asked for it."""

    def next_frame(self) -> bytes | None:
        """Once per 20 ms: 960 bytes of 24 kHz s16le mono, or None for silence. After a stall up to 3 times in a row."""
