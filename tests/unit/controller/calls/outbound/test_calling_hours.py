"""Calling hours: windows by the clock on the wall, also where that clock is turned."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from controller.calls.outbound.calling_hours import first_allowed
from controller.config.models.trunks import CallingHours, window_of

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = ["mon-fri 09:00-20:00", "sat 10:00-16:00"]


def hours(*windows: str, zone: str = "Europe/Berlin") -> CallingHours:
    return CallingHours.model_validate({"time_zone": zone, "windows": list(windows)})


def at(text: str) -> datetime:
    """By Berlin's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("2026-11-23 09:00", "2026-11-23 09:00"),  # a Monday
        ("2026-11-23 19:59:59", "2026-11-23 19:59:59"),
        ("2026-11-23 20:00", "2026-11-24 09:00"),
        ("2026-11-23 03:00", "2026-11-23 09:00"),
        ("2026-11-27 20:00", "2026-11-28 10:00"),  # Friday evening
        ("2026-11-28 16:00", "2026-11-30 09:00"),  # over Sunday
    ],
)
def test_the_next_moment_within_the_hours(wanted: str, allowed: str) -> None:
    assert first_allowed(hours(*OFFICE), at(wanted)) == at(allowed)


def test_without_hours_always() -> None:
    assert first_allowed(None, at("2026-11-22 03:00")) == at("2026-11-22 03:00")


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("2026-03-29 01:00", "2026-03-29 01:30"),  # 02:00 to 03:00 does not exist that night
        ("2026-03-28 23:00", "2026-03-29 01:30"),
        ("2026-10-25 00:30", "2026-10-25 01:30"),
    ],
)
def test_nights_on_which_the_clock_is_turned(wanted: str, allowed: str) -> None:
    assert first_allowed(hours("sun 01:30-04:00"), at(wanted)) == at(allowed)


def test_a_window_that_the_turned_clock_swallows_opens_a_week_later() -> None:
    assert first_allowed(hours("sun 02:10-02:50"), at("2026-03-29 00:00")) >= at("2026-03-29 02:10")
    assert first_allowed(hours("sun 02:10-02:50"), at("2026-03-30 00:00")) == at("2026-04-05 02:10")
    assert first_allowed(hours("sun 02:30-03:10"), at("2026-03-22 04:00")) == at("2026-04-05 02:30")


def test_midnight_is_the_end_of_a_day() -> None:
    late = hours("mon 22:00-24:00", "tue 00:00-01:00")
    for wanted in ("2026-11-23 23:59:59", "2026-11-24 00:00", "2026-11-24 00:59"):
        assert first_allowed(late, at(wanted)) == at(wanted)
    assert first_allowed(late, at("2026-11-24 01:00")) == at("2026-11-30 22:00")


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.lists(
        st.sampled_from(["mon 09:00-10:00", "sun 02:30-03:30", "sat,sun 00:00-24:00", "fri-mon 22:00-23:00"]),
        min_size=1,
    ),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"]),
)
def test_it_is_never_earlier_and_asking_again_changes_nothing(wanted: datetime, windows: list[str], zone: str) -> None:
    when = hours(*windows, zone=zone)
    found = first_allowed(when, wanted)
    assert wanted <= found <= wanted + timedelta(days=8)
    assert first_allowed(when, found) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mon",
        "09:00-10:00",
        "mon 9:00-10:00",
        "mon 10:00-09:00",
        "mon 09:00-09:00",
        "mon 09:00-24:01",
        "mo 09:00-10:00",
    ]
    + ["mon-wed-fri 09:00-10:00", "mon 24:00-24:00", "mon 09:00-10:60", "Mon 09:00-10:00", "mon,, 09:00-10:00"],
)
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        window_of(text)


def test_days_may_run_over_the_end_of_the_week() -> None:
    assert window_of("sat-mon 09:00-10:00").days == {5, 6, 0}
    assert window_of("mon,wed-thu,sun 09:00-10:00").days == {0, 2, 3, 6}


def test_a_zone_that_does_not_exist() -> None:
    for zone in ("Europe/Atlantis", "../etc/passwd", "", 5):
        with pytest.raises(ValueError, match="time zone"):
            CallingHours.model_validate({"time_zone": zone, "windows": OFFICE})
