"""bridge.common.backoff: delays in turn, the last one for ever, anew after a success, spread by the jitter."""

from bridge.common.backoff import Backoff


def test_each_delay_in_turn_the_last_one_for_ever_and_anew_after_a_reset() -> None:
    backoff = Backoff((0.25, 1.0, 5.0))
    assert [backoff.next_delay() for _ in range(5)] == [0.25, 1.0, 5.0, 5.0, 5.0]
    assert (backoff.failures, backoff.longest) == (5, 5.0)
    backoff.reset()
    assert backoff.next_delay() == 0.25


def test_jitter_spreads_within_its_share() -> None:
    spread = Backoff((10.0,), jitter=0.2)
    delays = {round(spread.next_delay(), 3) for _ in range(50)}
    assert len(delays) > 10
    assert all(8.0 <= delay <= 12.0 for delay in delays)
