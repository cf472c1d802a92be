"""Limits of one caller: at once and in a minute, one for all who withhold their number."""

import pytest
from hypothesis import given, strategies as st

from controller.calls.admission.caller_limits import CallerLimits, caller_of, home_of
from controller.calls.errors import Busy
from controller.config import PerCaller, Trunk

BOTH = PerCaller(max_calls=2, calls_per_minute=3)


@pytest.mark.parametrize("other", ["+4930123", "0049 30 123", "4930123", "(0049)30-123"])
def test_one_caller_in_every_spelling(other: str) -> None:
    assert caller_of(other) == caller_of("+4930123")
    with pytest.raises(Busy, match=r"limits\.per_caller\.max_calls"):
        CallerLimits(BOTH).admit(other, ["+4930123", "+4930123", "+4931"], 0)


@pytest.mark.parametrize(
    ("home", "spellings"),
    [
        ("DE", "+4930123456 004930123456 4930123456 030123456 030/123456 0049-30.123_456"),
        ("DE", "+4930123456 \uff0b\uff14\uff1930123456 030\uff1123456"),
        ("US", "+12125550123 12125550123 2125550123 (212)555-0123 0012125550123"),
        ("IT", "+390612345678 00390612345678"),
        (None, "+4930123456 004930123456 4930123456"),
    ],
)
def test_one_caller_with_and_without_country_code(home: str | None, spellings: str) -> None:
    assert len({caller_of(each, home) for each in spellings.split()}) == 1


def test_others_stay_others() -> None:
    numbers = (
        "+4930123456 +3130123456 +49301234567 +4940123456 04930123456 112 5001 0301234 alice alice2 +390612 0039612"
    )
    assert len({caller_of(each, "DE") for each in numbers.split()}) == len(numbers.split())


def test_trunks_of_one_country_tell_where_short_spellings_are_at_home() -> None:
    def trunk(code: str | None) -> Trunk:
        return Trunk.model_validate({"endpoint": "PJSIP/{number}@t", "allow": ["[0-9]+"], "country_code": code})

    assert home_of([trunk("49"), trunk("DE")]) == "DE"
    assert home_of([trunk("49"), trunk("44")]) is None
    assert home_of([]) is home_of([trunk(None)]) is None


@pytest.mark.parametrize(
    "withheld",
    [
        "0",
        "000",
        "+0",
        "anonymous@anonymous.invalid",
        "\uff21nonymous",
        "/",
        "",
        "anonymous",
        "Anonymous",
        "Restricted",
        "unknown",
        "+",
        " ",
    ],
)
def test_who_withholds_their_number_is_one_caller(withheld: str) -> None:
    with pytest.raises(Busy):
        CallerLimits(BOTH).admit(withheld, ["", "unavailable"], 0)


def test_a_minute() -> None:
    limits = CallerLimits(BOTH)
    for now in (0.0, 10.0, 20.0):
        limits.admit("1", [], now)
    for now in (21.0, 59.9):
        with pytest.raises(Busy, match="calls_per_minute"):
            limits.admit("1", [], now)
        limits.admit(f"2{now}", [], now)
    limits.admit("1", [], 60)
    with pytest.raises(Busy):
        limits.admit("1", [], 69)


def test_without_limits_there_are_none() -> None:
    limits = CallerLimits(PerCaller())
    for _ in range(100):
        limits.admit("1", ["1"] * 100, 0)
    assert limits._begun == {}


def test_numbers_that_are_made_up_do_not_stay() -> None:
    limits = CallerLimits(BOTH)
    for number in range(10_000):
        limits.admit(str(number), [], number / 10)
    assert len(limits._begun) <= 1300


@given(st.lists(st.tuples(st.floats(0, 300), st.sampled_from(["1", "+1", "", "anonymous", "2"])), max_size=60))
def test_never_more_begin_in_a_minute_than_allowed(calls: list[tuple[float, str]]) -> None:
    limits = CallerLimits(PerCaller(calls_per_minute=3))
    begun: list[tuple[float, str]] = []
    for now, number in sorted(calls):
        try:
            limits.admit(number, [], now)
        except Busy:
            assert sum(now - 60 < at and who == caller_of(number) for at, who in begun) >= 3
        else:
            begun.append((now, caller_of(number)))
    for end, name in begun:
        assert sum(end - 60 < at <= end and who == name for at, who in begun) <= 3
