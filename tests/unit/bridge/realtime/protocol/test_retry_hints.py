"""How long a server wants to be left alone, in the words of several of them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.realtime.protocol import errors, server_events
from bridge.realtime.protocol.errors import AccountRefused, ConnectionLost, RateLimited
from bridge.realtime.protocol.retry_hints import LONGEST_S, seconds_of, seconds_of_headers

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
    assert seconds_of_headers(headers, NOW) == seconds


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
    error = errors.from_codes(code, kind, message)
    assert isinstance(error, RateLimited)
    assert error.retry_s == expected


def test_a_used_up_quota_is_no_rate_limit() -> None:
    assert isinstance(errors.from_codes("insufficient_quota", "", "rate limit, try again in 1s"), AccountRefused)
    assert isinstance(errors.from_codes("server_error", "", "Sorry."), ConnectionLost)
    assert isinstance(errors.from_close(1013, "rate limit reached, try again in 5s"), RateLimited)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 1m3.2s.", 63.2),
        ("Please try again in 6ms.", 0.006),
        ("Please try again in 2h", 7200),
        ("Please try again in 350us", 0.00035),
        ("Please try again in 350 \u00b5s", 0.00035),
        ("Please try again in .5s", 0.5),
        ("Try again in 1,5 s", 1.5),
        ("Try again in 1,500 ms", 1.5),
        ("Please try again in 00:01:07", 67),
        ("Please try again in 999999999999s", LONGEST_S),
        ('{"retry_after": 3.5}', 3.5),
        ("retry_after_ms=1500", 1.5),
        ("Rate limit reached, back off 7s", 7),
        ("Next request allowed in 4s", 4),
        ("Please try again after 2026-11-30", None),
        ("Please try again at 12:30", None),
    ],
)
def test_other_ways_of_saying_it(message: str, seconds: float | None) -> None:
    assert seconds_of(message) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "1m3.2s"}, 63.2),
        ({"Retry-After": "6ms"}, 0.006),
        ({"Retry-After": "-3"}, 0),
        ({"retry-after-ms": "soon", "Retry-After": "4"}, 4),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "6m0s"}, 360),
        (
            {
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "900",
            },
            2,
        ),
        ({"x-ratelimit-reset": str(round(NOW.timestamp()) + 9)}, 9),
    ],
)
def test_other_headers(headers: dict[str, str], seconds: float) -> None:
    assert seconds_of_headers(headers, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("RateLimitReached", "Please retry after 12 seconds", 12),
        ("TooManyRequests", "", None),
        ("RATE_LIMIT_EXCEEDED", "", None),
        ("server_overloaded", "We are busy. Please try again in 3s.", 3),
    ],
)
def test_other_codes(code: str, message: str, expected: float | None) -> None:
    limited = errors.from_codes(code, "", message)
    assert isinstance(limited, RateLimited)
    assert limited.retry_s == expected


@pytest.mark.parametrize(
    ("status", "header_s", "body", "expected", "seconds"),
    [
        (
            429,
            None,
            '{"error": {"code": "rate_limit_exceeded", "message": "Please try again in 6ms."}}',
            "limited",
            0.006,
        ),
        (429, 9.0, '{"error": {"code": "rate_limit_exceeded", "message": "Please try again in 6ms."}}', "limited", 9),
        (429, None, '{"error": {"code": "insufficient_quota", "message": "You exceeded your quota"}}', "account", None),
        (429, None, '[{"error": {"code": 429, "message": "Retry after 3 seconds"}}]', "limited", 3),
        (429, None, '{"error": "try again in 2s"}', "limited", 2),
        (429, None, "Too many requests, try again in 4s", "limited", 4),
        (429, None, "<html>try again in 4s</html>", "limited", None),
        (429, None, "[[[[", "limited", None),
        (429, None, "", "limited", None),
        (503, None, "Busy. Retry after 2s", "limited", 2),
        (529, 3.0, "", "limited", 3),
        (503, None, "", "lost", None),
        (408, None, "", "lost", None),
    ],
)
def test_a_refused_upgrade_tells_in_its_body_what_and_how_long(
    status: int, header_s: float | None, body: str, expected: str, seconds: float | None
) -> None:
    kinds = {"limited": RateLimited, "account": AccountRefused, "lost": ConnectionLost}
    refused = errors.from_status(status, header_s, body.encode())
    assert type(refused) is kinds[expected]
    assert getattr(refused, "retry_s", None) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ({"retry_after_ms": 1500}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry_after": 2.5}, 2.5),
        ({"retry_after": "1m3.2s"}, 63.2),
        ({"retry_after": "20"}, 20),
        ({"retryAfter": 3}, 3),
        ({"retry_after": None}, None),
        ({"retry_after": [1]}, None),
        ({"retry_after": True}, None),
        ({"retry_after": float("nan")}, None),
        ({"retry_after": 1e300}, None),
    ],
)
@pytest.mark.parametrize("message", ["Slow down", "", None])
def test_a_field_of_the_error_may_name_the_wait(
    message: str | None, field: dict[str, Any], seconds: float | None
) -> None:
    error = {"type": "tokens", "code": "rate_limit_exceeded", "message": message} | field
    told = server_events.parse(json.dumps({"type": "error", "error": error}))
    assert isinstance(told, server_events.ServerError)
    limited = errors.from_codes(told.code, told.type, told.message)
    assert isinstance(limited, RateLimited)
    assert limited.retry_s == (None if seconds is None else pytest.approx(seconds))
    details = {"type": "failed", "error": error}
    done = server_events.parse(
        json.dumps({"type": "response.done", "response": {"id": "r", "status_details": details}})
    )
    assert isinstance(done, server_events.ResponseDone)
    assert done.error_message == told.message
    refused = errors.from_status(429, None, json.dumps({"error": error}).encode())
    assert isinstance(refused, RateLimited)
    assert refused.retry_s == limited.retry_s
