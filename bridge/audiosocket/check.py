"""A connection from Asterisk for no call, which proves that Asterisk reaches this worker (`CheckMedia`)."""

from collections.abc import Callable
from typing import Protocol


class Closable(Protocol):
    """The part of a leg that a check uses."""

    def close(self, reason: str) -> None: ...


class MediaCheck:
    """A `MediaSink` that calls `connected` and ends the connection."""

    def __init__(self, connected: Callable[[], None]) -> None:
        self._connected = connected

    def media_connected(self, leg: Closable) -> None:
        self._connected()
        leg.close("it was a check")

    def media_format(self, rate: int, frame_bytes: int) -> None: ...
    def caller_audio(self, pcm: bytes) -> None: ...
    def caller_digit(self, digit: str) -> None: ...
    def media_gone(self, reason: str) -> None: ...
    def next_frame(self) -> bytes | None:
        return None
