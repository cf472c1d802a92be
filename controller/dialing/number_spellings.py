"""The spellings of telephone numbers. [pure]

Owns the reading of a number from outside: parameters of SIP and tel addresses, separators, `(0)`, prefixes.
`normalised` gives one spelling (E.164 with a plus) if the text is certainly a number, and returns any other text as it
is: an extension, a name, a service code. `numbers` and `toll_fraud` decide which numbers may be dialled.

Sources: RFC 3966 and RFC 3261 (parameters), ITU-T E.164 and E.123, and the numbering plans of `phonenumbers`.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat

from controller.dialing.rules import Destinations
from controller.dialing.toll_fraud import SHORT, region_of

_GAP = r"[\s().\-/\u2010-\u2015\u2212\u200b\u2060]"
_SEPARATORS = re.compile(_GAP)
_TRUNK_ZERO = re.compile(r"[(\[]\s*0\s*[)\]]")
_SCHEME = re.compile(r"(?:sips?|tel):(?://)?", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[0-9]{1,32}", re.ASCII)
_GLOBAL = re.compile(r"\+[0-9]+", re.ASCII)
_INVISIBLE = re.compile(r"[\s\u200b\u2060\-.\u2010-\u2015]")
FEWEST = 3
"""Digits by which numbers are searched for: fewer are in too many numbers."""
_LONGEST = 20
"""Digits of an E.164 number (15) and of a prefix before it."""


def plain(text: str) -> str:
    """The user part of an address without scheme, host, parameters and separators; `text` itself if it is no number."""
    user, context = _parts(text)
    compact = _compact(user)
    if not _NUMBER.fullmatch(compact):
        return user
    return _in_context(compact, context)


@lru_cache(maxsize=4096)
def normalised(text: str, country: str | None) -> str:
    """E.164 with a plus for a number, read as in `country` (a country code or a region; None: unknown); `plain` for any
    other text."""
    written = plain(text)
    return e164(written, region_of(country)) or written if _NUMBER.fullmatch(written) else written


def e164(number: str, region: str | None) -> str | None:
    """`number`: digits, with or without a plus. None: an extension, or it can't be read without a country."""
    if number.startswith("+"):
        return _formatted(number, None)
    if len(number) <= SHORT and not number.startswith("0"):
        return None
    for prefix in _international_prefixes(number, region):
        if (found := _formatted("+" + number[len(prefix) :], None)) is not None:
            return found
    return _national(number, region) if region is not None else None


def country_of(config: Destinations, trunk: str | None) -> str | None:
    """The country in which numbers of this trunk are read. Without a known trunk: that of all trunks, if they have one
    in common."""
    if trunk is not None and trunk in config.trunks:
        return config.trunks[trunk].country_code
    countries = {each.country_code for each in config.trunks.values() if each.country_code is not None}
    return countries.pop() if len(countries) == 1 else None


def needless_zero(number: str, country: str | None) -> bool:
    """Whether the prefix of calls within the country follows the country code, as in `+44 020 …`; not diallable."""
    prefixes = ["+"] if number.startswith("+") else _international_prefixes(number, region_of(country))
    return any(_has_both(number[len(prefix) :]) for prefix in prefixes)


def _has_both(digits: str) -> bool:
    found = _parsed("+" + digits, None)
    if found is None:
        return False
    home = phonenumbers.ndd_prefix_for_region(phonenumbers.region_code_for_country_code(found.country_code or 0), True)
    rest = phonenumbers.national_significant_number(found)
    return bool(home) and digits == f"{found.country_code}{home}{rest}"


def has_zero_in_brackets(text: str) -> bool:
    """Finds `(0)`, also with spaces, in full-width characters or other brackets."""
    return _TRUNK_ZERO.search(_INVISIBLE.sub(" ", unicodedata.normalize("NFKC", text))) is not None


def same(one: str, other: str, countries: Iterable[str | None]) -> bool:
    """Whether two texts of a config mean the same number in each of these countries."""
    return all(normalised(one, each) == normalised(other, each) for each in countries)


