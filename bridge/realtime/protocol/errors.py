"""The errors of a Realtime server, and what they mean for the call. [pure]

Classifies HTTP statuses, close codes and error codes as exceptions (`ProviderError`), whose `kind` says whether a retry
makes sense, and lists the error codes that are harmless races.

Sources: OpenAI "Error codes" and Realtime guides; close codes RFC 6455 §7.4.1 and IANA.
"""

import re
from typing import ClassVar, Literal

from bridge.common.strict_json import BadJson, parse
from bridge.realtime.protocol.json_fields import code_of, id_of, object_of, text_of
from bridge.realtime.protocol.retry_hints import is_rate_limit, seconds_of, with_wait
from bridge.realtime.protocol.session_differences import Difference, summary

BENIGN_CODES = frozenset(
    {
        "response_cancel_not_active",  # our cancel lost the race against the end of the response
        "conversation_already_has_active_response",  # our create lost the race against the server's VAD
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "item_create_duplicate_item_id",
        "input_audio_buffer_commit_empty",
    }
)
"""Errors that two sides acting at the same time can always cause: counted, never raised."""

_ACCOUNT_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "invalid_api_key",
        "account_deactivated",
        "billing_hard_limit_reached",
        "authentication_error",
        "permission_error",
    }
)
_CONFIG_CODES = frozenset(
    {"unknown_parameter", "missing_required_parameter", "invalid_value", "invalid_type", "invalid_request_error"}
)
_MODEL_CODES = frozenset({"model_not_found", "model_load_error", "beta_api_shape_disabled"})
_RATE_CODES = frozenset(
    {
        "rate_limit_exceeded",
        "inference_rate_limit_exceeded",
        "session_limit_reached",
        "rate_limit_error",
        "rate_limited",
        "too_many_requests",
        "429",
    }
)
_BETA_CLOSE = 4000
_LATE = (408, 425)
"""Statuses that mean: at another time."""
MOST_WORDS = 512
MOST_BODY = 16 * 1024
_QUOTED = re.compile(r"(?<!\w)(['\"])(.*?)\1(?!\w)", re.DOTALL)
_NAME = re.compile(r"[\w.\[\]-]{1,64}")
_NUMBERS = re.compile(r"\+?\d{6,}")


class ProviderError(Exception):
    """The AI session cannot begin or cannot go on. The message is for the log; it names no caller."""

    kind: ClassVar[Literal["config", "account", "transient"]] = "transient"


class ConfigRefused(ProviderError):
    """The server refuses what we ask for; it will refuse the next call's session too."""

    kind = "config"


class ModelRefused(ConfigRefused):
    """There is no such model there, or not for clients like us: fatal at any moment, not only while configuring."""


class SessionRefused(ConfigRefused):
    """The server makes another session of what was asked for, and no call can do with it."""

    def __init__(self, differences: tuple[Difference, ...]) -> None:
        super().__init__(f"the session is not as asked for: {summary(differences)}")
        self.differences = differences


class AccountRefused(ProviderError):
    """Key, quota or billing: no call will work until somebody acts."""

    kind = "account"


class RateLimited(ProviderError):
    """Too many sessions or tokens just now. `retry_s`: how long the server wants to be left alone; None: not told.

    `waited`: that was done already, on the connection that is given up now.
    """

    def __init__(self, words: str, retry_s: float | None = None, *, waited: bool = False) -> None:
        super().__init__(words)
        self.retry_s = retry_s
        self.waited = waited


def wait_of(error: ProviderError) -> float:
    """The wait in seconds that a rate limit names; 0 if there is none."""
    return (error.retry_s or 0.0) if isinstance(error, RateLimited) else 0.0


class SessionExpired(ProviderError):
    """The connection reached its 60 minutes."""


class ConnectionLost(ProviderError):
    """TCP, TLS, websocket or the server gave up; a new connection may work."""


