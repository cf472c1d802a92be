"""Warnings that a peer can repeat: a few lines and a total, whatever the peer does."""

from typing import Any

from bridge.common.limited_warnings import FEW, MOST, LimitedWarnings
from bridge.contract import AiWarning
from bridge.realtime.conversation.inputs import Closing
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))


def test_a_few_are_told_and_all_are_counted() -> None:
    log = Log()
    warnings = LimitedWarnings(log, FEW)
    for number in range(1000):
        warnings.warning("x failed", number=number)
    warnings.warning("y failed")
    assert log.lines == [*(("x failed", {"number": number}) for number in range(FEW)), ("y failed", {})]
    warnings.close()
    warnings.close()
    assert log.lines[FEW + 1 :] == [("x failed", {"total": 1000})]


def test_what_is_told_apart_is_counted_apart_and_bounded() -> None:
    log = Log()
    warnings = LimitedWarnings(log)
    for number in range(10_000):
        warnings.warning("tool ran", by=("tool",), tool=f"tool {number // 2}", ms=number)
    assert len(log.lines) == MOST + 1
    warnings.close()
    totals = [fields for _, fields in log.lines if "total" in fields]
    assert totals[0] == {"tool": "tool 0", "total": 2}
    assert sum(fields["total"] for fields in totals) == 10_000


def test_errors_of_the_server_are_told_by_their_code() -> None:
    stage = Stage()
    for number in range(500):
        stage.feed(
            server_events.ServerError("invalid_request_error", "odd", f"No item 'item_{number}'.", "item_id", "")
        )
        stage.feed(server_events.ServerError("server_error", "", "The server had an error.", "", ""))
    stage.feed(Closing())
    told = [(each.kind, each.code, each.times) for each in stage.told_of(AiWarning)]
    assert told == [
        ("server_error", "odd", 1),
        ("server_error", "server_error", 1),
        ("server_error", "odd", 499),
        ("server_error", "server_error", 499),
    ]
    assert "(item_id)" in stage.told_of(AiWarning)[0].detail
    assert stage.notes == []


def test_what_a_caller_said_is_not_in_the_detail() -> None:
    stage = Stage()
    stage.feed(server_events.ServerError("x", "odd", "Not 'my card is 4111111111111111 ok', 4111111111111111", "", ""))
    assert "4111" not in stage.told_of(AiWarning)[0].detail
