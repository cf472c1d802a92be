"""Checks the keys of trunks: the country, which toll-fraud rules and `number_format` need, and `overflow`. [pure]

Works on plain data, as `rules` does. A trunk needs a `country_code` if it dials numbers, and not only extensions,
unless it may dial everything.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from bridge.common import patterns
from controller.config.errors import shown
from controller.config.source import Source
from controller.dialing import toll_fraud

_NUMBERS = ("+4930123456", "+12125551234", "004930123456", "01149301234567", "030123456", "4930123456", "2125551234")
"""One for each spelling of numbers. A trunk that allows none of them dials extensions only."""


def check_trunks(top: Mapping[str, Any], source: Source) -> None:
    """Adds to the errors of `source`. Values of the wrong kind are skipped: pydantic names them."""
    found = top.get("trunks")
    trunks: dict[Any, Any] = found if isinstance(found, dict) else {}
    for name, trunk in trunks.items():
        if isinstance(trunk, dict):
            _check_country(("trunks", str(name)), trunk, source)
            _check_overflow(name, trunks, source)


def _check_overflow(name: Any, trunks: Mapping[str, Any], source: Source) -> None:
    """It names another trunk, and no chain of them is a circle."""
    path, visited, other = ("trunks", str(name), "overflow"), {name}, trunks[name].get("overflow")
    if isinstance(other, str) and other not in trunks and path not in source.unset:
        near = get_close_matches(other, [str(each) for each in trunks], n=1)
        source.add(path, "no such trunk", f"did you mean `{near[0]}`?" if near else "", shown(path, other))
    while isinstance(other, str) and other in trunks and other not in visited:
        visited.add(other)
        other = trunks[other].get("overflow") if isinstance(trunks[other], dict) else None
    if other == name:
        source.add(path, "leads back to this trunk", "the last trunk of a row has no overflow")


def _check_country(path: tuple[str, str], trunk: Mapping[str, Any], source: Source) -> None:
    domestic = trunk.get("domestic")
    for number, region in enumerate(domestic if isinstance(domestic, list) else ()):
        if isinstance(region, str) and re.fullmatch("[A-Z]{2}", region) and toll_fraud.region_of(region) is None:
            source.add((*path, "domestic", number), "is no region", 'two letters of ISO 3166, e.g. "CA"')
    code = trunk.get("country_code")
    if code is None and trunk.get("number_format") == "national" and (*path, "country_code") not in source.unset:
        hint = "add `country_code`: it says which numbers are at home, and which prefix leads abroad"
        source.add((*path, "number_format"), "needs the trunk's country", hint, "national")
    if isinstance(code, str) and re.fullmatch("[1-9][0-9]{0,2}|[A-Z]{2}", code, re.ASCII):
        if toll_fraud.region_of(code) is None:
            hint = 'the one behind the + of this trunk\'s own numbers, e.g. "49", or a region, e.g. "JE"'
            source.add((*path, "country_code"), "is no country's code", hint)
    elif code is None and (*path, "country_code") not in source.unset and _needs_country(trunk):
        hint = (
            'add `country_code`, the one behind the + of its own numbers, e.g. "49" '
            "(or narrow `allow` to extensions, or set `premium` and `international`)"
        )
        source.add(path, "dials numbers and doesn't say which country it is in: nobody could tell what they cost", hint)


def _needs_country(trunk: Mapping[str, Any]) -> bool:
    if trunk.get("premium") is True and trunk.get("international") is True:
        return False
    numbers = [each for each in _NUMBERS if not (trunk.get("international") is True and each.startswith("+"))]
    return any(_allows(pattern, each) for pattern in _patterns(trunk.get("allow")) for each in numbers)


def _patterns(allow: Any) -> list[str]:
    return [each for each in allow if isinstance(each, str) and not each.startswith("sip")] if allow else []


def _allows(pattern: str, number: str) -> bool:
    """False for an invalid pattern; `values` reports that."""
    return patterns.fullmatch(pattern, number)
