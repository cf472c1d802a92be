"""How many calls one caller may have at once, and may begin in a minute. [pure]

Callers are told apart by number; all who withhold theirs are one caller. Who is up is told each time by whoever owns
the calls. Only beginnings are remembered, for a minute each. Time is an argument.
"""

import re
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from controller.limits import Busy

if TYPE_CHECKING:
    from controller.config import PerCaller

WINDOW = 60.0
WITHHELD = ""
_NOBODY = frozenset(
    ("", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld", "asterisk", "none")
)


class CallerLimits:
    """`admit` before each call; it counts from then on."""

    def __init__(self, settings: "PerCaller") -> None:
        self._settings = settings
        self._begun: dict[str, deque[float]] = {}
        self._swept = 0.0

    def admit(self, caller: str, up: Iterable[str], now: float) -> None:
        """`up`: the callers of all calls that are up, or about to be. Raises Busy with the name of the limit."""
        name, most = caller_of(caller), self._settings.max_calls
        if most is not None and sum(caller_of(each) == name for each in up) >= most:
            raise Busy("This caller has as many calls as allowed already (limits.per_caller.max_calls).")
        most = self._settings.calls_per_minute
        if most is None:
            return
        self._forget(now)
        begun = self._begun.setdefault(name, deque(maxlen=most))
        if len(begun) >= most and begun[0] > now - WINDOW:
            raise Busy("This caller may not begin calls any faster (limits.per_caller.calls_per_minute).")
        begun.append(now)

    def _forget(self, now: float) -> None:
        """Numbers that callers make up do not stay."""
        if now - self._swept >= WINDOW:
            self._begun = {name: begun for name, begun in self._begun.items() if begun and begun[-1] > now - WINDOW}
            self._swept = now


def caller_of(number: str) -> str:
    """One name for all ways to write a number."""
    plain = re.sub(r"[\s().+-]", "", number).lower()
    return WITHHELD if plain in _NOBODY else plain.lstrip("0") or plain
