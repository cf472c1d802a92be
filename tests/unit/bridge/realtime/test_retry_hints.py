"""How long a server wants to be left alone, in the words of several of them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.realtime import failures
from bridge.realtime.failures import AccountRefused, ConnectionLost, RateLimited
from bridge.realtime.retry_hints import LONGEST_S, seconds_of, seconds_of_header

LIMIT = "Rate limit reached for gpt-realtime in organization org-x on tokens per min (TPM): Limit 40000, Used 39500, "


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 10 s.", 10),
        (f"{LIMIT}Requested 2000. Please try again in 2.25s. Visit https://x.y/1 to learn more.", 2.25),
        ("Please try again in 350ms.", 0.35),
        ("Please try again in 1m2s. Visit", 62),
        ("try again in 6m0s", 360),
        ("Try again in 1h2m3.5s", 3723.5),
        ("Requests have exceeded the call rate limit. Please retry after 20 seconds.", 20),
        ("Too many requests, retry after 1 minute and 5 seconds", 65),
        ("retry-after: 7", 7),
        ("Retry-After=1.5", 1.5),
        ("Please wait 3 seconds before the next request", 3),
        ("Your limit resets in 250 milliseconds", 0.25),
        ("Rate limit reached.", None),
        ("Please try again later. Error 429, limit 40000", None),
        ("", None),
    ],
)
def test_the_wait_is_read_from_the_message(message: str, seconds: float | None) -> None:
    assert seconds_of(message) == (None if seconds is None else pytest.approx(seconds))


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_hours_minutes_and_seconds_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert seconds_of(f"Please try again in {hours}h{minutes}m{seconds}s.") == hours * 3600 + minutes * 60 + seconds


@given(st.text(max_size=300))
def test_no_text_raises_and_no_wait_is_absurd(text: str) -> None:
    wait = seconds_of(f"try again in {text}")
    assert wait is None or 0 <= wait <= LONGEST_S


NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12),
        ({"retry-after-ms": "350", "Retry-After": "1"}, 0.35),
        ({"Retry-After": "Mon, 30 Nov 2026 12:00:09 GMT"}, 9),
        ({"Retry-After": "Mon, 30 Nov 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read_from_the_header(headers: dict[str, str], seconds: float | None) -> None:
    assert seconds_of_header(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("code", "kind", "message", "expected"),
    [
        ("rate_limit_exceeded", "tokens", "Please try again in 1.5s.", 1.5),
        ("too_many_requests", "", "retry after 4 seconds", 4),
        ("", "rate_limit_error", "", None),
        ("", "", "Too Many Requests: try again in 3s", 3),
    ],
)
def test_a_rate_limit_is_known_by_code_type_or_words(
    code: str, kind: str, message: str, expected: float | None
) -> None:
    error = failures.from_codes(code, kind, message)
    assert isinstance(error, RateLimited)
    assert error.retry_s == expected


def test_a_used_up_quota_is_no_rate_limit() -> None:
    assert isinstance(failures.from_codes("insufficient_quota", "", "rate limit, try again in 1s"), AccountRefused)
    assert isinstance(failures.from_codes("server_error", "", "Sorry."), ConnectionLost)
    assert isinstance(failures.from_close(1013, "rate limit reached, try again in 5s"), RateLimited)
