"""Denies costly numbers and emergency numbers unless the trunk allows them. [pure]

Owns the question of what a number may mean where it is dialled: premium rate, shared cost, satellite, abroad. Trunks
differ: one reads `49900…` as a local number, another as a German premium number. So all readings of a number count, and
the costliest one decides; what can't be read is denied. `phonenumbers` (Google's libphonenumber) knows the kinds of
numbers. Its tables can't be complete, so the allow-list of a trunk stays the first guard.

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
"""Digits up to which a number without a prefix is an extension or a service of the exchange."""

_COSTLY = frozenset(
    (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER, PhoneNumberType.PAGER)
)
_OF_NO_COUNTRY = "001"
"""The library's region for satellites, international networks and premium rate numbers of no country."""
_FREEPHONE = 800
_NORTH_AMERICA = 1
_ORDINARY = frozenset(("US", "CA", "PR", "VI", "GU", "AS", "MP"))
"""Regions of +1 with ordinary prices. Other islands are dialled like American numbers and cost more: callback fraud."""
_WITHHELD = re.compile(r"^(?:\*31#|#31#|\*67(?=\d{7})|\*82(?=\d{7})|\*31\*(?=\d{7}))")
"""Codes before a number that withhold or show one's own. Others, such as *21*, forward a line to a number."""
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
    """The region ("JE") itself, or the main region of a country code: "GB" for "44". None: unknown."""
    if country is None or not country.isdecimal():
        return country if country in phonenumbers.SUPPORTED_REGIONS else None
    region = phonenumbers.region_code_for_country_code(int(country))
    return None if region in ("ZZ", _OF_NO_COUNTRY) else region


@dataclass(frozen=True, slots=True)
class _Home:
    """The home of a trunk. `regions`: those that are not abroad."""

    code: int
    region: str
    regions: frozenset[str]

    def has(self, number: PhoneNumber, *, unknown: bool) -> bool:
        """By region, since countries share codes: +7 is Russia and Kazakhstan. `unknown`: the answer for a number that
        does not exist, if other countries share its code."""
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
    """Why the number is denied, without the number; None: it is not. `number`: as it is dialled. `country`: the trunk's
    country code or region. `domestic`: other regions that are not abroad. `emergency`: those that may be dialled.

    A name of an extension with more digits than an extension has is denied too.
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
    """*98 is a service of the exchange; more digits after a star may forward the line. Letters can be dialled too."""
    if "*" in text or "#" in text:
        return digits > 4
    return digits > SHORT or (text[:1].isdigit() and len(text) > SHORT)


def _costly_service(number: str, home: _Home) -> bool:
    """Such as directory enquiries. A number that is not a known service is an extension."""
    if len(number) < 3:
        return False
    parsed = PhoneNumber(country_code=home.code, national_number=int(number))
    cost = phonenumbers.expected_cost_for_region(parsed, home.region)
    known = phonenumbers.is_valid_short_number_for_region(parsed, home.region)
    return cost == ShortNumberCost.PREMIUM_RATE or (known and cost == ShortNumberCost.UNKNOWN_COST)


def _readings(number: str, home: _Home | None) -> Iterator[PhoneNumber]:
    """All meanings of `number`. None: it can't be dialled, or the trunk's country is unknown."""
    if number.startswith("+"):
        yield from _parsed(number[1:])
        return
    prefix = _INTERNATIONAL.match(number)
    if prefix:
        yield from _parsed(number[prefix.end() :])
    if home is None:
        return
    if abroad := _after_prefix(number, home.region):
        yield from _parsed(abroad)
    if not prefix:
        yield from _parsed(f"{home.code}{number}")
        if number[0] != "0":
            yield from _without_plus(number, home)


def _after_prefix(number: str, region: str) -> str | None:
    """The number after the region's international prefix: 011 in America, 0011 in Australia, 8~10 in Russia."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    match = re.match(metadata.international_prefix, number) if metadata and metadata.international_prefix else None
    return number[match.end() :] if match else None


def _without_plus(number: str, home: _Home) -> Iterator[PhoneNumber]:
    """Trunks take E.164 numbers without the plus too, and often ignore further digits after a number."""
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
