"""Spellings of telephone numbers: what is one number, and what stays text."""

import pytest
from hypothesis import given, strategies as st

from controller.dialing import number_spellings
from controller.dialing.caller_ids import caller_id
from controller.dialing.numbers import NotAllowed, check_number, dial_string
from tests.unit.controller.configs import config

ONE = {
    "49": (
        "+4930555",
        *("+4930555", "004930555", "4930555", "030555", "+49-30-555", "+49 30 555", "+49 (0)30 555", "+49 (0 30) 555"),
        *("+49 ( 0 )30/555", "0049\u00a030\u2011555", "０３０５５５", "(030) 555", "030.555", "tel:+49-30-555;isub=1"),
        *("+4930555;npdi;rn=+49123", "+4930555;phone-context=+49", "030555;phone-context=+49", "4930555;cpc=ordinary"),
        *("555;phone-context=+4930", "sip:+4930555;cpc=x@carrier.example:5060;user=phone", "SIP:030555@10.0.0.1"),
        *("+49030555", "049 30 555".replace("049 ", "0"), "+49\u200b30555"),
    ),
    "44": (
        "+442079460000",
        *("+44 20 7946 0000", "+44 (0) 20 7946 0000", "0044 (0)20 7946 0000", "020 7946 0000", "442079460000"),
    ),
    "1": (
        "+12125551234",
        *("(212) 555-1234", "1-212-555-1234", "12125551234", "+1 212 555 1234", "0012125551234", "011 1 212 555 1234"),
    ),
    "39": ("+390612345678", *("06 1234 5678", "+39 06 12345678", "390612345678", "0039 06 12345678")),
    "34": ("+34912345678", *("912 345 678", "34912345678", "+34 912 34 56 78")),
    "45": ("+4522334455", *("22 33 44 55", "4522334455", "0045 22334455")),
    "47": ("+4747123456", *("47 12 34 56", "4747123456")),
    "7": ("+79161234567", *("8 (916) 123-45-67", "+7 916 1234567", "79161234567", "9161234567")),
    "CH": ("+41446681800", *("044 668 18 00", "41446681800", "0041 44 668 18 00", "+41 (0)44 668 18 00")),
}


@pytest.mark.parametrize(("country", "written"), [(c, text) for c, texts in ONE.items() for text in texts])
def test_one_number_in_every_spelling(country: str, written: str) -> None:
    assert number_spellings.normalised(written, country) == ONE[country][0]


@pytest.mark.parametrize(
    "text", ["5001", "112", "0110", "*98", "*21*030555", "sales", "front-desk", "a.b", "", "+", "#1"]
)
@pytest.mark.parametrize("country", ["49", "1", None])
def test_what_is_no_number_stays_text(text: str, country: str | None) -> None:
    if text == "0110" and country == "1":
        return  # +110: the library reads it as one
    assert number_spellings.normalised(text, country) == text


@pytest.mark.parametrize(
    ("text", "country", "told"),
    [
        ("5001;npdi", "49", "5001"),
        ("sales;isub=1", "49", "sales"),
        ("4930555", None, "4930555"),
        ("030555", None, "030555"),
        ("004930555", None, "+4930555"),
        ("33123456789", "49", "33123456789"),  # in Paris, or in Potsdam
        ("1" * 40, "49", "1" * 40),
        ("5001;phone-context=pbx.example", "49", "5001"),
    ],
)
def test_what_can_not_be_known(text: str, country: str | None, told: str) -> None:
    assert number_spellings.normalised(text, country) == told


@given(
    st.text("0123456789+;=@( )-.n\u00a0\uff10\u0660é\0", max_size=40),
    st.sampled_from(["49", "1", "44", "39", "JE", None]),
)
def test_any_text_is_taken_and_a_second_time_changes_nothing(text: str, country: str | None) -> None:
    once = number_spellings.normalised(text, country)
    if once.startswith("+"):
        assert number_spellings.normalised(once, country) == once


def test_spellings_are_known_again() -> None:
    assert number_spellings.spellings("+4930555", "49") == ["+4930555", "004930555", "4930555", "030555"]
    assert number_spellings.spellings("5001", "49") == ["5001"]
    assert "2125551234" in number_spellings.spellings("+12125551234", "1")


# ---------------------------------------------------------------- a needless (0), in what is dialled

TRUNK = config(trunks__main__country_code="44", trunks__main__international=True).trunks["main"]


@pytest.mark.parametrize(
    "written",
    [
        *("+44 (0) 20 7946 0000", "+44 ( 0 ) 20 7946 0000", "+44 (\u00a00\u2009) 20 7946 0000", "+44(0)2079460000"),
        *("+44 （０） 20 7946 0000", "+44 [0] 20 7946 0000", "+44 (0 20) 7946 0000", "+44 (020) 7946 0000"),
        *("+44 0 20 7946 0000", "+44-0-20-7946-0000", "0044 (0)20 7946 0000", "0044 020 7946 0000", "+4402079460000"),
        *("+49 ( 0 )30 12345678", "+33 (0) 1 23 45 67 89", "+41\u202f( 0 )\u202f44 668 18 00", "( 0 )20 7946 0000"),
        "+44 (\u20110\u2011) 20 7946 0000",
    ],
)
def test_a_needless_zero_is_never_dialled(written: str) -> None:
    with pytest.raises(NotAllowed):
        dial_string(TRUNK, written)
    with pytest.raises(ValueError, match="caller id"):
        caller_id(f"Desk <{written}>")


@pytest.mark.parametrize("written", ["+39 06 1234 5678", "+44 (20) 7946 0000", "(020) 7946 0000", "+7 812 345-67-89"])
def test_a_zero_that_belongs_to_a_number_stays(written: str) -> None:
    kept = "".join(sign for sign in written if sign in "+0123456789")
    assert check_number(TRUNK, written) == kept
