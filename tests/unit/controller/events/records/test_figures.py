"""Medians and percentiles from steps, sums of parts, and the days of a time zone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from controller.events.records.figures import CallFigures, Distribution, days_of


def distribution(values: list[int], step: float = 10.0) -> Distribution:
    made = Distribution(step)
    for value in values:
        made.add(value, 1, value * step)
    return made


@given(st.lists(st.integers(0, 500), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_value_of_the_nearest_rank(values: list[int], percent: int) -> None:
    wanted = sorted(values)[ceil(len(values) * percent / 100) - 1]
    assert distribution(values).percentile(percent) == wanted * 10.0


@given(st.lists(st.lists(st.integers(0, 50))))
def test_parts_add_up_to_the_whole(parts: list[list[int]]) -> None:
    total = CallFigures()
    for values in parts:
        part = CallFigures(calls=len(values), cost=1.5)
        part.outcomes["answered"] = len(values)
        part.response = distribution(values)
        total.merge(part)
    everything = [value for values in parts for value in values]
    assert total.calls == total.outcomes["answered"] == len(everything)
    assert total.cost == 1.5 * len(parts)
    assert total.response == distribution(everything) or not everything
    assert total.response.percentile(95) == distribution(everything).percentile(95)


def test_of_nothing_there_is_no_median() -> None:
    assert (Distribution(1.0).percentile(50), Distribution(1.0).mean) == (None, None)


ZONES = ("UTC", "Europe/Berlin", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns")
moments = st.datetimes(datetime(2000, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))


@given(moments, st.timedeltas(timedelta(seconds=1), timedelta(days=40)), st.sampled_from(ZONES))
def test_the_days_of_a_zone_follow_each_other_without_a_gap(since: datetime, length: timedelta, zone: str) -> None:
    days = list(days_of(since, since + length, ZoneInfo(zone)))
    assert (days[0][1], days[-1][2]) == (since, since + length)
    assert all(before[2] == after[1] and before[0] < after[0] for before, after in pairwise(days))
    for day, begin, end in days:
        assert begin < end
        assert (
            begin.astimezone(ZoneInfo(zone)).date()
            == day
            == (end - timedelta.resolution).astimezone(ZoneInfo(zone)).date()
        )


@pytest.mark.parametrize(("day", "hours"), [(29, 23), (28, 24)])
def test_the_day_on_which_summer_time_begins_is_shorter(day: int, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    since = datetime(2026, 3, day, tzinfo=berlin).astimezone(UTC)
    (_, begin, end), *_ = days_of(since, since + timedelta(days=3), berlin)
    assert end - begin == timedelta(hours=hours)
