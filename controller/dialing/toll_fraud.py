"""Numbers that cost somebody dearly, or alarm somebody: premium rate, shared cost, satellite, abroad, emergency. Denied
unless allowed. [pure]

Owns the question of what a number may mean where it is dialled. Trunks differ: one reads `49900…` as a number of its
own town, the next as a German premium number. So every way to read a number counts, and the dearest one decides; what
can't be read at all is denied. What a number costs is known by `phonenumbers` (Google's libphonenumber), whose tables
follow the numbering plans; they can't be complete, so the allow-list of a trunk stays the first guard.

Sources: ITU-T E.164 (country codes; 881, 882, 979 and others are of no country), E.123 (writing), ETSI ES 200 659 and
NANPA (codes that withhold one's own number).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberType, ShortNumberCost

from controller.dialing.emergency import reaches_emergency

SHORT = 6
"""Digits up to which a number without a prefix is an extension or a service of the exchange that it is dialled at."""

_COSTLY = frozenset(
    (
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
    )
)
_OF_NO_COUNTRY = "001"
"""The library's region of satellites, international networks and premium rate numbers that belong to no country."""
_FREEPHONE = 800
_NORTH_AMERICA = 1
_ORDINARY = frozenset(("US", "CA", "PR", "VI", "GU", "AS", "MP"))
"""Of the lands behind +1. The islands are dialled like any American number and cost like none: callback fraud."""
_WITHHELD = re.compile(r"^(?:\*31#|#31#|\*67(?=\d{7})|\*82(?=\d{7})|\*31\*(?=\d{7}))")
"""Codes in front of a number that withhold or show one's own. Others, such as *21*, forward a line to a number."""
_INTERNATIONAL = re.compile("00+")

COSTLY = "This is a premium rate, shared cost or satellite number; the trunk's `premium` is not set."
ABROAD = (
    "This is a number abroad, or can be read as one: write it with + and the country code. The trunk's `international` "
    "is not set."
)
UNKNOWN = (
    "This is no number that is known to exist, so that nobody can tell what it costs: write it with + and the country "
    "code. The trunk's `premium` is not set."
)
UNREAD = "This can't be read as a number, so that nobody can tell what it costs."
NO_COUNTRY_CODE = (
    "The trunk's `country_code` is not set, so that nobody can tell whether this number is premium rate, or abroad."
)


EMERGENCY = "This is an emergency number, or can be read as one. The trunk's `emergency` does not list it."


def region_of(country: str | None) -> str | None:
    """The region of a country ("JE") or of a country code: of "44" it is "GB", the largest that has it."""
    if country is None or not country.isdecimal():
        return country if country in phonenumbers.SUPPORTED_REGIONS else None
    region = phonenumbers.region_code_for_country_code(int(country))
    return None if region in ("ZZ", _OF_NO_COUNTRY) else region


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a trunk is. `regions`: whose numbers are not abroad."""

    code: int
    region: str
    regions: frozenset[str]

    def has(self, number: PhoneNumber, *, unknown: bool) -> bool:
        """By region, since countries share codes: +7 is Russia and Kazakhstan. `unknown`: what is said of a number that
        does not exist, if its code is ours and another country's."""
        regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
        if not self.regions & set(regions):
            return False
        if len(regions) == 1 or any(phonenumbers.is_valid_number_for_region(number, each) for each in self.regions):
            return True
        return unknown and not phonenumbers.is_valid_number(number)


def _home(country: str | None, domestic: Collection[str]) -> _Home | None:
    region = region_of(country)
    if region is None:
        return None
    return _Home(phonenumbers.country_code_for_region(region), region, frozenset((region, *domestic)))


