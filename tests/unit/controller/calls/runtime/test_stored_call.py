"""controller.calls.runtime.stored_call: what can't be read whole is not believed at all."""

import json
from typing import Any

import pytest

from controller.calls.machine import inputs
from controller.calls.runtime import stored_call
from controller.calls.runtime.recovery import snapshot
from controller.calls.runtime.stored_call import Unreadable, checked
from tests.unit.controller.calls.machine.test_table import IDS, TARGET, feed
from tests.unit.controller.calls.runtime.test_recovery import talking

ODD: list[Any] = [None, 5, "x", [], {}, ["x"], {"x": 1}, True, -1.5, "\ud83d", [[[]]]]
LATER = {"version", "tone", "supervision", "transferred_at", "hops", "caller_hold", "worker_boot"}
"""Not in rows of older releases."""


def written() -> dict[str, Any]:
    call = talking()
    feed(call, inputs.TransferAsked(TARGET, "ops", "t1"))
    row: dict[str, Any] = json.loads(json.dumps(snapshot(call, frozenset({call.plan.leg, IDS.bridge}))))
    return row


LATER_OF_THE_PLAN = {"answer_detection", "agent_version", "metadata"}


def test_what_is_written_can_be_read() -> None:
    assert checked(written()) == written()


def test_a_row_of_a_release_before_there_were_versions() -> None:
    row = {field: value for field, value in written().items() if field not in LATER}
    row["plan"] = {field: value for field, value in row["plan"].items() if field not in LATER_OF_THE_PLAN}
    assert checked(row) == row


@pytest.mark.parametrize(("before", "now"), [("rehoming", "failover"), ("rescuing", "fallback")])
def test_states_of_a_row_of_an_earlier_release_have_their_names_of_today(before: str, now: str) -> None:
    found = checked(written() | {"state": before, "back_to": before})
    assert (found["state"], found["back_to"]) == (now, now)


def test_a_supervisor_who_has_left_in_a_row_of_an_earlier_release() -> None:
    call = talking()
    feed(call, inputs.SuperviseAsked(IDS.supervisor(1), TARGET, "listen", "ops"), inputs.LegEntered(IDS.supervisor(1)))
    feed(call, inputs.SupervisionEnded("ops"))
    row = json.loads(json.dumps(snapshot(call, frozenset())))
    assert checked(row)["supervision"]["state"] == "left"
    assert checked(row | {"supervision": row["supervision"] | {"state": "over"}}) == row


@pytest.mark.parametrize("version", [0, 2, 99, "1", None, 1.0, True, [1]])
def test_another_version(version: object) -> None:
    with pytest.raises(Unreadable, match="version"):
        checked(written() | {"version": version})


@pytest.mark.parametrize("field", sorted(written().keys() - LATER))
def test_a_field_that_is_missing_or_of_another_kind(field: str) -> None:
    row = written()
    del row[field]
    with pytest.raises(Unreadable, match=field):
        checked(row)
    believed = []
    for odd in ODD:
        try:
            checked(written() | {field: odd})
        except Unreadable:
            continue
        believed.append(odd)
    assert len(believed) <= 3, f"{field} takes {believed}"


@pytest.mark.parametrize("field", sorted(written()["plan"].keys() - LATER_OF_THE_PLAN))
def test_the_same_of_its_plan(field: str) -> None:
    row = written()
    del row["plan"][field]
    with pytest.raises(Unreadable, match=rf"plan\.{field}"):
        checked(row)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "dancing"),
        ("state", "TALKING"),
        ("started_at", "2026-11-29T12:00:00"),
        ("started_at", "yesterday"),
        ("started_at", "0001-01-01T00:00:00+23:00"),
        ("answered_at", "9999-12-31T23:59:59-23:00"),
        ("answered_at", "2026-13-45T99:00:00+00:00"),
        ("muted", ["everybody"]),
        ("standing", "call-1"),
        ("open_tools", [1]),
        ("participants", [{}]),
        ("transfer", {"channel": "x"}),
        ("losses", "3"),
        ("music", 1),
    ],
)
def test_values_that_mean_nothing(field: str, value: object) -> None:
    with pytest.raises(Unreadable, match=field):
        checked(written() | {field: value})


@pytest.mark.parametrize("row", [None, [], "row", 7, True])
def test_what_is_no_row(row: object) -> None:
    with pytest.raises(Unreadable):
        checked(row)


def test_what_is_wrong_is_named_without_what_is_in_it() -> None:
    row = written()
    row["plan"]["caller"] = ["+4930123456"]
    with pytest.raises(Unreadable) as caught:
        checked(row)
    assert "plan.caller" in str(caught.value)
    assert "4930" not in str(caught.value)
    assert stored_call.VERSION == 1
