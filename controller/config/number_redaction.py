"""How a telephone number is written down: as it is, by its last digits, under a pseudonym, or not at all. [pure]

A pseudonym is an HMAC-SHA256 of the number: the same number has the same one, so that its calls can be found and
forgotten by whoever knows number and key. Without the key the few numbers that there are can't be tried out.
"""

import hashlib
import hmac
from collections.abc import Collection

from controller.config.models.records import Records
from controller.dialing.number_spellings import normalised

PSEUDONYM = "id:"
DIGITS = 24
"""Of 64: two of a billion numbers have the same one with a chance of about 1 in 10^11."""


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
    """In the log it never stands as it is: masked, or as the record says."""
    return masked(number) if settings.numbers == "full" else written(number, settings)


def masked(number: str) -> str:
    """The last two signs of a number that has at least seven digits; of others none."""
    digits = [sign for sign in number if sign.isdigit()]
    return "…" + ("".join(digits[-2:]) if len(digits) >= 7 else "")


def pseudonym(number: str, settings: Records) -> str | None:
    """None without a key."""
    if settings.hash_key is None:
        return None
    key, text = settings.hash_key.get_secret_value().encode(), number.encode("utf-8", "replace")
    return PSEUDONYM + hmac.new(key, text, hashlib.sha256).hexdigest()[:DIGITS]


def names_of(number: str, settings: Records, countries: Collection[str | None] = ()) -> frozenset[str]:
    """Under which it may be found: as it is, which may be from before numbers were hidden, and its pseudonym; also as
    numbers of callers are written in these countries. Last digits are no name: others have the same."""
    spelled = {number, *(normalised(number, each) for each in countries)}
    return frozenset(name for each in spelled for name in (each, pseudonym(each, settings) or each))
