"""In which format a number is sent to a carrier (`trunks.*.number_format`). [pure]

Owns the formats. What is no telephone number (an extension, a service code, a SIP address), and what can't be read for
sure, is sent as it is given.

Sources: ITU-T E.164 and E.123; the prefixes of each country are those of `phonenumbers`.
"""

import re

import phonenumbers

from controller.dialing import number_spellings
from controller.dialing.rules import NumberFormat
from controller.dialing.toll_fraud import region_of

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_NO_DIGIT = re.compile(r"[^0-9]")


def formatted(number: str, number_format: NumberFormat, country: str | None) -> str:
    """`number` as `check_number` returns it. `country`: the trunk's, in which numbers without a plus are read.

    `e164`: `+493012345`. `plain`: `493012345`. `national`: `03012345` at home, and abroad with the prefix that is
    dialled there (`00` in most countries, `011` in the USA).
    """
    if number_format == "as_given":
        return number
    known = number_spellings.normalised(number, country)
    if not _E164.fullmatch(known):
        return number
    if number_format == "e164":
        return known
    if number_format == "plain":
        return known[1:]
    return _national(known, region_of(country)) or number


def _national(number: str, region: str | None) -> str | None:
    """None: it has no national form."""
    if region is None:
        return None
    parsed = phonenumbers.parse(number, None)
    if parsed.country_code == phonenumbers.country_code_for_region(region):
        written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    else:
        written = phonenumbers.format_out_of_country_calling_number(parsed, region)
    digits = _NO_DIGIT.sub("", written)
    return f"+{digits}" if written.startswith("+") else digits or None


def example(number_format: NumberFormat, country: str | None) -> tuple[str, str] | None:
    """A number of the country that nobody has, in E.164 form, and as it is sent. None: the country is not known."""
    region = region_of(country)
    found = phonenumbers.example_number(region) if region else None
    if found is None:
        return None
    number = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
    return number, formatted(number, number_format, country)
