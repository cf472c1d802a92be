"""Emergency numbers: never dialled unless the trunk lists them, however they are written. [pure]

Owns the decision whether a dialled text may reach the police, the fire brigade or an ambulance. In doubt it may. The
numbers are those of the trunk's country, and those that telephones know in all countries (3GPP TS 22.101, section
10.1.1). They count with any prefix: a trunk, or a dialplan before it, may remove prefixes.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache

import phonenumbers
from phonenumbers import PhoneMetadata

EVERYWHERE = frozenset(("000", "110", "112", "118", "119", "911", "999"))
_MOST_COMMON = frozenset(("112", "911"))
_DIALLED = re.compile(r"[0-9+*#_.~wWpP-]+", re.ASCII)
"""`w` and `p` are pauses."""
_SERVICE_CODE = re.compile(r"[*#]+[0-9]{1,3}[*#]*(?=[0-9+])", re.ASCII)
_OUTSIDE_LINE = "9"
"""The prefix for an outside line at many exchanges. Zeros are removed in any case."""
_INTERNATIONAL = ("00", "000", "011", "0011", "810", "119", "119011")
_LONGEST = 4
"""Digits of an emergency number; no country has longer ones of its own."""


def reaches_emergency(text: str, region: str | None, allowed: Collection[str] = ()) -> bool:
    """`text`: as it would be dialled, or an extension. `region`: the trunk's, such as "DE". `allowed`: numbers that are
    not reported."""
    if not _DIALLED.fullmatch(text):
        return False  # a name
    return any(number not in allowed for each in _parts(text) for number in _read(each, region))


def _parts(text: str) -> Iterator[str]:
    """All parts of `text` that may be dialled: all of it, groups of digits, what follows *31# or *67."""
    yield text
    yield from re.findall("[0-9]+", text)
    if text.startswith(("*", "#")):
        yield from (text[1 + length :] for length in (1, 2, 3) if _SERVICE_CODE.match(text))


def _read(text: str, region: str | None) -> Iterator[str]:
    digits = re.sub("[^0-9]", "", text)
    home_numbers = EVERYWHERE | _national(region)
    yield from _after_zeros(digits, home_numbers)
    if digits.startswith(_OUTSIDE_LINE):
        yield from _after_zeros(digits[1:], _MOST_COMMON | _national(region))
        if digits[1:2] in ("0", "1"):  # and the prefix of a long-distance call
            yield from _after_zeros(digits[2:], _MOST_COMMON | _national(region))
    for each in _after_international_prefix(text, digits):
        yield from _after_zeros(each, home_numbers)
    for code, rest in _after_country_code(text, digits, region):
        foreign_numbers = home_numbers.union(*map(_national, phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]))
        yield from _after_zeros(rest, foreign_numbers)


def _after_zeros(digits: str, numbers: Collection[str]) -> Iterator[str]:
    """Emergency numbers after leading zeros: 0112 may be 112 after the prefix of an exchange; 000 is one itself."""
    zeros = len(digits) - len(digits.lstrip("0"))
    yield from (digits[start:] for start in range(zeros + 1) if digits[start:] in numbers)


def _after_country_code(text: str, digits: str, region: str | None) -> Iterator[tuple[int, str]]:
    """For +49112, 0049112, 01149112, and for 49112 in Germany: 49 and 112."""
    home = str(phonenumbers.country_code_for_region(region)) if region else None
    for each in _after_international_prefix(text, digits):
        number = each.lstrip("0")
        for length in (1, 2, 3):
            if (code := int(number[:length] or 0)) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
                yield code, number[length:]
    if home and digits.lstrip("0").startswith(home):
        yield int(home), digits.lstrip("0")[len(home) :]


def _after_international_prefix(text: str, digits: str) -> list[str]:
    found = [digits[len(prefix) :] for prefix in _INTERNATIONAL if digits.startswith(prefix)]
    return [*found, re.sub("[^0-9]", "", text.rpartition("+")[2])] if "+" in text else found


@cache
def _national(region: str | None) -> frozenset[str]:
    metadata = PhoneMetadata.short_metadata_for_region(region) if region else None
    described = metadata.emergency if metadata else None
    if described is None or not described.national_number_pattern:
        return frozenset()
    pattern = re.compile(described.national_number_pattern)
    lengths = [each for each in described.possible_length or () if 0 < each <= _LONGEST]
    written = (f"{value:0{length}}" for length in lengths for value in range(10**length))
    return frozenset(number for number in written if pattern.fullmatch(number))
