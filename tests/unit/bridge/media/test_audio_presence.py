"""Whether sound of the caller comes: told when it ceases, now and then while it does, and when it is back."""

from bridge.media.audio_presence import AGAIN_S, CEASED_S, AudioPresence


def news(flow: AudioPresence, begin: float, seconds: float) -> list[float]:
    """The ticks of so many seconds without a frame at which something was told."""
    ticks = [begin + number * 0.02 for number in range(round(seconds / 0.02))]
    return [round(tick - begin, 2) for tick in ticks if flow.ceased(tick)]


def started() -> AudioPresence:
    flow = AudioPresence()
    flow.start(100.0)
    return flow


def test_before_the_caller_is_there_nothing_is_told() -> None:
    flow = AudioPresence()
    assert not flow.frame(99.0)
    assert news(flow, 100.0, 5) == []


def test_a_lost_packet_of_60_ms_is_no_end_of_sound() -> None:
    flow = started()
    assert news(flow, 100.0, CEASED_S) == []
    assert not flow.frame(100.16)


def test_it_is_told_when_sound_ceases_now_and_then_and_when_it_is_back() -> None:
    flow = started()
    flow.frame(101.0)
    first, second, third = news(flow, 101.0, 2 * AGAIN_S + 1)
    assert CEASED_S <= first <= CEASED_S + 0.03
    assert AGAIN_S - 0.01 <= second - first <= AGAIN_S + 0.05
    assert AGAIN_S - 0.01 <= third - second <= AGAIN_S + 0.05
    assert flow.frame(125.0)
    assert not flow.frame(125.02)
    assert news(flow, 125.0, 1) != []


def test_a_caller_who_is_never_heard_is_told_of() -> None:
    assert len(news(started(), 100.0, 1)) == 1
