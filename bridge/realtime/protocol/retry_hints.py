"""Reads from a server's error message or headers how long to wait before the next request. [pure]

Sources: RFC 9110 §10.2.3; OpenAI "Rate limits" ("Please try again in 1m2s", `x-ratelimit-reset-*`); Azure ("Please
retry after 20 seconds", `retry-after-ms`).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bridge.common.strict_json import well_formed

LONGEST_S = 86_400.0
EPOCH_S = 1e9
"""A reset that is so far away is a moment and not a wait."""

_UNIT = (
    r"(?:milliseconds?|millis|msecs?|ms|microseconds?|[u\u00b5\u03bc]s|seconds?|secs?|s|minutes?|mins?|m"
    r"|hours?|hrs?|h|days?|d)(?![a-z])"
)
_NUMBER = r"(?:\d{1,15}(?:[.,]\d{1,9})?|\.\d{1,9})"
_AMOUNT = rf"{_NUMBER}\s*{_UNIT}"
_AMOUNTS = rf"{_AMOUNT}(?:\s*(?:,|and)?\s*{_AMOUNT})*"
_CLOCK = r"\d{1,2}(?::[0-5]\d){1,2}(?![:\d])"
_BARE = rf"{_NUMBER}(?![\w.,]*\d|[-:]\d|\s*{_UNIT})"
_PARTS = re.compile(rf"({_NUMBER})\s*({_UNIT})", re.IGNORECASE)
_ASKED = re.compile(
    r"(?:again|retry|wait|resets?|available|allowed|back(?:ing)?[ -]?off|slow(?:ing)? down)[^.\d]{0,40}?"
    rf"(?:(?P<amounts>{_AMOUNTS})|after[_-]?ms[\s:=\"']*(?P<ms>{_BARE})"
    rf"|(?:in|after)[\s:=\"']*(?:(?P<clock>{_CLOCK})|(?P<bare>{_BARE})))",
    re.IGNORECASE,
)
_DURATION = re.compile(_AMOUNTS, re.IGNORECASE)
_RATE = re.compile(r"rate[ _-]?limit|too[ _-]?many[ _-]?requests|\b429\b", re.IGNORECASE)
_FIELDS = ("retry_after_ms", "retry-after-ms", "retry_after", "retry-after", "retryAfter")
LONGEST_FIELD = 16
_OF_WHAT = ("", "-requests", "-tokens", "-input-tokens", "-output-tokens")
HEADERS = (
    "retry-after-ms",
    "Retry-After",
    *(f"x-ratelimit-{each}{what}" for each in ("reset", "remaining") for what in _OF_WHAT),
)
"""Those that may tell."""


def is_rate_limit(message: str) -> bool:
    """The words, or the code, of a server that has no code of its own for it."""
    return _RATE.search(message) is not None


def seconds_of(message: str) -> float | None:
    """The wait that a message asks for, such as "try again in 350ms"; a number without a unit is seconds."""
    found = _ASKED.search(message)
    if found is None:
        return None
    if found["amounts"]:
        return _sum(found["amounts"])
    if found["clock"]:
        parts = [float(part) for part in reversed(found["clock"].split(":"))]
        return _bounded(sum(part * 60**place for place, part in enumerate(parts)))
    return _bounded(_number(found["bare"]) if found["bare"] else _number(found["ms"]) / 1000)


def with_wait(message: str, error: Mapping[str, Any]) -> str:
    """The words of an error, with the wait that a field of it names."""
    for key in _FIELDS:
        told = error.get(key)
        if isinstance(told, str):
            return f"{message} ({key}: {well_formed(told[:LONGEST_FIELD])})".strip()
        if isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told <= EPOCH_S:
            return f"{message} ({key}: {told:.3f})".strip()
    return message


def seconds_of_headers(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """`headers`: those of `HEADERS` that are there. None: no wait is told, or none that means anything."""
    now = now or datetime.now(UTC)
    in_ms = _told(headers.get("retry-after-ms", ""), now, per_s=1000)
    told = _told(headers.get("Retry-After", ""), now) if in_ms is None else in_ms
    return max(_resets(headers, now), default=None) if told is None else told


def _resets(headers: Mapping[str, str], now: datetime) -> Iterator[float]:
    """When there is room again of what is used up."""
    for what in _OF_WHAT:
        reset = _told(headers.get(f"x-ratelimit-reset{what}", ""), now)
        if reset is not None and headers.get(f"x-ratelimit-remaining{what}", "0").strip() in ("0", ""):
            yield reset


def _told(value: str, now: datetime, per_s: float = 1) -> float | None:
    """A number, a duration or a date."""
    value = value.strip()
    if _DURATION.fullmatch(value):
        return _sum(value)
    try:
        if not value[:1].isalpha():
            seconds = float(value) / per_s
            return _bounded(seconds - now.timestamp() if seconds > EPOCH_S else seconds)
        return _bounded((parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _sum(amounts: str) -> float | None:
    return _bounded(sum(_number(count) * _unit_s(unit) for count, unit in _PARTS.findall(amounts)))


def _number(text: str) -> float:
    """A comma before three digits separates thousands."""
    return float(re.sub(r",(?=\d{3}$)", "", text).replace(",", "."))


def _bounded(seconds: float) -> float | None:
    return min(max(seconds, 0.0), LONGEST_S) if seconds == seconds else None


def _unit_s(unit: str) -> float:
    unit = unit.casefold()
    if unit.startswith(("milli", "ms")):
        return 0.001
    if unit.startswith("micro") or unit.endswith(("us", "\u03bcs")):
        return 0.000_001
    return {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}[unit[0]]
