"""Sound that is like speech to codecs and voice detections: voiced syllables of changing pitch, with pauses. [pure]"""

import numpy as np
import numpy.typing as npt

SYLLABLES_PER_SECOND = 4.0
LOWEST_SHARE = 0.15
"""Of a syllable's level that is left between two of them."""
FORMANTS_HZ = ((500, 250), (1500, 400), (2500, 500))
"""Centre and width of a neutral vowel's."""


def voice(seconds: float, rate: int, level: float = 0.25, seed: int = 1) -> npt.NDArray[np.float64]:
    """Mono, -1 to 1, `level` at its loudest; `rate` samples a second. The same for the same seed."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    syllables = int(seconds * SYLLABLES_PER_SECOND) + 2
    pitch = np.interp(time * SYLLABLES_PER_SECOND, np.arange(syllables), random.uniform(100, 180, syllables))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros_like(time)
    for harmonic in range(1, int(3400 / 180)):
        frequency = harmonic * pitch
        gain = sum(np.exp(-(((frequency - centre) / width) ** 2)) for centre, width in FORMANTS_HZ) + 0.05
        sound += gain * np.sin(harmonic * phase)
    sound += 0.1 * random.standard_normal(len(time))
    envelope = LOWEST_SHARE + (1 - LOWEST_SHARE) * np.abs(np.sin(np.pi * SYLLABLES_PER_SECOND * time))
    sound = sound * envelope
    return np.asarray(level * sound / np.max(np.abs(sound)))
