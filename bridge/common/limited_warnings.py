"""Warnings that a peer can cause many times: the first ones are logged at once, at the end their total. [pure]

Owns the bound on one call's lines in the log. A server, Asterisk or a tool that fails in the same way a thousand times
causes one line and a total, not a thousand lines. Where each warning may have other details, the first `FEW` are
logged.
"""

from collections import Counter
from typing import Any, Protocol

FEW = 5
MOST = 64
"""Different warnings that are counted by their fields; further ones are counted by their text alone."""


class Log(Protocol):
    """The part of a structlog logger that is used here."""

    def warning(self, event: str, **fields: Any) -> Any: ...


class LimitedWarnings:
    """Those of one call. `each`: how many of a kind are logged at once. Its owner calls `close` when the call ends."""

    def __init__(self, log: Log, each: int = 1) -> None:
        self._log = log
        self._each = each
        self._seen: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = Counter()

    def warning(self, text: str, /, *, by: tuple[str, ...] = (), **fields: Any) -> None:
        """Logs it, or counts it for the total. `by`: the fields by which warnings of the same text are of different
        kinds."""
        apart = tuple((name, fields[name]) for name in by if name in fields)
        if (text, apart) not in self._seen and len(self._seen) >= MOST:
            apart = ()
        self._seen[text, apart] += 1
        if self._seen[text, apart] <= self._each:
            self._log.warning(text, **fields)

    def close(self) -> None:
        """Logs the total of each kind that was not logged completely."""
        for (text, apart), total in self._seen.items():
            if total > self._each:
                self._log.warning(text, **dict(apart), total=total)
        self._seen.clear()
