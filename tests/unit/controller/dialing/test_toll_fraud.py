"""Numbers that cost somebody dearly, and the guard of which this is a part."""

import re

import phonenumbers
import pytest
from hypothesis import given, settings, strategies as st
from phonenumbers import PhoneNumberType

from controller.dialing.numbers import NotAllowed, check_number, destination, dial_string
from controller.dialing.toll_fraud import denial_reason
from tests.unit.controller.configs import FULL, config

EMERGENCY, COSTLY, ABROAD, UNKNOWN, NO_COUNTRY_CODE, UNREAD = (
    "emergency number",
    "premium rate, shared",
    "abroad, or",
    "known to exist",
    "is not set",
    "read as",
)

TABLE = {
    None: {
        "+4930123456": NO_COUNTRY_CODE,
        "030123456": NO_COUNTRY_CODE,
        "4930123456": NO_COUNTRY_CODE,
        "+19005551234": COSTLY,
        "+881612345678": COSTLY,
        "5001": None,
        "alice": None,
    },
    "49": {
        "+4930123456": None,
        "030123456": None,
        "4930123456": None,
        "+493055500001": None,
        "1711234567": None,
        "08001234567": None,
        "5001": None,
        "0": None,
        "alice": None,
        "front-desk-2": None,
        "*98": None,
        "*31#030123456": None,
        "09001234567": COSTLY,
        "9001234567": COSTLY,
        "499001234567": COSTLY,
        "4990012345678": COSTLY,
        "00499001234567": COSTLY,
        "000499001234567": COSTLY,
        "+4909001234567": COSTLY,
        "*31#09001234567": COSTLY,
        "01805123456": COSTLY,
        "01371123456": COSTLY,
        "11880": COSTLY,
        "0019005551234": COSTLY,
        "0018765551234": COSTLY,
        "00870776123456": COSTLY,
        "881612345678": COSTLY,
        "0088299123456": COSTLY,
        "+979123456789": COSTLY,
        "+442071234567": ABROAD,
        "442071234567": ABROAD,
        "0033123456789": ABROAD,
        "33123456789": ABROAD,
        "+43123456": ABROAD,
        "+80012345678": ABROAD,
        "499000123456": UNKNOWN,
        "0900123456": UNKNOWN,
        "01033090012345": UNKNOWN,
        "0190123456": UNKNOWN,
        "0049": UNKNOWN,
        "+991123": UNKNOWN,
        "01": UNKNOWN,
        "*21*09001234567#": UNREAD,
        "*2109001234567": UNREAD,
        "0900SEXSEX": UNREAD,
        "agent-1234567": UNREAD,
        "a0900_1234567": UNREAD,
    },
    "1": {
        "2125551234": None,
        "12125551234": None,
        "+12125551234": None,
        "*672125551234": None,
        "8005551234": None,
        "9005551234": COSTLY,
        "19005551234": COSTLY,
        "8765551234": COSTLY,
        "01119005551234": COSTLY,
        "*679005551234": COSTLY,
        "01149301234567": ABROAD,
        "0049301234567": ABROAD,
        "4722345678": ABROAD,  # Oslo, where the trunk takes numbers without the plus
        "9761234": UNKNOWN,
        "*729005551234": UNREAD,
    },
    "39": {"3921234567": None, "+39089123456": None, "390612345678": None, "899123456": COSTLY},
    "44": {"01132345678": None, "02071234567": None, "03001234567": None, "07012345678": COSTLY, "08712345678": COSTLY},
    "7": {"+74951234567": None, "81049301234567": ABROAD},
}


@pytest.mark.parametrize(
    ("home", "number", "denied"), [(home, *row) for home, table in TABLE.items() for row in table.items()]
)
def test_why_denied(home: str | None, number: str, denied: str | None) -> None:
    reason = denial_reason(number, home, premium=False, international=False)
    assert (denied in reason) if reason and denied else reason is denied is None
    assert denial_reason(number, home, premium=True, international=True) is None


def test_with_premium_what_is_abroad_stays_denied_and_the_other_way_round() -> None:
    assert denial_reason("09001234567", "49", premium=True, international=False) is None
    assert ABROAD in str(denial_reason("0019005551234", "49", premium=True, international=False))
    assert UNKNOWN in str(denial_reason("+991123", "49", premium=True, international=False))
    assert denial_reason("+442071234567", "49", premium=False, international=True) is None
    assert denial_reason("+442071234567", None, premium=False, international=True) is None
    assert NO_COUNTRY_CODE in str(denial_reason("02071234567", None, premium=False, international=True))
    assert COSTLY in str(denial_reason("+449012345678", None, premium=False, international=True))


