"""Sound while the line is down."""

from bridge.gap import COMFORT_AFTER_S, LEVEL, PERIOD_FRAMES, Gap

FRAME = bytes(960)


def pieces(kept: list[tuple[float, bytes]]) -> list[bytes]:
    return [pcm for _, pcm in kept]


def frame(number: int) -> bytes:
    return bytes([number % 256]) * 960


def filled(gap: Gap, first: int, last: int) -> list[bytes]:
    sound = [frame(number) for number in range(first, last)]
    for number, pcm in zip(range(first, last), sound, strict=True):
        gap.keep(pcm, number * 0.02)
    return sound


def test_what_was_said_in_the_gap_is_kept() -> None:
    gap = Gap()
    filled(gap, 0, 50)
    gap.begin(1.0, speaking=False)
    missed = filled(gap, 50, 80)
    assert gap.open
    assert pieces(gap.end()) == missed
    assert not gap.open


def test_the_beginning_of_a_sentence_is_kept_too() -> None:
    gap = Gap()
    sound = filled(gap, 0, 50)
    gap.begin(1.0, speaking=True)
    sound += filled(gap, 50, 80)
    assert pieces(gap.end()) == sound


def test_two_seconds_at_most_the_oldest_goes() -> None:
    gap = Gap()
    gap.begin(0.0, speaking=False)
    assert pieces(gap.end()) == []
    gap.begin(0.0, speaking=False)
    sound = filled(gap, 0, 300)
    assert pieces(gap.end()) == sound[-100:]


def test_a_second_loss_before_the_line_was_back_does_not_forget() -> None:
    gap = Gap()
    gap.begin(0.0, speaking=False)
    sound = filled(gap, 0, 10)
    gap.begin(0.2, speaking=False)
    assert pieces(gap.end()) == sound


def test_the_last_moments() -> None:
    gap = Gap()
    sound = filled(gap, 0, 90)
    assert pieces(gap.latest(1.79)) == sound[-30:]


def test_a_line_that_was_never_down_has_missed_nothing() -> None:
    gap = Gap()
    filled(gap, 0, 10)
    assert pieces(gap.end()) == []
    assert gap.comfort(100.0) is None


def test_the_comfort_tone_is_late_soft_and_mostly_silence() -> None:
    gap = Gap()
    gap.begin(0.0, speaking=False)
    assert gap.comfort(COMFORT_AFTER_S - 0.01) is None
    frames = [gap.comfort(COMFORT_AFTER_S + number * 0.02) for number in range(2 * PERIOD_FRAMES)]
    assert frames[:PERIOD_FRAMES] == frames[PERIOD_FRAMES:]
    heard = [each for each in frames[:PERIOD_FRAMES] if each is not None]
    assert 0 < len(heard) < PERIOD_FRAMES / 4
    assert all(len(each) == 960 for each in heard)
    samples = memoryview(b"".join(heard)).cast("h")
    assert LEVEL * 0.9 < max(samples) <= LEVEL
    assert abs(samples[0]) <= 1
