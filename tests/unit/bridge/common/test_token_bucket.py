"""How often a token may ask."""

from hypothesis import given, strategies as st

from bridge.common.token_bucket import TokenBucket


def test_a_burst_and_then_the_pace() -> None:
    bucket = TokenBucket(per_second=2, burst=3)
    assert [bucket.take(10.0) for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert bucket.take(10.5) == 0
    assert bucket.take(10.6) > 0
    assert [bucket.take(1000.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_what_is_told() -> None:
    bucket = TokenBucket(per_second=2, burst=3)
    assert bucket.headers(bucket.take(0.0)) == {"RateLimit-Policy": '"token";q=3;w=2', "RateLimit": '"token";r=2;t=1'}
    for _ in range(2):
        bucket.take(0.0)
    told = bucket.headers(bucket.take(0.0))
    assert (told["RateLimit"], told["Retry-After"]) == ('"token";r=0;t=2', "1")


@given(st.floats(0.1, 100), st.integers(1, 50), st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_never_more_than_burst_and_pace_allow_and_waiting_helps(
    per_second: float, burst: int, gaps: list[float]
) -> None:
    bucket, now, granted = TokenBucket(per_second, burst), 1000.0, 0
    for gap in gaps:
        now += gap
        wait = bucket.take(now)
        granted += wait == 0
        assert granted <= burst + per_second * (now - 1000.0) + 1e-6
        if wait:
            now += wait + 1e-6
            assert bucket.take(now) == 0
            granted += 1
