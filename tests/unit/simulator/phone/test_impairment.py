"""What an impaired network does is as asked for, and the same each time."""

import pytest

from simulator.phone.impairment import Impairment


def arrivals(network: Impairment, packets: int) -> list[list[float]]:
    return [network.arrivals(number * 0.02) for number in range(packets)]


def test_a_perfect_network_changes_nothing() -> None:
    assert arrivals(Impairment(), 5) == [[number * 0.02] for number in range(5)]


def test_the_same_seed_does_the_same_again() -> None:
    one, two, other = (arrivals(Impairment(seed=seed, loss=0.2, jitter_ms=50), 200) for seed in (7, 7, 8))
    assert one == two != other


@pytest.mark.parametrize(("loss", "run"), [(0.01, 1), (0.3, 1), (0.05, 5)])
def test_loss_is_as_asked_for(loss: float, run: float) -> None:
    network = Impairment(loss=loss, loss_run=run)
    arrived = arrivals(network, 50_000)
    assert network.lost / network.packets == pytest.approx(loss, rel=0.15)
    runs = sum(not after and bool(before) for before, after in zip(arrived, arrived[1:], strict=False))
    assert network.lost / runs == pytest.approx(run, rel=0.5)


def test_jitter_keeps_the_order_and_reordering_does_not() -> None:
    queued = [at for (at,) in arrivals(Impairment(delay_ms=100, jitter_ms=70), 500)]
    assert queued == sorted(set(queued))  # timers for one moment come in any order
    assert min(at - number * 0.02 for number, at in enumerate(queued)) >= 0.1
    overtaken = [at for (at,) in arrivals(Impairment(reorder=0.5), 500)]
    assert overtaken != sorted(overtaken)


def test_duplicates() -> None:
    assert {len(each) for each in arrivals(Impairment(duplicate=0.5), 100)} == {1, 2}


def test_impossible_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="loss"):
        Impairment(loss=1.0)
