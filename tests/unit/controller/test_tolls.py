"""Numbers that cost somebody dearly, and the guard of which this is a part."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.limits import NotAllowed, check_number, dial_string
from controller.tolls import why_denied
from tests.unit.controller.configs import FULL, config


@pytest.mark.parametrize(
    ("number", "home", "denied"),
    [
        ("+4930123456", None, None),
        ("030123456", None, None),
        ("030123456", "49", None),
        ("+19005551234", None, "premium"),
        ("0019005551234", "49", "premium"),
        ("01119005551234", "1", "premium"),
        ("19005551234", "1", "premium"),
        ("9005551234", "1", "premium"),
        ("2125551234", "1", None),
        ("09001234567", "49", "premium"),
        ("09001234567", None, None),  # whose 0900 is not known
        ("+499001234567", "49", "premium"),
        ("+881612345678", None, "premium"),
        ("00870776123456", "49", "premium"),
        ("+449012345678", "44", "premium"),
        ("07012345678", "44", "premium"),
        ("+442071234567", "44", None),
        ("+442071234567", "49", "abroad"),
        ("0033123456789", "49", "abroad"),
        ("+43123456", "49", "abroad"),
        ("*31*09001234567", "49", "premium"),
        ("+39089123456", "39", None),
        ("+39899123456", "39", "premium"),
        ("112", "49", None),
        ("alice", "49", None),
    ],
)
def test_why_denied(number: str, home: str | None, denied: str | None) -> None:
    reason = why_denied(number, home, premium=False, international=False)
    assert (denied in reason) if reason and denied else reason is denied is None
    assert why_denied(number, home, premium=True, international=True) is None


def test_the_trunks_own_list_always_wins() -> None:
    made = config(
        FULL, trunks__main__allow=[r"\+?[0-9]+"], trunks__main__deny=[r"\+4930666.*"], trunks__main__premium=True
    )
    trunk = made.trunks["main"]
    assert check_number(trunk, "+49 30 123") == "+4930123"
    with pytest.raises(NotAllowed) as refused:
        check_number(trunk, "+49 30 666 1")
    assert "666" not in refused.value.reason


@given(st.text(alphabet="+0123456789*#aZ _-.()/&,;|$%{}[]<>'\"\\\r\n@:", max_size=40) | st.text(max_size=20))
def test_whatever_is_given_what_is_dialled_is_allowed_and_harmless(text: str) -> None:
    made = config(FULL, trunks__main__allow=[r"\+?[0-9]{3,15}"], trunks__main__deny=["0110.*"])
    trunk = made.trunks["main"]
    try:
        dialled = dial_string(trunk, text)
    except NotAllowed:
        return
    number = re.fullmatch(r"PJSIP/([+0-9]+)@trunk", dialled, re.ASCII)
    assert number is not None
    assert re.fullmatch(r"\+?[0-9]{3,15}", number[1], re.ASCII)
    assert not number[1].startswith("0110")
    assert why_denied(number[1], None, premium=False, international=False) is None
