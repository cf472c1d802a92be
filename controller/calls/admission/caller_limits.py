"""How many calls one caller may have at once, and may begin in a minute. [pure]

Callers are told apart by number; all who withhold it count as one caller. Whoever asks says each time which calls are
up. Only when calls began is remembered, for a minute. Times are arguments, in seconds.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Iterable

import phonenumbers
from phonenumbers import PhoneMetadata

from controller.calls.errors import Busy
from controller.config import PerCaller, Trunk
from controller.dialing import toll_fraud
from controller.dialing.withheld_numbers import means_withheld

WINDOW = 60.0
WITHHELD = ""


class CallerLimits:
    """`admit` before each call; it counts from then on."""

    def __init__(self, settings: PerCaller, home: str | None = None) -> None:
        """`home`: the region in which numbers without a country code are at home, such as "DE"; None: not known."""
        self.replace(settings, home)
        self._begun: dict[str, deque[float]] = {}
        self._swept = 0.0

    def replace(self, settings: PerCaller, home: str | None) -> None:
        """These hold from now on."""
        self._settings, self._home = settings, home

    def admit(self, caller: str, up: Iterable[str], now: float) -> None:
        """`up`: the callers of all calls that are up, or about to be. Raises Busy with the name of the limit."""
        name, most = caller_of(caller, self._home), self._settings.max_calls
        if most is not None and sum(caller_of(each, self._home) == name for each in up) >= most:
            raise Busy("This caller has as many calls as allowed already (limits.per_caller.max_calls).")
        most = self._settings.calls_per_minute
        if most is None:
            return
        self._forget(now)
        begun = self._begun.setdefault(name, deque(maxlen=most))
        if begun.maxlen != most:  # the limit was changed
            begun = self._begun[name] = deque(begun, maxlen=most)
        if len(begun) >= most and begun[0] > now - WINDOW:
            raise Busy("This caller may not begin calls any faster (limits.per_caller.calls_per_minute).")
        begun.append(now)

    def _forget(self, now: float) -> None:
        """Forgets what is older than WINDOW, so that made-up numbers do not fill the memory."""
        if now - self._swept >= WINDOW:
            self._begun = {name: begun for name, begun in self._begun.items() if begun and begun[-1] > now - WINDOW}
            self._swept = now


def home_of(trunks: Iterable[Trunk]) -> str | None:
    """The region of all trunks, if it is the same for all."""
    regions = {toll_fraud.region_of(each.country_code) for each in trunks}
    return regions.pop() if len(regions) == 1 else None


def caller_of(number: str, home: str | None = None) -> str:
    """The same text for each way to write a number: of a full number its digits with the country code."""
    plain = re.sub(r"[\s()./_-]", "", unicodedata.normalize("NFKC", number).lower())
    digits = plain.removeprefix("+").lstrip("0")
    if not digits or means_withheld(number) or plain.startswith("anonymous"):
        return WITHHELD
    if home is None or plain.startswith(("+", "00")) or len(digits) <= toll_fraud.SHORT or not digits.isdecimal():
        return digits
    return _with_country_code(plain, home)


def _with_country_code(number: str, home: str) -> str:
    code = str(phonenumbers.country_code_for_region(home))
    metadata = PhoneMetadata.metadata_for_region(home, None)
    prefix = metadata.national_prefix if metadata else None
    if number.startswith(code):
        return number  # the plus is missing
    return code + number.removeprefix(prefix or "").lstrip("0")
