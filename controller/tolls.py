"""Numbers that cost somebody dearly: premium rate, shared revenue, satellite, abroad. Denied unless allowed. [pure]

Owns the list of well-known prefixes and the reading of a number's country. The list can't be complete: numbering plans
change, and each country has its own. The allow-list stays the guard; this one catches what a wide pattern lets through.

Sources: ITU-T E.164 assigned country codes (the 8xx and 979 ranges of no country); the numbering plans of NANPA (900,
976), Ofcom (09, 087x, 070), Arcep (089), Bundesnetzagentur (0900, 0137, 0180), AGCOM (899), CNMC (80x), BAKOM (0900).
"""

import re

_SERVICE = re.compile(r"^[*#]+[0-9]*[*#]+")
"""A service code in front of a number, such as *31# to withhold one's own."""

NO_COUNTRY = ("808", "870", "878", "881", "882", "883", "888", "979", "991")
"""Shared cost, Inmarsat, personal, satellite, international networks, premium rate."""

PREMIUM = {
    "1": ("900", "976", "809540", "284", "876", "473", "649", "664", "767", "268", "758", "784", "868", "869"),
    "30": ("90", "80", "14"),
    "31": ("900", "906", "909", "84", "676"),
    "32": ("90", "70", "78"),
    "33": ("89", "81", "82"),
    "34": ("803", "806", "807", "905", "907", "70"),
    "39": ("89", "199", "144", "166", "178"),
    "41": ("90", "84", "869"),
    "43": ("90", "93", "82", "81"),
    "44": ("9", "87", "84", "70", "76"),
    "45": ("90",),
    "46": ("900", "939", "944", "99"),
    "47": ("82",),
    "48": ("70", "30", "40"),
    "49": ("900", "137", "180", "190", "118"),
    "61": ("190", "19"),
    "90": ("900", "898", "888"),
    "351": ("6", "76"),
    "353": ("15", "76"),
    "358": ("600", "700", "75"),
    "420": ("90", "97"),
}
"""What stands behind a country code: premium, shared revenue, and behind +1 the islands of callback fraud."""


def why_denied(number: str, country_code: str | None, *, premium: bool, international: bool) -> str | None:
    """A reason without the number, or None. `number` is as it is dialled; `country_code` is the trunk's home.

    `+49…`, `0049…` and, in the North American plan, `01149…` are read as international; what begins otherwise is
    national if the home is known, and not judged if it is not.
    """
    number = _SERVICE.sub("", number)
    abroad = _international(number, country_code)
    home = abroad is None
    full = (country_code or "") + _national(number, country_code) if home else abroad
    assert full is not None
    if home and country_code is None:
        return None
    if not premium and (_of_no_country(full) or _premium(full)):
        return "This is a premium rate, shared revenue or satellite number; the trunk's `premium` is not set."
    if not international and country_code is not None and not full.startswith(country_code):
        return "This is a number abroad; the trunk's `international` is not set."
    return None


def _international(number: str, country_code: str | None) -> str | None:
    """Digits from the country code on; None: the number is not written so."""
    prefixes = ("+", "00", "011") if country_code == "1" else ("+", "00")
    for prefix in prefixes:
        if number.startswith(prefix):
            return number.removeprefix(prefix)
    return None


def _national(number: str, country_code: str | None) -> str:
    """Without the trunk prefix: 0 in most countries, 1 in the North American plan. Italy has none."""
    if country_code == "39":
        return number
    return re.sub("^1" if country_code == "1" else "^0", "", number)


def _of_no_country(full: str) -> bool:
    return full.startswith(NO_COUNTRY)


def _premium(full: str) -> bool:
    """The longest country code that fits counts: +1 is not +1 of anything else, but +35 could be +351."""
    code = max((code for code in PREMIUM if full.startswith(code)), key=len, default=None)
    if code is None:
        return False
    rest = full[len(code) :]
    return (rest if code == "39" else rest.removeprefix("0")).startswith(PREMIUM[code])  # Italy's zero is a digit
