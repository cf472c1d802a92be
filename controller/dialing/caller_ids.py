"""Caller ids as they are written: a number, or a name and a number. [pure]"""

import re

from controller.dialing import number_spellings

CALLER_ID = re.compile(
    r"\+?[0-9A-Za-z*#_.-]{1,64}|\"?[^\x00-\x1f\x7f<>\"$@;&|\\]{1,64}\"? ?<\+?[0-9A-Za-z*#_.-]{1,64}>"
)
_NAME_AND_NUMBER = re.compile(r"\"?([^<>\"]+?)\"? ?<([^<>\"]*)>")


def caller_id(text: str) -> tuple[str | None, str]:
    """The name and the number of a caller id, the number without separators. Raises ValueError with a message for
    users."""
    match = _NAME_AND_NUMBER.fullmatch(text)
    name, number = (match[1], match[2]) if match else (None, text)
    if number_spellings.has_zero_in_brackets(number) or number_spellings.needless_zero(
        re.sub("[^0-9+]", "", number), None
    ):
        raise ValueError("A caller id has a country code or a leading zero, such as (0), not both.")
    number = re.sub(r"(?<=[0-9+*])[ ().-]+(?=[0-9(])", "", number)
    written = f"{name} <{number}>" if name else number
    if not CALLER_ID.fullmatch(written):
        raise ValueError("A caller id is a number, or a name and a number: Reception <+49301234567>.")
    return name, number