def denial_reason(
    number: str,
    country: str | None,
    *,
    premium: bool,
    international: bool,
    domestic: Collection[str] = (),
    emergency: Collection[str] = (),
) -> str | None:
    """A reason without the number, or None. `number` is as it is dialled; `country` is the trunk's home: a country code
    or a region. `domestic`: other regions that are not abroad. `emergency`: such numbers that may be dialled.

    Also judges names of extensions: one with more digits than an extension has is read as the number that it holds.
    """
    home = _home(country, domestic)
    if reaches_emergency(number, home.region if home else None, emergency):
        return EMERGENCY
    if premium and international or number in emergency:
        return None
    number = _WITHHELD.sub("", number)
    digits = sum(sign.isdigit() for sign in number)
    if not re.fullmatch(r"\+?[0-9]+", number):
        return UNREAD if _like_number(number, digits) else None
    if digits <= SHORT and not number.startswith(("+", "00")) and (digits == 1 or number[0] != "0"):
        return COSTLY if not premium and home and _costly_service(number, home) else None
    return _dearest(list(_readings(number, home)), home, premium=premium, international=international)


def _dearest(readings: list[PhoneNumber], home: _Home | None, *, premium: bool, international: bool) -> str | None:
    if not premium and any(_costly(each, home) for each in readings):
        return COSTLY
    if home is None and (not readings or not international):
        return NO_COUNTRY_CODE
    exists = any(_known(each) for each in readings)
    if home and not international and not all(home.has(each, unknown=exists or not premium) for each in readings):
        return ABROAD
    if not readings or not (premium or exists):
        return UNKNOWN
    return None


def _like_number(text: str, digits: int) -> bool:
    """*98 is a service of the exchange; more digits behind a star may forward the line. Letters can be dialled, too."""
    if "*" in text or "#" in text:
        return digits > 4
    return digits > SHORT or (text[:1].isdigit() and len(text) > SHORT)


def _costly_service(number: str, home: _Home) -> bool:
    """Directory enquiries and the like. What is not known as a service is an extension."""
    if len(number) < 3:
        return False
    parsed = PhoneNumber(country_code=home.code, national_number=int(number))
    cost = phonenumbers.expected_cost_for_region(parsed, home.region)
    known = phonenumbers.is_valid_short_number_for_region(parsed, home.region)
    return cost == ShortNumberCost.PREMIUM_RATE or (known and cost == ShortNumberCost.UNKNOWN_COST)


def _readings(number: str, home: _Home | None) -> Iterator[PhoneNumber]:
    """All that `number` may mean. None at all: nothing that could be dialled, or the country code was needed."""
    if number.startswith("+"):
        yield from _parsed(number[1:])
        return
    prefix = _INTERNATIONAL.match(number)
    if prefix:
        yield from _parsed(number[prefix.end() :])
    if home is None:
        return
    if abroad := _behind_prefix(number, home.region):
        yield from _parsed(abroad)
    if not prefix:
        yield from _parsed(f"{home.code}{number}")
        if number[0] != "0":
            yield from _without_plus(number, home)


def _behind_prefix(number: str, region: str) -> str | None:
    """What is dialled abroad, where the prefix for it is not 00: 011 in America, 0011 in Australia, 8~10 in Russia."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    match = re.match(metadata.international_prefix, number) if metadata and metadata.international_prefix else None
    return number[match.end() :] if match else None


def _without_plus(number: str, home: _Home) -> Iterator[PhoneNumber]:
    """Trunks take E.164 numbers without the plus, too. Further digits behind a number are often not looked at."""
    yield from filter(_known, _parsed(number))
    for end in range(SHORT + 1, len(number)):
        yield from (each for each in _parsed(number[:end]) if _known(each) and _costly(each, home))


def _parsed(digits: str) -> Iterator[PhoneNumber]:
    try:
        yield phonenumbers.parse("+" + digits, None)
    except phonenumbers.NumberParseException:
        return


def _costly(number: PhoneNumber, home: _Home | None) -> bool:
    assert number.country_code is not None
    if phonenumbers.region_code_for_country_code(number.country_code) == _OF_NO_COUNTRY:
        return number.country_code != _FREEPHONE
    if number.country_code == _NORTH_AMERICA:
        region = phonenumbers.region_code_for_number(number)
        if region is not None and region not in _ORDINARY and not (home and region in home.regions):
            return True
    return phonenumbers.number_type(number) in _COSTLY


def _known(number: PhoneNumber) -> bool:
    return phonenumbers.number_type(number) != PhoneNumberType.UNKNOWN
