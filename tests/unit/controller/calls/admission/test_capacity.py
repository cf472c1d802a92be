"""Room for one more call: at once and per second, in total and per trunk, agent and number."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from controller.calls.admission.capacity import Capacity, Slot
from controller.calls.errors import Busy
from tests.unit.controller.configs import FULL, current

IN = Slot("inbound", "main", "reception", "+4930")
OUT = Slot("outbound", "main", "reception")
DESK = Slot("inbound", "desk", "reception", "+4931")
LEG = Slot("leg", "main", "")
NOBODYS = Slot("inbound", None, "other", "+4931")


@pytest.mark.parametrize(
    ("changes", "live", "wanted", "limit"),
    [
        ({}, [IN] * 1000, IN, None),
        ({"limits__max_calls": 3}, [IN, OUT], IN, None),
        ({"limits__max_calls": 3}, [IN, OUT, DESK], IN, "limits.max_calls"),
        ({"trunks__main__max_calls": 2}, [IN, DESK, DESK], IN, None),
        ({"trunks__main__max_calls": 2}, [IN, OUT], IN, "trunks.<name>.max_calls"),
        ({"trunks__main__max_calls": 1}, [IN], NOBODYS, None),
        ({"agents__reception__max_calls": 2}, [IN, NOBODYS], IN, None),
        ({"agents__reception__max_calls": 2}, [IN, DESK], OUT, "agents.<name>.max_calls"),
        ({"limits__per_number": {"+4930": 1}}, [IN], IN, "limits.per_number"),
        ({"limits__per_number": {"+4930": 1}}, [IN], DESK, None),
        ({"limits__per_number": {"+4930": 1}}, [IN], OUT, None),
        ({"limits__per_number": {"+4931": 9, "*": 1}}, [IN, DESK], IN, "limits.per_number"),
        ({"limits__per_number": {"+4931": 9, "*": 1}}, [IN, DESK], DESK, None),
        ({"limits__per_number": {"*": 1}}, [IN, OUT], OUT, None),
        ({"trunks__main__max_calls": 3}, [IN, OUT], LEG, None),
        ({"trunks__main__max_calls": 3}, [IN, OUT, LEG], LEG, "trunks.<name>.max_calls"),
        ({"trunks__main__max_calls": 3}, [IN, LEG, LEG], OUT, "trunks.<name>.max_calls"),
        ({"trunks__main__max_calls": 1}, [LEG], DESK, None),
        ({"limits__max_calls": 2}, [IN, LEG, LEG], IN, None),
        ({"limits__max_calls": 2}, [IN, IN], LEG, None),
    ],
)
def test_calls_at_once(changes: dict[str, Any], live: list[Slot], wanted: Slot, limit: str | None) -> None:
    capacity = Capacity(current(FULL, **changes))
    if limit is None:
        capacity.check(wanted, live, 0.0)
    else:
        with pytest.raises(Busy, match=limit):
            capacity.check(wanted, live, 0.0)


@pytest.mark.parametrize(
    ("changes", "wanted", "window"),
    [
        ({"limits__calls_per_second": 2}, NOBODYS, 1.0),
        ({"trunks__main__calls_per_second": 2}, IN, 1.0),
        ({"trunks__main__calls_per_hour": 2}, OUT, 3600.0),
        ({"trunks__main__calls_per_second": 2}, LEG, 1.0),
        ({"agents__reception__calls_per_minute": 2}, OUT, 60.0),
        ({"limits__per_number_per_minute": {"+4930": 2}}, IN, 60.0),
        ({"trunks__main__calls_per_hour": 2}, LEG, 3600.0),
    ],
)
def test_calls_in_time(changes: dict[str, Any], wanted: Slot, window: float) -> None:
    capacity = Capacity(current(FULL, **changes))
    for now in (10.0, 10.5):
        capacity.check(wanted, [], now)
        capacity.began(wanted, now)
    with pytest.raises(Busy, match="faster"):
        capacity.check(wanted, [], 10.9)
    capacity.check(wanted, [], 10.0 + window)
    capacity.began(wanted, 10.0 + window)
    with pytest.raises(Busy):
        capacity.check(wanted, [], 10.4 + window)


def test_the_hour_is_that_of_calls_we_place() -> None:
    capacity = Capacity(current(FULL, trunks__main__calls_per_hour=1))
    for now in range(5):
        capacity.check(IN, [], now)
        capacity.began(IN, now)
    capacity.check(OUT, [], 5)


def test_a_leg_is_no_call_that_begins() -> None:
    capacity = Capacity(current(FULL, limits__calls_per_second=1))
    capacity.began(LEG, 0.0)
    capacity.check(IN, [], 0.0)
    capacity.began(IN, 0.0)
    capacity.check(LEG, [], 0.0)


@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from([IN, OUT, DESK, NOBODYS])), max_size=60), st.integers(1, 5))
def test_never_more_begin_in_a_second_than_allowed(calls: list[tuple[float, Slot]], most: int) -> None:
    capacity = Capacity(current(FULL, limits__calls_per_second=most))
    begun: list[float] = []
    for now, wanted in sorted(calls, key=lambda each: each[0]):
        try:
            capacity.check(wanted, [], now)
        except Busy:
            assert len([at for at in begun if at > now - 1]) >= most
        else:
            capacity.began(wanted, now)
            begun.append(now)
    assert all(len([at for at in begun if end - 1 < at <= end]) <= most for end in begun)
