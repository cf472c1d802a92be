"""The interface between a media leg and the session whose audio it carries. [pure]"""

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
    """What a media leg calls of its session. All methods must return at once; an exception ends this call's leg
    only."""

    def media_connected(self, leg: MediaLeg) -> None:
        """Asterisk has connected, and gets silence already."""

    def media_format(self, rate: int, frame_bytes: int) -> None:
        """The first audio frame came: its rate in Hz and its payload bytes."""

    def caller_audio(self, pcm: bytes) -> None:
        """Sound of the caller at 24 kHz, s16le mono, normally 20 ms. Nothing comes during hold, DTMF, before answer."""

    def caller_digit(self, digit: str) -> None:
        """One DTMF digit: 0-9, *, #, A-D."""

    def media_gone(self, reason: str) -> None:
        """The connection is over. Exactly once after `media_connected`, also after `MediaLeg.close`."""

    def next_frame(self) -> bytes | None:
        """Once per 20 ms: 960 bytes of 24 kHz s16le mono, or None for silence. After a stall up to 3 times in a row."""
