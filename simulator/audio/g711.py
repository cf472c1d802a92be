"""G.711 µ-law and A-law, and the way to and from 24 kHz PCM. [pure]

Owns the arithmetic that OpenAI's `audio/pcmu` and `audio/pcma` need; 8 kHz on the wire, 24 kHz within.

Source: ITU-T G.711 (1988).
"""

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.int16]


def _ulaw_table() -> Samples:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4).astype(np.int32) & 7
    magnitude = ((((code & 15).astype(np.int32) << 3) + 132) << exponent) - 132
    return np.where(code & 128, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Samples:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = (code >> 4).astype(np.int32) & 7
    magnitude = ((code & 15).astype(np.int32) << 4) + 8
    magnitude = np.where(exponent == 0, magnitude, (magnitude + 256) << np.maximum(exponent - 1, 0))
    return np.where(code & 128, magnitude, -magnitude).astype(np.int16)


TABLES = {"audio/pcmu": _ulaw_table(), "audio/pcma": _alaw_table()}


def _encode_table(table: Samples) -> npt.NDArray[np.uint8]:
    """For each of the 65536 values the code whose value is nearest."""
    order = np.argsort(table, kind="stable")
    levels = table[order].astype(np.int32)
    middles = (levels[:-1] + levels[1:]) / 2
    return order[np.searchsorted(middles, np.arange(-32768, 32768))].astype(np.uint8)


_ENCODE = {name: _encode_table(table) for name, table in TABLES.items()}


def decode(form: str, wire: bytes) -> bytes:
    """Wire bytes of a format as 24 kHz s16le. PCM passes through."""
    if form == "audio/pcm":
        return wire
    narrow = TABLES[form][np.frombuffer(wire, np.uint8)]
    return resample(narrow.tobytes(), 8000, 24000)


def encode(form: str, pcm: bytes) -> bytes:
    """24 kHz s16le as wire bytes of a format. PCM passes through."""
    if form == "audio/pcm":
        return pcm
    return compand(form, resample(pcm, 24000, 8000))


def compand(form: str, pcm: bytes) -> bytes:
    """8 kHz s16le as G.711."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    return _ENCODE[form][samples + 32768].tobytes()


def resample(pcm: bytes, rate: int, wanted: int) -> bytes:
    """s16le at another rate."""
    samples = np.frombuffer(pcm, "<i2")
    return bytes(soxr.resample(samples, rate, wanted).astype("<i2").tobytes())
