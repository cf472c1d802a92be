"""The input audio buffer and its voice activity detection. [pure]

Owns how much was appended, what of it is buffered, and whether somebody speaks. Time is the number of samples
appended: nothing here reads a clock, so the same audio always gives the same turns.

Takes any amount of 16 bit PCM at 24 kHz; base64 and G.711 are decoded before.
"""

from dataclasses import dataclass

import numpy as np

RATE = 24000
BYTES_PER_MS = 48
WINDOW_MS = 10
WINDOW = WINDOW_MS * BYTES_PER_MS
ONSET_MS = 60
"""Sound shorter than this is a click, not speech."""


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody began to speak. `at_ms` counts appended audio and includes the prefix padding."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Silence lasted long enough; `audio` is the turn with its padding, 24 kHz s16le."""

    at_ms: int
    audio: bytes


@dataclass(frozen=True, slots=True)
class Detection:
    """How to tell speech. `threshold` 0..1: 0.5 is -40 dBFS, each tenth is 4 dB."""

    threshold: float = 0.5
    prefix_ms: int = 300
    silence_ms: int = 500

    @property
    def level(self) -> float:
        """The RMS value of a window above which it counts as sound."""
        return float(32768 * 10 ** ((-60 + 40 * self.threshold) / 20))


class VoiceDetector:
    """Feed it audio; it says when speech starts and stops. Without a detection it only buffers."""

    def __init__(self, detection: Detection | None) -> None:
        self.detection = detection
        self.received = 0
        self.speaking = False
        self.buffer = bytearray()
        self._rest = bytearray()
        self._loud_ms = 0
        self._quiet_ms = 0

    @property
    def position_ms(self) -> int:
        """How much was appended in this session."""
        return self.received // BYTES_PER_MS

    @property
    def buffered_ms(self) -> float:
        """What a commit would take now."""
        return len(self.buffer) / BYTES_PER_MS

    def listen(self, detection: Detection | None) -> None:
        """Change how turns are told; speech that is going on goes on."""
        self.detection = detection
        if detection is None:
            self.speaking, self._loud_ms, self._quiet_ms = False, 0, 0

    def feed(self, pcm: bytes) -> list[Started | Stopped]:
        """Append audio; what was found out, in order."""
        if self.detection is None:
            self.received += len(pcm)
            self.buffer += pcm
            return []
        found: list[Started | Stopped] = []
        self._rest += pcm
        while len(self._rest) >= WINDOW:
            window = bytes(self._rest[:WINDOW])
            del self._rest[:WINDOW]
            self.received += WINDOW
            self.buffer += window
            found += self._window(window, self.detection)
        return found

    def _window(self, window: bytes, detection: Detection) -> list[Started | Stopped]:
        samples = np.frombuffer(window, "<i2").astype(np.float32)
        loud = float(np.sqrt(np.mean(samples**2))) >= detection.level
        if not self.speaking:
            self._loud_ms = self._loud_ms + WINDOW_MS if loud else 0
            keep = (detection.prefix_ms + self._loud_ms) * BYTES_PER_MS
            del self.buffer[: max(0, len(self.buffer) - keep)]
            if self._loud_ms < ONSET_MS:
                return []
            self.speaking, self._quiet_ms = True, 0
            return [Started(self.position_ms - len(self.buffer) // BYTES_PER_MS)]
        self._quiet_ms = 0 if loud else self._quiet_ms + WINDOW_MS
        if self._quiet_ms < max(WINDOW_MS, detection.silence_ms):
            return []
        return [Stopped(self.position_ms, self.take())]

    def take(self) -> bytes:
        """Empty the buffer, for a commit or a clear; its audio."""
        audio = bytes(self.buffer)
        self.buffer.clear()
        self.speaking, self._loud_ms, self._quiet_ms = False, 0, 0
        return audio
