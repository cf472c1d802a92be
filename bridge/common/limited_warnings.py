"""Warnings that a peer can cause again and again: the first one at once, all of them as a total at the end. [pure]

Owns the bound on one call's lines in the log. A server, Asterisk or a tool that fails in the same way a thousand times
writes a line and a total, and not a thousand lines. `FEW` are written where each may say something else.
"""

from collections import Counter
from typing import Any, Protocol

FEW = 5
MOST = 64
"""Different warnings that are told apart; beyond them only the text does."""


class Log(Protocol):
    """A structlog logger, as far as it is used."""

    def warning(self, event: str, **fields: Any) -> Any: ...


class LimitedWarnings:
    """Of one call. Whoever has it calls `close` when the call ends."""

    def __init__(self, log: Log, each: int = 1) -> None:
        self._log = log
        self._each = each
        self._seen: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = Counter()

    def warning(self, text: str, /, *, by: tuple[str, ...] = (), **fields: Any) -> None:
        """A line, or one more for the total. `by`: the fields that tell warnings of one text apart."""
        apart = tuple((name, fields[name]) for name in by if name in fields)
        if (text, apart) not in self._seen and len(self._seen) >= MOST:
            apart = ()
        self._seen[text, apart] += 1
        if self._seen[text, apart] <= self._each:
            self._log.warning(text, **fields)

    def close(self) -> None:
        """Tell the totals of those that were not all told."""
        for (text, apart), total in self._seen.items():
            if total > self._each:
                self._log.warning(text, **dict(apart), total=total)
        self._seen.clear()
