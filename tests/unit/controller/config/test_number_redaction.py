"""controller.config.number_redaction, and the keys of the config that it goes by."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import SecretStr

from controller.config.models.records import Records
from controller.config.number_redaction import masked, names_of, pseudonym, written
from tests.unit.controller.config.test_loader import errors_of
from tests.unit.controller.configs import SMALL, config, with_

KEY, OTHER = SecretStr("k" * 32), SecretStr("o" * 32)
HASHED = Records(numbers="hashed", hash_key=KEY)
NUMBERS = st.text(max_size=40)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Records(), "+4930123456"),
        (Records(numbers="masked"), "…56"),
        (Records(numbers="none"), None),
        (HASHED, "id:140f9b26b2bcab1111c30e08"),
    ],
)
def test_how_a_number_is_written(settings: Records, expected: str | None) -> None:
    assert written("+4930123456", settings) == expected


@given(NUMBERS)
def test_of_a_number_at_most_two_digits_stay(number: str) -> None:
    digits = [sign for sign in number if sign.isdigit()]
    assert masked(number).removeprefix("…") in ("", "".join(digits[-2:]))
    assert len(digits) >= 7 or masked(number) == "…"


@given(NUMBERS, NUMBERS)
def test_a_pseudonym_is_one_number_s_and_one_key_s(one: str, other: str) -> None:
    name = pseudonym(one, HASHED)
    assert name is not None
    assert (name == pseudonym(other, HASHED)) == (one == other)
    assert name != pseudonym(one, Records(numbers="hashed", hash_key=OTHER))
    assert len(name) == 27


@given(NUMBERS)
def test_a_number_is_found_under_its_own_name_and_its_pseudonym(number: str) -> None:
    assert names_of(number, Records(numbers="masked")) == {number}, "others have the same last digits"
    assert names_of(number, HASHED) == {number, pseudonym(number, HASHED)}


@pytest.mark.parametrize(
    ("records", "path", "message"),
    [
        ({"numbers": "hashed"}, "records", "needs a `hash_key`"),
        ({"numbers": "hashed", "hash_key": ""}, "records", "needs a `hash_key`"),
        ({"hash_key": "k" * 31}, "records.hash_key", "at least 32 characters"),
        ({"numbers": "some"}, "records.numbers", "masked"),
        ({"keep_days": 0}, "records.keep_days", "greater than 0"),
    ],
)
def test_what_is_refused(records: dict[str, Any], path: str, message: str) -> None:
    (error,) = errors_of(with_(SMALL, records=records)).values()
    assert error.path == path
    assert message in error.message


def test_the_key_shows_nowhere() -> None:
    made = config(SMALL, records={"numbers": "hashed", "hash_key": "k" * 32})
    assert "k" * 32 not in f"{made!r} {made.redacted()}"
