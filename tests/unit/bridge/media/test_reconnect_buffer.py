"""What of the caller's audio the next connection gets."""

from bridge.media.reconnect_buffer import ReconnectBuffer

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
    missed = filled(gap, 50, 80)
    assert pieces(gap.missed()) == missed


def test_what_no_server_has_told_to_be_over_is_kept_too() -> None:
    """A sentence that has begun, noticed or not."""
    gap = ReconnectBuffer()
    filled(gap, 0, 20)
    gap.turn_over(0.4)
    sound = filled(gap, 20, 50)
    sound += filled(gap, 50, 80)
    assert pieces(gap.missed()) == sound


def test_two_seconds_at_most_the_oldest_goes() -> None:
    gap = ReconnectBuffer()
    assert pieces(gap.missed()) == []
    sound = filled(gap, 0, 300)
    assert pieces(gap.missed()) == sound[-100:]


def test_a_line_that_is_exchanged_while_it_works_takes_the_last_moments_along() -> None:
    gap = ReconnectBuffer()
    filled(gap, 0, 60)
    gap.turn_over(1.2)
    sound = filled(gap, 60, 90)
    assert pieces(gap.missed()) == sound
