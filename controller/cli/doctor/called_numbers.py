"""The called numbers by which the doctor looks where calls go. [pure]"""

import re
from dataclasses import dataclass

from controller.config import Config
from controller.dialing import number_spellings

SAMPLES = ("5551234567", "+15551234567", "s")
"""As carriers send them: digits, with a plus, or nothing."""
_USABLE = re.compile(r"[A-Za-z0-9+*#_.-]{1,64}", re.ASCII)
"""What may be part of a command of Asterisk's."""
_REST = "5550100"
"""Behind the beginning of a number with a wildcard."""


@dataclass(frozen=True, slots=True)
class Called:
    """The numbers that a route is for: the first is as it is written there, the others are other spellings of it.
    `samples`: the route has a wildcard, and these are some of its numbers."""

    route: str
    numbers: tuple[str, ...]
    samples: bool = False


def of_trunk(config: Config, trunk: str | None) -> list[Called]:
    """Of the routes for calls of this trunk."""
    if not config.routes:
        return [Called("any number", SAMPLES, True)]
    found = []
    for place, route in enumerate(config.routes):
        if trunk is not None and route.trunk not in (None, trunk):
            continue
        numbers = tuple(each for each in _numbers(config, route.to, trunk) if _USABLE.fullmatch(each))
        if numbers:
            found.append(Called(f"routes[{place}]", numbers, route.to.endswith("*")))
    return found


def _numbers(config: Config, to: str, trunk: str | None) -> tuple[str, ...]:
    if to == "*":
        return SAMPLES
    if to.endswith("*"):
        begin = to[:-1]
        return (begin + _REST[: max(1, 12 - len(begin))] if begin.strip("+").isdecimal() else begin + "1",)
    return tuple(number_spellings.spellings(to, number_spellings.country_of(config, trunk)))
