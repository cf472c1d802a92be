"""controller.events.records.mapping: what is kept of which event, and what of it never gets that far."""

import hmac
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from controller.config.models.records import Records
from controller.events import schemas
from controller.events.envelope import Event
from controller.events.records.mapping import RowWrite, redacted, rows
from controller.store.tables.records import PARTS, calls
from tests.unit.controller.events.test_factory import OPERATED, STORY, told
from tests.unit.controller.views import CALL, STARTED, later

EVENTS: list[Any] = [outgoing.event for outgoing in told([*STORY[:-1], *OPERATED, STORY[-1]])]


def puts(settings: Records | None = None) -> list[RowWrite]:
    return [put for event in EVENTS for put in rows(redacted(event, settings or Records()))]


def merged(table: str) -> dict[str, Any]:
    """The row that comes of all puts in order, where there is one."""
    row: dict[str, Any] = {}
    for put in puts():
        if put.table == table:
            row = {**put.once, **row, **put.key, **put.values}
    return row


def test_a_call_is_one_row_that_says_how_it_went() -> None:
    row = merged("calls")
    assert (row["call"], row["attempt"], row["direction"], row["agent"]) == (CALL, 1, "inbound", "reception")
    assert (row["outcome"], row["ended_by"], row["cause"], row["turns"]) == ("answered", "caller", 16, 3)
    assert (row["total_s"], row["talked_s"], row["cost"]) == (62.5, 60.5, 0.012346)
    assert row["started_at"] == STARTED


def test_each_part_has_its_table() -> None:
    tables = [put.table for put in puts() if put.table not in ("call_events", "calls")]
    kinds = {table: tables.count(table) for table in tables}
    assert kinds == {
        **{"call_words": 2, "call_turns": 1, "call_tools": 1, "call_usage": 1, "call_recordings": 1},
        "call_legs": 4,
    }
    legs = [{**put.once, **put.key, **put.values} for put in puts() if put.table == "call_legs"]
    shown = [(leg["leg"], leg["kind"], leg["mode"], leg["state"], leg["outcome"]) for leg in legs[1:]]
    assert shown == [
        ("transfer-1", "transfer", "blind", "failed", "busy"),
        ("call-x-party-1", "participant", None, "failed", "busy"),
        ("supervision-1", "supervision", "whisper", "on", "answered"),
    ]


def test_what_an_operator_told_the_agent_stands_among_the_words() -> None:
    said, told = [put.once for put in puts() if put.table == "call_words"]
    assert (said["who"], said["started_at"]) == ("caller", None)
    assert (told["who"], told["text"], told["by"], told["action"]) == ("operator", "your pin is 99", "ops", "say")
    assert told["at"] == told["started_at"]
    listed = [put.once for put in puts() if put.table == "call_events" and put.once["type"] == "call.instructed"]
    assert [each["data"] for each in listed] == [{"by": "ops", "action": "say", "agent": "reception"}]


def test_a_tool_began_when_it_was_called() -> None:
    tool = next(put for put in puts() if put.table == "call_tools")
    answered = next(event for event in EVENTS if event.type == "call.tool" and event.data.state == "answered")
    assert tool.once["at"] == answered.timestamp - timedelta(seconds=4.25)


def test_every_column_is_there() -> None:
    tables = {each.name: each for each in (calls, *PARTS)}
    for put in puts():
        assert {*put.key, *put.values, *put.once} <= set(tables[put.table].columns.keys())


def test_the_list_of_events_holds_nothing_personal() -> None:
    listed = [put for put in puts() if put.table == "call_events"]
    assert [put.once["type"] for put in listed].count("call.transfer") == 2
    shown = repr([dict(put.once) for put in listed])
    assert not [each for each in ("+4930123", "5001", "+49555", "+49777", "my card") if each in shown]


@pytest.mark.parametrize(
    ("settings", "gone", "left"),
    [
        (Records(numbers="none"), ["+4930123", "+49555", "+49777", "+49888", "…"], ["my card is 1234"]),
        (Records(numbers="masked"), ["+4930123", "+49555", "+49777"], ["…23", "my card is 1234"]),
        (
            Records(numbers="hashed", hash_key=SecretStr("k" * 32)),
            ["+4930123", "+49555", "+49777", "k" * 32],
            [f"id:{hmac.new(b'k' * 32, b'+4930123', 'sha256').hexdigest()[:24]}"],
        ),
        (Records(transcripts=False), ["my card is 1234", "your pin is 99"], ["+4930123", "+49555"]),
    ],
)
def test_what_is_hidden_is_hidden_before_it_is_written(settings: Records, gone: list[str], left: list[str]) -> None:
    shown = repr([(dict(put.once), dict(put.values)) for put in puts(settings)])
    shown += "".join(redacted(event, settings).model_dump_json() for event in EVENTS)
    assert [each for each in gone if each in shown] == []
    assert [each for each in left if each not in shown] == []


def settled(attempt: int) -> Event:
    data = {"call": CALL, "attempt": attempt, "number": 0, "agent": "a", "trunk": "t", "outcome": "expired"}
    return schemas.Settled.event.model_validate({"id": "e-1", "timestamp": later(9), "data": data | {"detail": None}})


def test_a_call_that_was_never_dialled_has_a_row_too() -> None:
    put = rows(settled(0))[0]
    assert (put.key["attempt"], put.values["outcome"], put.once["direction"]) == (0, "expired", "outbound")
    assert put.once["ended_at"] == later(9)