def spellings(number: str, country: str | None) -> list[str]:
    """The usual spellings of `number` that mean the same in `country`; `number` itself is the first."""
    normal = normalised(number, country)
    if not _GLOBAL.fullmatch(normal):
        return [number]
    abroad, region = phonenumbers.parse(normal, None), region_of(country)
    rest = phonenumbers.national_significant_number(abroad)
    home = (phonenumbers.ndd_prefix_for_region(region, True) or "") if region else ""
    written = [number, normal, f"00{normal[1:]}", normal[1:], f"{home}{rest}", rest]
    return [each for each in dict.fromkeys(written) if normalised(each, country) == normal]


def digits_within(text: str) -> str | None:
    """What a number that holds `text`, in whatever spelling, holds of digits: without the prefixes 0, 00 and +, and
    without separators. None: fewer than `FEWEST` digits, or no part of a number."""
    digits = _compact(text).removeprefix("+").lstrip("0")
    return digits if len(digits) >= FEWEST and _NUMBER.fullmatch(digits) else None


# ---------------------------------------------------------------- addresses


def _parts(text: str) -> tuple[str, str]:
    """The user part, and the value of `phone-context`; empty if there is none."""
    ascii_text = unicodedata.normalize("NFKC", text).strip()
    scheme = _SCHEME.match(ascii_text)
    body = ascii_text[scheme.end() :] if scheme else text.strip()
    user, *parameters = re.split(";", body)
    user = user.partition("@")[0] if scheme else user
    if _NUMBER.fullmatch(_compact(user)) or not parameters:
        contexts = [each.partition("=")[2] for each in parameters if each.lower().startswith("phone-context=")]
        return user, contexts[0].partition("@")[0] if contexts else ""
    return user, ""


def _compact(text: str) -> str:
    """Without separators. `(0)` after a country code is not dialled; anywhere else it is."""
    text = unicodedata.normalize("NFKC", text)
    if re.match(r"\s*(?:\+|00)", text):
        text = _TRUNK_ZERO.sub("", text)
    return _SEPARATORS.sub("", text)


def _in_context(number: str, context: str) -> str:
    """A local number with its context (RFC 3966) as a global one."""
    above = _compact(context)
    if number.startswith("+") or not _GLOBAL.fullmatch(above):
        return number
    region = region_of(above[1:]) if len(above) <= 4 else None
    return (e164(number, region) if region else None) or above + number


# ---------------------------------------------------------------- numbering plans


def _international_prefixes(number: str, region: str | None) -> list[str]:
    """The prefix before the country code: that of the region, else 00, which carriers use everywhere."""
    metadata = PhoneMetadata.metadata_for_region(region, None) if region else None
    match = re.match(metadata.international_prefix, number) if metadata and metadata.international_prefix else None
    return [match[0]] if match else ["00"] if number.startswith("00") else []


def _national(number: str, region: str) -> str | None:
    """`number` without a plus is one of the country or, from some carriers, one with a country code. None: it may be
    both, or is none."""
    domestic, anywhere = _parsed(number, region), _parsed("+" + number, None)
    if number.startswith("0"):
        zero_belongs = domestic is not None and domestic.italian_leading_zero
        return None if zero_belongs and phonenumbers.ndd_prefix_for_region(region, True) == "0" else _written(domestic)
    valid = {_written(each) for each in (domestic, anywhere) if each and phonenumbers.is_valid_number(each)}
    if len(valid) == 1:
        return valid.pop()
    has_home_code = number.startswith(str(phonenumbers.country_code_for_region(region)))
    return _written(anywhere) if has_home_code and phonenumbers.ndd_prefix_for_region(region, True) else None


def _formatted(number: str, region: str | None) -> str | None:
    return _written(_parsed(number, region))


def _written(number: PhoneNumber | None) -> str | None:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if number is not None else None


def _parsed(number: str, region: str | None) -> PhoneNumber | None:
    if sum(sign.isdigit() for sign in number) > _LONGEST:
        return None
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
