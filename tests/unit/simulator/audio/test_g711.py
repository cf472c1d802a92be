"""G.711 tables against the standard's corner values, and the way there and back."""

import numpy as np
import pytest

from simulator.audio import g711
from simulator.realtime.reply import tone


def test_known_codes() -> None:
    ulaw, alaw = g711.TABLES["audio/pcmu"], g711.TABLES["audio/pcma"]
    assert [int(ulaw[code]) for code in (0xFF, 0x7F, 0x80, 0x00)] == [0, 0, 32124, -32124]
    assert [int(alaw[code]) for code in (0xD5, 0x55, 0xAA, 0x2A)] == [8, -8, 32256, -32256]


@pytest.mark.parametrize("form", ["audio/pcmu", "audio/pcma"])
def test_each_code_comes_back(form: str) -> None:
    values = g711.TABLES[form]
    again = g711.TABLES[form][np.frombuffer(g711.compand(form, values.astype("<i2").tobytes()), np.uint8)]
    assert np.array_equal(again, values)


@pytest.mark.parametrize("form", ["audio/pcmu", "audio/pcma"])
def test_a_tone_survives(form: str) -> None:
    pcm = tone(0.5, 400)
    wire = g711.encode(form, pcm)
    assert len(wire) == 4000
    back = np.frombuffer(g711.decode(form, wire), "<i2").astype(float)
    assert len(back) == 12000
    spectrum = np.abs(np.fft.rfft(back))
    assert int(spectrum.argmax()) * 2 == 400


def test_pcm_passes_through() -> None:
    assert g711.decode("audio/pcm", b"abcd") == b"abcd"
    assert g711.encode("audio/pcm", b"abcd") == b"abcd"