HOMES = ("1", "7", "30", "31", "33", "34", "39", "41", "43", "44", "45", "46", "47", "48", "49", "55", "61", "81", "90")
DEAR = sorted(
    (region, phonenumbers.national_significant_number(example))
    for region in phonenumbers.SUPPORTED_REGIONS
    for kind in (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)
    if (example := phonenumbers.example_number_for_type(region, kind))
)
SPACES = st.sampled_from(["", " ", "-", ".", "\u2011", "\u00a0", "/", "\u200b"])


def digits_of(draw: st.DrawFn, text: str) -> str:
    """`text`, perhaps in the digits of another script, with separators between them."""
    zero = draw(st.sampled_from([*"000000", "\u0660", "\uff10", "\u0966"]))
    return "".join(draw(SPACES) + (chr(ord(zero) + int(sign)) if sign.isdigit() else sign) for sign in text)


@st.composite
def dear_numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A trunk's home, and a number that must not be dialled there: at home or abroad, written in some way."""
    region, national = draw(st.sampled_from(DEAR))
    code = str(phonenumbers.country_code_for_region(region))
    written = [f"+{code}{national}", f"00{code}{national}", f"000{code}{national}"]
    if code != "39":  # where a zero is a digit
        written.append(f"+{code}0{national}")
    if len(code + national) >= 10:
        written.append(f"{code}{national}")  # shorter: a number of the trunk's own town
    if draw(st.booleans()):
        home = code
        prefix = phonenumbers.ndd_prefix_for_region(region, True) or ""
        written += [prefix + national] if len(prefix + national) > 6 else []
    else:
        home = draw(st.sampled_from(HOMES))
        written += [f"011{code}{national}"] if home == "1" else []
    number = draw(st.sampled_from(written))
    if number.startswith("+") and draw(st.booleans()):
        number = "*31#" + number
    return home, digits_of(draw, number)


@settings(max_examples=600)
@given(dear_numbers(), st.booleans())
def test_no_spelling_of_a_dear_number_passes(case: tuple[str, str], international: bool) -> None:
    home, number = case
    keys = {"country_code": home, "allow": (r"(?s:.*)",), "international": international}
    trunk = TRUNK.model_copy(update=keys)
    with pytest.raises(NotAllowed):
        check_number(trunk, number)
    with pytest.raises(NotAllowed):
        check_number(trunk.model_copy(update={"allow": ("sip(?s:.*)",)}), f"sip:{number}@carrier.example")


TRUNK = config(FULL).trunks["main"]
GENEROUS = config(FULL, trunks__main__allow=[r"\+?[0-9]{3,15}"], trunks__main__deny=["0110.*"]).trunks["main"]
ORDINARY = sorted(
    phonenumbers.national_significant_number(example)
    for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.VOIP)
    if (example := phonenumbers.example_number_for_type("DE", kind))
)


@pytest.mark.parametrize("national", ORDINARY)
@pytest.mark.parametrize("prefix", ["+49", "0049", "0", "+49 "])
def test_ordinary_numbers_pass_in_every_usual_spelling(prefix: str, national: str) -> None:
    assert check_number(TRUNK, prefix + national).endswith(national)


def test_the_dialplan_is_no_way_around() -> None:
    made = config(FULL)
    for to in ("09001234567@queues", "+49-900-1234567@queues", "0033123456789@queues"):
        with pytest.raises(NotAllowed):
            destination(made, to, "main")
    assert destination(made, "030123456@queues", "main").dial == "Local/030123456@queues"
    assert destination(made, "7000@queues", "main").dial == "Local/7000@queues"
    with pytest.raises(NotAllowed):
        destination(made, "030123456@queues", "desk")  # which is at home nowhere
    with pytest.raises(NotAllowed, match="no trunk"):
        destination(config(FULL, trunks={}, transfer__targets={}), "030123456@queues", None)


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
    try:
        dialled = dial_string(GENEROUS, text)
    except NotAllowed:
        return
    number = re.fullmatch(r"PJSIP/([+0-9]+)@trunk", dialled, re.ASCII)
    assert number is not None
    assert re.fullmatch(r"\+?[0-9]{3,15}", number[1], re.ASCII)
    assert not number[1].startswith("0110")
    assert denial_reason(number[1], "49", premium=False, international=False) is None
