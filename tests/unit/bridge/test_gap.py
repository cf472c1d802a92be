"""Sound while the line is down."""

from bridge.media.reconnect_buffer import COMFORT_AFTER_S, LEVEL, PERIOD_FRAMES, ReconnectBuffer

FRAME = bytes(960)


def pieces(kept: list[tuple[float, bytes]]) -> list[bytes]:
    return [pcm for _, pcm in kept]


def frame(number: int) -> bytes:
    return bytes([number % 256]) * 960


def filled(gap: ReconnectBuffer, first: int, last: int) -> list[bytes]:
    sound = [frame(number) for number in range(first, last)]
    for number, pcm in zip(range(first, last), sound, strict=True):
        gap.keep(pcm, number * 0.02)
    return sound


def test_what_was_said_in_the_gap_is_kept() -> None:
    gap = ReconnectBuffer()
    filled(gap, 0, 50)
    gap.turn_over(1.0)
    gap.begin(1.0)
    missed = filled(gap, 50, 80)
    assert gap.open
    assert pieces(gap.end()) == missed
    assert not gap.open


def test_what_no_server_has_told_to_be_over_is_kept_too() -> None:
    """A sentence that has begun, noticed or not."""
    gap = ReconnectBuffer()
    filled(gap, 0, 20)
    gap.turn_over(0.4)
    sound = filled(gap, 20, 50)
    gap.begin(1.0)
    sound += filled(gap, 50, 80)
    assert pieces(gap.end()) == sound


def test_two_seconds_at_most_the_oldest_goes() -> None:
    gap = ReconnectBuffer()
    gap.begin(0.0)
    assert pieces(gap.end()) == []
    gap.begin(0.0)
    sound = filled(gap, 0, 300)
    assert pieces(gap.end()) == sound[-100:]


def test_a_second_loss_before_the_line_was_back_does_not_forget() -> None:
    gap = ReconnectBuffer()
    gap.begin(0.0)
    sound = filled(gap, 0, 10)
    gap.begin(0.2)
    assert pieces(gap.end()) == sound


def test_a_line_that_is_exchanged_while_it_works_takes_the_last_moments_along() -> None:
    gap = ReconnectBuffer()
    filled(gap, 0, 60)
    gap.turn_over(1.2)
    sound = filled(gap, 60, 90)
    assert pieces(gap.end()) == sound
    assert gap.comfort(100.0) is None


def test_the_comfort_tone_is_late_soft_and_mostly_silence() -> None:
    gap = ReconnectBuffer()
    gap.begin(0.0)
    assert gap.comfort(COMFORT_AFTER_S - 0.01) is None
    frames = [gap.comfort(COMFORT_AFTER_S + number * 0.02) for number in range(2 * PERIOD_FRAMES)]
    assert frames[:PERIOD_FRAMES] == frames[PERIOD_FRAMES:]
    heard = [each for each in frames[:PERIOD_FRAMES] if each is not None]
    assert 0 < len(heard) < PERIOD_FRAMES / 4
    assert all(len(each) == 960 for each in heard)
    samples = memoryview(b"".join(heard)).cast("h")
    assert LEVEL * 0.9 < max(samples) <= LEVEL
    assert abs(samples[0]) <= 1
