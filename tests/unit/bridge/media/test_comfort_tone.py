"""The tone while the AI is away."""

from bridge.media.comfort_tone import COMFORT_AFTER_S, LEVEL, PERIOD_FRAMES, ComfortTone


def test_the_comfort_tone_is_late_soft_and_mostly_silence() -> None:
    tone = ComfortTone()

    def frame(now: float) -> bytes | None:
        return tone.frame(now, down_since=0.0, waiting=False)

    assert frame(COMFORT_AFTER_S - 0.01) is None
    frames = [frame(COMFORT_AFTER_S + number * 0.02) for number in range(2 * PERIOD_FRAMES)]
    assert frames[:PERIOD_FRAMES] == frames[PERIOD_FRAMES:]
    heard = [each for each in frames[:PERIOD_FRAMES] if each is not None]
    assert 0 < len(heard) < PERIOD_FRAMES / 4
    assert all(len(each) == 960 for each in heard)
    samples = memoryview(b"".join(heard)).cast("h")
    assert LEVEL * 0.9 < max(samples) <= LEVEL
    assert abs(samples[0]) <= 1


def test_it_is_heard_while_the_ai_has_asked_us_to_wait_and_not_otherwise() -> None:
    tone = ComfortTone()
    assert tone.frame(100.0, down_since=None, waiting=False) is None
    assert tone.frame(100.0, down_since=None, waiting=True) is None
    assert tone.frame(100.1 + COMFORT_AFTER_S, down_since=None, waiting=True) is not None
    assert tone.frame(101.0, down_since=None, waiting=False) is None
