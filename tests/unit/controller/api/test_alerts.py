"""From the state of the controller to alerts: each cause has its alert, and what is well has none."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.api.alerts import FAILED, SEVERITIES, Disk, SystemState, WorkerFacts, alerts_of
from controller.calls.machine.outcome import Outcome
from controller.calls.outbound.trunk_breaker import SuspendedTrunk
from controller.cluster.node import NodeId
from controller.cluster.overview import NodeView

NOW = datetime(2026, 12, 1, tzinfo=UTC)
GIB = 1 << 30


def node(state: Any, **changes: Any) -> NodeView:
    return NodeView(NodeId("b", 1), state, **changes)


SUSPENDED = SuspendedTrunk("main", NOW, 3, NOW, False, "trunk_fault", 403)
CASES: list[tuple[dict[str, Any], list[tuple[str, str, str | None]]]] = [
    ({"parts": {"asterisk": True, "workers": True, "accepting": True}}, []),
    ({"parts": {"asterisk": False}}, [("asterisk-away", "critical", None)]),
    ({"parts": {"workers": False}}, [("no-worker", "critical", None)]),
    ({"parts": {"accepting": False}}, [("draining", "warning", None)]),
    ({"store": ["the store does not take what is written: disk full"]}, [("store-failing", "critical", None)]),
    ({"unstartable": {"w1": "no such file"}}, [("worker-not-started", "warning", "w1")]),
    ({"refused": {"w2": "wrong token"}}, [("worker-refused", "warning", "w2")]),
    ({"workers": [WorkerFacts("w", "up"), WorkerFacts("v", "draining")]}, []),
    ({"workers": [WorkerFacts("w", "away")]}, [("worker-lost", "warning", "w")]),
    ({"workers": [WorkerFacts("w", "unreached", "refused")]}, [("worker-unreached", "warning", "w")]),
    ({"workers": [WorkerFacts("w", "late")]}, [("worker-overloaded", "warning", "w")]),
    ({"suspended": [SUSPENDED]}, [("trunk-suspended", "warning", "main")]),
    ({"trunks": {"a": "online", "b": "unknown"}}, []),
    (
        {"trunks": {"b": "offline", "a": "missing"}},
        [("trunk-missing", "warning", "a"), ("trunk-offline", "warning", "b")],
    ),
    ({"nodes": [node("accepting", own=True), node("accepting"), node("stopped"), node("unknown")]}, []),
    ({"nodes": [node("away", silent_s=20.0)]}, [("node-away", "critical", "b")]),
    ({"nodes": [node("lost", silent_s=60.0)]}, [("node-lost", "warning", "b")]),
    ({"nodes": [node("lost", silent_s=1e6), node("away", silent_s=1e6)]}, []),
    ({"cluster": ["b refused the token."]}, [("cluster", "warning", None)]),
    ({"spent": 79.0, "spend_limit": 100.0}, []),
    ({"spent": 1e9}, []),
    ({"spent": 80.0, "spend_limit": 100.0}, [("spend-near-limit", "warning", None)]),
    ({"spent": 100.0, "spend_limit": 100.0}, [("spend-limit-reached", "critical", None)]),
    ({"ended": {"answered": 3, "failed": 4}}, []),
    ({"ended": {"answered": 21, "failed": 5}}, []),
    ({"ended": {"answered": 20, "failed": 3, "congestion": 2}}, [("calls-failing", "warning", None)]),
    ({"ended": {"answered": 5, "failed": 5}}, [("calls-failing", "critical", None)]),
    ({"ended": {"busy": 50, "no_answer": 50, "declined": 9}}, []),
    ({"dead_letters": 0}, []),
    ({"dead_letters": 1}, [("dead-letters", "warning", None)]),
    ({"disks": [Disk("/a", 30 * GIB, 1000 * GIB), Disk("/b", 5 * GIB, 40 * GIB)]}, []),
    ({"disks": [Disk("/a", 3 * GIB, 100 * GIB)]}, [("recordings-disk", "warning", "/a")]),
    ({"disks": [Disk("/a", GIB // 2, GIB)]}, [("recordings-disk", "critical", "/a")]),
    ({"failing_tasks": ["dialer"]}, [("task-failing", "warning", "dialer")]),
    ({"listing_fails": True}, [("asterisk-listing-fails", "warning", None)]),
    ({"paused": frozenset({""})}, [("dialing-paused", "info", None)]),
    ({"paused": frozenset({"main"})}, [("dialing-paused", "info", "main")]),
]


@pytest.mark.parametrize(("facts", "wanted"), CASES)
def test_each_cause_has_its_alert(facts: dict[str, Any], wanted: list[tuple[str, str, str | None]]) -> None:
    found = alerts_of(SystemState(**facts))
    assert [(each.type, each.severity, each.subject) for each in found] == wanted
    for each in found:
        assert each.message.endswith(".") or ": " in each.message
        assert each.action.endswith(".")


def test_outcomes_that_count_as_failed_are_outcomes() -> None:
    assert FAILED - {"node_lost"} <= set(Outcome)


def test_every_type_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text("utf-8")
    for name in {each[0] for _, wanted in CASES for each in wanted}:
        assert f"`{name}`" in page


def test_the_most_severe_come_first() -> None:
    facts: dict[str, Any] = {}
    for case, _ in CASES:
        facts |= case
    found = [each.severity for each in alerts_of(SystemState(**facts))]
    assert set(found) == set(SEVERITIES)
    assert found == sorted(found, key=SEVERITIES.index)


def test_a_node_of_which_the_store_does_not_tell_is_one_that_is_missed() -> None:
    assert [each.type for each in alerts_of(SystemState(nodes=[node("away")]))] == ["node-away"]
