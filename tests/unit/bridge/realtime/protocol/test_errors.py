"""What each kind of trouble means: whether the next call will fail too, and what is no trouble at all."""

import pytest

from bridge.realtime.protocol import errors
from bridge.realtime.protocol.errors import (
    AccountRefused,
    ConfigRefused,
    ConnectionLost,
    ModelRefused,
    ProviderError,
    RateLimited,
    SessionExpired,
)


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        ("unknown_parameter", "invalid_request_error", ConfigRefused),
        ("missing_required_parameter", "invalid_request_error", ConfigRefused),
        ("", "invalid_request_error", ConfigRefused),
        ("model_not_found", "invalid_request_error", ModelRefused),
        ("beta_api_shape_disabled", "", ModelRefused),
        ("insufficient_quota", "insufficient_quota", AccountRefused),
        ("", "insufficient_quota", AccountRefused),
        ("invalid_api_key", "invalid_request_error", AccountRefused),
        ("rate_limit_exceeded", "requests", RateLimited),
        ("session_expired", "invalid_request_error", SessionExpired),
        ("", "server_error", ConnectionLost),
        ("", "", ConnectionLost),
    ],
)
def test_error_codes(code: str, kind: str, expected: type[ProviderError]) -> None:
    error = errors.from_codes(code, kind, "words")
    assert type(error) is expected
    assert "words" in str(error)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Unknown parameter: 'session.voice'.", "Unknown parameter: 'session.voice'."),
        ("Invalid value: 'shimer'. Supported values are: 'alloy' and 'ash'.", None),
        ("Invalid value: 'please call me back, I am Ann'.", "Invalid value: '…'."),
        ('Could not parse "say \n hello" here', "Could not parse '…' here"),
        ("You can't use +493012345678 in 'x y'", "You can't use … in '…'"),
        ("Maximum is 16384 tokens", None),
    ],
)
def test_what_the_server_gives_back_of_a_call_is_not_told(message: str, told: str | None) -> None:
    assert str(errors.from_codes("invalid_value", "", message)) == f"invalid_value: {told or message}"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ConfigRefused),
        (302, ConfigRefused),
        (308, ConfigRefused),
        (404, ConfigRefused),
        (401, AccountRefused),
        (403, AccountRefused),
        (429, RateLimited),
        (500, ConnectionLost),
        (503, ConnectionLost),
    ],
)
def test_http_statuses(status: int, expected: type[ProviderError]) -> None:
    assert type(errors.from_status(status)) is expected


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (4000, "", ConfigRefused),
        (1000, "", ConnectionLost),
        (1001, "", ConnectionLost),
        (1006, "", ConnectionLost),
        (1011, "keepalive ping timeout", ConnectionLost),
        (1001, "Your session hit the maximum duration of 60 minutes.", SessionExpired),
        (1008, "insufficient_quota", AccountRefused),
    ],
)
def test_close_codes(code: int, reason: str, expected: type[ProviderError]) -> None:
    assert type(errors.from_close(code, reason)) is expected


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigRefused("x"), "config"),
        (AccountRefused("x"), "account"),
        (RateLimited("x"), "transient"),
        (SessionExpired("x"), "transient"),
        (ConnectionLost("x"), "transient"),
    ],
)
def test_what_the_controller_is_told(error: ProviderError, kind: str) -> None:
    assert error.kind == kind


def test_races_are_benign() -> None:
    assert errors.is_benign("response_cancel_not_active", "")
    assert errors.is_benign("invalid_value", "Audio content of 3700ms is already shorter than 3760ms")
    assert not errors.is_benign("invalid_value", "Invalid value: 'x'.")


def test_a_refusal_in_a_form_that_nobody_knows_counts_by_its_status() -> None:
    assert type(errors.from_status(500, body=b"[1]")) is ConnectionLost


@pytest.mark.parametrize(
    ("error", "seconds"), [(RateLimited("x", 2.5), 2.5), (RateLimited("x"), 0.0), (ConnectionLost("x"), 0.0)]
)
def test_the_wait_that_a_rate_limit_names(error: ProviderError, seconds: float) -> None:
    assert errors.wait_of(error) == seconds
