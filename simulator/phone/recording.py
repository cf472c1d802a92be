"""A call as a stereo file: what one side sent on the left, what it heard on the right."""

import wave
from pathlib import Path

import numpy as np

from simulator.audio.sound import FRAME_SECONDS, RATE, timeline
from simulator.phone.rtp import RtpEnd


def write(path: Path, end: RtpEnd) -> float:
    """Writes 8 kHz, 16 bit; left: sent, right: received. Returns its seconds; an end that never spoke gives 0."""
    times = [frame.at for frame in (*end.sent, *end.heard)]
    if not times:
        return 0.0
    start, stop = min(times), max(times) + FRAME_SECONDS
    sides = np.stack([timeline(end.sent, start, stop), timeline(end.heard, start, stop)], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sides.astype("<i2").tobytes())
    return stop - start
