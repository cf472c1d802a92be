"""How long a server that is too busy wants to be left alone: read from its words or its `Retry-After`. [pure]

Sources: RFC 9110 §10.2.3; OpenAI "Rate limits" ("Please try again in 1m2s"); Azure ("Please retry after 20 seconds").
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0

_UNIT = r"(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)"
_AMOUNT = rf"\d{{1,9}}(?:\.\d{{1,9}})?\s*{_UNIT}(?![a-z])"
_PARTS = re.compile(rf"(\d{{1,9}}(?:\.\d{{1,9}})?)\s*({_UNIT})(?![a-z])", re.IGNORECASE)
_ASKED = re.compile(
    r"(?:again|retry|wait|resets?|available)[^.\d]{0,40}?"
    rf"(?:({_AMOUNT}(?:\s*(?:,|and)?\s*{_AMOUNT})*)|(?:in|after)[\s:=\"']*(\d{{1,9}}(?:\.\d{{1,9}})?)(?![\w.]*\d|\s*{_UNIT}(?![a-z])))",
    re.IGNORECASE,
)
_RATE = re.compile(r"rate[ _-]?limit|too many requests|\b429\b", re.IGNORECASE)


def is_rate_limit(message: str) -> bool:
    """The words of a server that has no code for it."""
    return _RATE.search(message) is not None


def seconds_of(message: str) -> float | None:
    """The wait that a message asks for, such as "try again in 350ms"; a number without a unit is seconds."""
    found = _ASKED.search(message)
    if found is None:
        return None
    parts = _PARTS.findall(found[1] or "")
    return _bounded(sum(float(count) * _unit_s(unit) for count, unit in parts) if parts else float(found[2]))


def seconds_of_header(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Of `Retry-After` (seconds or a date) or `retry-after-ms`; None: neither is there, or none that means anything."""
    milliseconds, told = headers.get("retry-after-ms", ""), headers.get("Retry-After", "").strip()
    try:
        if milliseconds:
            return _bounded(float(milliseconds) / 1000)
        if not told or told[0].isdigit() or told[0] == ".":
            return _bounded(float(told)) if told else None
        at = parsedate_to_datetime(told)
        return _bounded((at - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError):
        return None


def _bounded(seconds: float) -> float | None:
    return min(max(seconds, 0.0), LONGEST_S) if seconds == seconds else None


def _unit_s(unit: str) -> float:
    unit = unit.casefold()
    if unit.startswith(("milli", "ms")):
        return 0.001
    return {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}[unit[0]]
