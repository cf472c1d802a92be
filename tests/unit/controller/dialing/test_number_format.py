"""In which format carriers get numbers, and that the guard against toll fraud holds in each."""

from typing import get_args

import pytest
from hypothesis import given, strategies as st

from controller.config import ConfigErrors
from controller.dialing.number_format import example, formatted
from controller.dialing.number_spellings import normalised
from controller.dialing.numbers import NotAllowed, destination, dial_string, refer_to
from controller.dialing.rules import NumberFormat
from tests.unit.controller.configs import FULL, config

FORMATS = get_args(NumberFormat)


@pytest.mark.parametrize(
    ("given_", "country", "e164", "plain", "national"),
    [
        ("+493012345678", "49", "+493012345678", "493012345678", "03012345678"),
        ("03012345678", "49", "+493012345678", "493012345678", "03012345678"),
        ("004930123456", "49", "+4930123456", "4930123456", "030123456"),
        ("+442079460018", "49", "+442079460018", "442079460018", "00442079460018"),
        ("00442079460018", "49", "+442079460018", "442079460018", "00442079460018"),
        ("+12125551234", "1", "+12125551234", "12125551234", "2125551234"),
        ("+493012345678", "1", "+493012345678", "493012345678", "011493012345678"),
        ("+493012345678", "AU", "+493012345678", "493012345678", "0011493012345678"),
        ("+390612345678", "39", "+390612345678", "390612345678", "0612345678"),
        ("+442079460018", "JE", "+442079460018", "442079460018", "02079460018"),
        ("+493012345678", None, "+493012345678", "493012345678", "+493012345678"),
        ("03012345678", None, "03012345678", "03012345678", "03012345678"),
        ("1001", "49", "1001", "1001", "1001"),
        ("112", "49", "112", "112", "112"),
        ("*98", "49", "*98", "*98", "*98"),
        ("front-desk", "49", "front-desk", "front-desk", "front-desk"),
    ],
)
def test_formats(given_: str, country: str | None, e164: str, plain: str, national: str) -> None:
    made = [formatted(given_, each, country) for each in ("as_given", "e164", "plain", "national")]
    assert made == [given_, e164, plain, national]


@given(st.from_regex(r"(\+|00|0)?[1-9][0-9]{2,13}", fullmatch=True), st.sampled_from(FORMATS))
def test_every_format_of_a_number_means_the_same_number(number: str, number_format: NumberFormat) -> None:
    """As far as the country's rules tell: what is sent as `plain` has no prefix that says so."""
    sent = formatted(number, number_format, "49")
    read = "+" + sent if number_format == "plain" and sent != number else sent
    assert normalised(read, "49") == normalised(number, "49")


def test_it_goes_into_dial_strings_and_refers() -> None:
    settings = config(
        FULL, trunks__main__number_format="plain", trunks__main__refer="sip:{number}@carrier.example", routes=[]
    )
    main = settings.trunks["main"]
    assert dial_string(main, "+49 30 12345678") == "PJSIP/493012345678@trunk"
    where = destination(settings, "03012345678", "main")
    assert refer_to(settings, where, "main") == "sip:493012345678@carrier.example"


def test_what_is_denied_is_denied_in_the_format_that_goes_out() -> None:
    allowed = config(FULL, trunks__main__number_format="national").trunks["main"]
    assert dial_string(allowed, "+493012345678") == "PJSIP/03012345678@trunk"
    changes = {"trunks__main__number_format": "national", "trunks__main__deny": ["030[0-9]*"], "transfer": {}}
    denied = config(FULL, **changes).trunks["main"]
    with pytest.raises(NotAllowed, match="not dialled"):
        dial_string(denied, "+493012345678")


@pytest.mark.parametrize("number_format", FORMATS)
def test_no_format_makes_an_emergency_number(number_format: str) -> None:
    wide = config(
        FULL,
        trunks__main__number_format=number_format,
        trunks__main__allow=[r"\+?[0-9]{3,15}"],
        trunks__main__premium=True,
        trunks__main__international=True,
    ).trunks["main"]
    for number in ("112", "+49112", "0049112", "49112", "+49110", "0112"):
        with pytest.raises(NotAllowed):
            dial_string(wide, number)


def test_national_needs_a_country() -> None:
    changes = {"trunks__desk__number_format": "national"}
    with pytest.raises(ConfigErrors, match="needs the trunk's country"):
        config(FULL, **changes)
    assert config(FULL, **changes, trunks__desk__country_code="49").trunks["desk"].number_format == "national"
    with pytest.raises(ConfigErrors, match="number_format"):
        config(FULL, trunks__main__number_format="E.164")


@pytest.mark.parametrize("number_format", FORMATS)
def test_an_example_is_a_number_of_the_country(number_format: NumberFormat) -> None:
    found = example(number_format, "49")
    assert found is not None
    assert found[0].startswith("+49")
    assert example(number_format, None) is None
