"""How telephone numbers are stored and logged: in full, masked, as a pseudonym, or not at all. [pure]

A pseudonym is an HMAC-SHA256 of the number: with number and key, calls can be found and deleted. Without the key nobody
can try all numbers.
"""

import hashlib
import hmac
from collections.abc import Collection

from controller.config.models.records import Records
from controller.dialing.number_spellings import spellings

PSEUDONYM = "id:"
DIGITS = 24
"""Of 64: any two among a billion numbers share a pseudonym with a probability of about 1 in 10^11."""


def written(number: str, settings: Records) -> str | None:
    match settings.numbers:
        case "full":
            return number
        case "masked":
            return masked(number)
        case "hashed":
            return pseudonym(number, settings)
        case "none":
            return None


def logged(number: str, settings: Records) -> str | None:
    """The number for the log: as in records, but never in full."""
    return masked(number) if settings.numbers == "full" else written(number, settings)


def masked(number: str) -> str:
    """The last two digits of a number of at least seven; of a shorter one none."""
    digits = [sign for sign in number if sign.isdigit()]
    return "…" + ("".join(digits[-2:]) if len(digits) >= 7 else "")


def pseudonym(number: str, settings: Records) -> str | None:
    """None without a key."""
    if settings.hash_key is None:
        return None
    key, text = settings.hash_key.get_secret_value().encode(), number.encode("utf-8", "replace")
    return PSEUDONYM + hmac.new(key, text, hashlib.sha256).hexdigest()[:DIGITS]


def names_of(number: str, settings: Records, countries: Collection[str | None] = ()) -> frozenset[str]:
    """The texts under which records of a number are found: the number (records from before numbers were hidden) and its
    pseudonym, both in every spelling of the number in these countries."""
    spelled = {number, *(spelling for each in countries for spelling in spellings(number, each))}
    return frozenset(name for each in spelled for name in (each, pseudonym(each, settings) or each))