def is_benign(code: str, message: str) -> bool:
    """Whether an `error` event is one of the races. The truncate one is known by its words only."""
    return code in BENIGN_CODES or "already shorter than" in message


def without_quotes(message: str) -> str:
    """A server's message for our log and records: long or spaced texts in quotes are ours, given back, and may be
    a caller's words or name; so may long numbers. Names of parameters and short values stay."""
    return _NUMBERS.sub("…", _QUOTED.sub(lambda found: found[0] if _NAME.fullmatch(found[2]) else "'…'", message))


def from_codes(code: str, kind: str, message: str) -> ProviderError:
    """An `error` event, or the error of a failed response. Account trouble is told by either code or type."""
    words = f"{code or kind or 'an error without a code'}: {without_quotes(message)[:MOST_WORDS] or 'no message'}"
    if code in _ACCOUNT_CODES or kind in _ACCOUNT_CODES:
        return AccountRefused(words)
    if code in _RATE_CODES or kind in _RATE_CODES or is_rate_limit(f"{_words(code)} {_words(kind)}"):
        return RateLimited(words, seconds_of(message))
    if code == "session_expired":
        return SessionExpired(words)
    if code in _MODEL_CODES:
        return ModelRefused(words)
    if code in _CONFIG_CODES or kind in _CONFIG_CODES:
        return ConfigRefused(words)
    retry_s = seconds_of(message)
    limited = is_rate_limit(message) or retry_s is not None  # a server that names a wait is busy
    return RateLimited(words, retry_s) if limited else ConnectionLost(words)


def from_status(status: int, retry_s: float | None = None, body: bytes = b"") -> ProviderError:
    """The HTTP answer to the websocket upgrade. `retry_s`: the wait that its headers ask for."""
    code, kind, message = _told(body)
    why = f": {code or kind or 'error'}: {without_quotes(message)[:MOST_WORDS]}" if message else ""
    words = f"the server answered the websocket upgrade with HTTP {status}{why}"
    if status in (401, 402, 403) or code in _ACCOUNT_CODES or kind in _ACCOUNT_CODES:
        return AccountRefused(words)
    retry_s = seconds_of(message) if retry_s is None else retry_s
    if status == 429 or (status >= 500 and retry_s is not None):
        return RateLimited(words, retry_s)
    if 300 <= status < 400:
        return ConfigRefused(f"{words}, a redirect, which is not followed: give the provider's `url` as it is now")
    if 400 <= status < 500 and status not in _LATE:
        return ConfigRefused(words)
    return ConnectionLost(words)


def _told(body: bytes) -> tuple[str, str, str]:
    """Code, type and message of the body of a refusal. Of a page for people nothing."""
    text = body[:MOST_BODY].decode("utf-8", "replace").strip()
    try:
        told = parse(text)
    except BadJson:
        return "", "", "" if "<" in text else " ".join(text.split())
    told = told[0] if isinstance(told, list) and told else told
    if not isinstance(told, dict):
        return "", "", ""
    error = object_of(told, "error") or told
    message = text_of(error, "message") or text_of(told, "error")
    return code_of(error, "code"), id_of(error, "type"), with_wait(message, error)


def _words(code: str) -> str:
    """`RateLimitReached` as `Rate_Limit_Reached`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code)


def from_close(code: int, reason: str) -> ProviderError:
    """A connection that the server closed, or that broke (1006). 1000 also counts: we did not ask for it."""
    words = f"the server closed the connection with {code} {reason}".rstrip()
    if code == _BETA_CLOSE or "beta_api_shape_disabled" in reason:
        return ConfigRefused(words)
    if "maximum duration" in reason or "session_expired" in reason:
        return SessionExpired(words)
    if any(account in reason for account in _ACCOUNT_CODES):
        return AccountRefused(words)
    if any(limit in reason for limit in _RATE_CODES - {"429"}) or is_rate_limit(reason):
        return RateLimited(words, seconds_of(reason))
    return ConnectionLost(words)
