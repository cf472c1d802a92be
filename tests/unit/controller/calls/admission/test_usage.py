"""Minutes of a day: counted from the answer, capped per trunk and in total, and the same after a restart."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from controller.calls.admission.usage import Usage, Use
from controller.calls.errors import UsedUp
from controller.config import CurrentConfig
from tests.unit.controller.configs import FULL, config, current

BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def talked(usage: Usage, channel: str, trunk: str, seconds: float) -> None:
    usage.dialled(channel, trunk, TODAY, at(0))
    usage.answered(channel, at(10))
    usage.over(channel, at(10 + seconds))


def test_the_cap_of_a_trunk_is_its_own_and_ends_with_the_day() -> None:
    usage = Usage(current(FULL, trunks__main__minutes_per_day=1))
    talked(usage, "one", "main", 59)
    usage.check("main", TODAY, at(100))
    talked(usage, "two", "main", 1)
    with pytest.raises(UsedUp, match=r"trunks\.<name>\.minutes_per_day"):
        usage.check("main", TODAY, at(100))
    usage.check("desk", TODAY, at(100))
    usage.check("main", TOMORROW, at(100))


def test_the_cap_of_all_trunks() -> None:
    usage = Usage(current(FULL, limits__minutes_per_day=1))
    talked(usage, "one", "main", 30)
    talked(usage, "two", "desk", 30)
    with pytest.raises(UsedUp, match=r"limits\.minutes_per_day"):
        usage.check("desk", TODAY, at(100))


def test_ringing_costs_nothing_and_what_is_up_counts_already() -> None:
    usage = Usage(current(FULL, trunks__main__minutes_per_day=1))
    usage.dialled("one", "main", TODAY, at(0))
    usage.check("main", TODAY, at(1000))
    usage.answered("one", at(1000))
    usage.answered("one", at(1050))  # it comes back from the dialplan
    usage.check("main", TODAY, at(1059))
    with pytest.raises(UsedUp):
        usage.check("main", TODAY, at(1060))


def test_what_no_cap_needs_is_not_kept() -> None:
    usage = Usage(current(FULL, trunks__main__calls_per_hour=5))
    talked(usage, "one", "desk", 30)
    assert usage.unwritten(at(100)) == []
    talked(usage, "two", "main", 30)
    (written,) = usage.unwritten(at(100))
    assert (written.trunk, written.day, written.dialled_at, written.seconds) == ("main", TODAY, at(0), 30)


def test_what_changes_while_it_is_written_is_written_again() -> None:
    usage = Usage(current(FULL, trunks__main__minutes_per_day=9))
    usage.dialled("one", "main", TODAY, at(0))
    page = usage.unwritten(at(1))
    usage.answered("one", at(2))
    usage.over("one", at(5))
    usage.written(page)
    (again,) = usage.unwritten(at(6))
    assert again.seconds == 3
    usage.written([again])
    assert usage.unwritten(at(7)) == []


STEPS = st.lists(st.tuples(st.sampled_from(["dial", "answer", "over", "write"]), st.integers(0, 4)), max_size=50)


@given(STEPS)
def test_a_restart_knows_what_was_written(steps: list[tuple[str, int]]) -> None:
    """And what was up then counts for as long as it was known to be."""
    settings = config(FULL, trunks__main__minutes_per_day=9)
    usage = Usage(CurrentConfig(settings))
    book: dict[str, Use] = {}
    up: set[int] = set()
    for now, (step, leg) in enumerate(steps):
        match step:
            case "dial" if leg not in up:
                usage.dialled(str(leg), "main", TODAY, at(now))
                up.add(leg)
            case "answer":
                usage.answered(str(leg), at(now))
            case "over":
                usage.over(str(leg), at(now))
                up.discard(leg)
            case "write":
                page = usage.unwritten(at(now))
                book |= {each.id: each for each in page}
                usage.written(page)
    end = at(len(steps))
    book |= {each.id: each for each in usage.unwritten(end)}
    after = Usage(CurrentConfig(settings))
    after.remember(book.values())
    assert after.seconds("main", TODAY, end) == pytest.approx(usage.seconds("main", TODAY, end))
