"""Speech-like sound: loud enough for a voice detection by level, with syllables, and never clipped."""

import numpy as np

from bench.speech import voice


def test_level_syllables_and_band() -> None:
    rate = 8000
    sound = voice(1.2, rate)
    assert len(sound) == 9600
    assert np.isclose(np.max(np.abs(sound)), 0.25)
    frames = np.sqrt(np.mean(sound.reshape(-1, 160) ** 2, axis=1))
    assert frames.min() < frames.max() / 3
    power = np.abs(np.fft.rfft(sound)) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1 / rate)
    assert power[frequency < 1000].sum() > 5 * power[frequency > 3500].sum()
    assert np.array_equal(sound, voice(1.2, rate))
