"""tests.chaos.growth: what climbs is found."""

from dataclasses import replace

import pytest

from tests.chaos.growth import Reading, trends

CALM = [Reading(float(at), 100.0 + at % 3, 60 + at % 7, 20, 80 + at % 5) for at in range(100)]
AFTER = Reading(105.0, 100.0, 30, 20, 25)


def climbing(readings: list[Reading], after: Reading = AFTER) -> list[str]:
    return [trend.what for trend in trends(readings, after) if not trend.flat]


def test_calm() -> None:
    assert climbing(CALM) == []


@pytest.mark.parametrize(
    ("name", "step", "what"),
    [
        ("rss_mb", 0.5, "memory, MB"),
        ("files", 1.0, "open files"),
        ("threads", 0.5, "threads"),
        ("tasks", 1.0, "asyncio tasks"),
    ],
)
def test_what_climbs_is_found(name: str, step: float, what: str) -> None:
    readings = [replace(each, **{name: getattr(each, name) + round(step * each.at)}) for each in CALM]
    assert climbing(readings) == [what]


def test_what_stays_after_the_calls_is_found() -> None:
    assert climbing(CALM, replace(AFTER, tasks=200)) == ["asyncio tasks"]


def test_who_does_not_say_has_no_trend() -> None:
    silent = [replace(each, tasks=None) for each in CALM]
    after = replace(AFTER, tasks=None)
    assert [each.what for each in trends(silent, after)] == ["memory, MB", "open files", "threads"]
