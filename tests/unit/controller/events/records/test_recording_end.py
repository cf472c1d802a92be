"""A recording that ends before its call says why."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.events.records.recording_end import ended_with
from tests.unit.controller.views import STARTED


@dataclass
class Row:
    """An event or a leg, so many seconds after the start."""

    seconds: float
    type: str = "call.state"
    data: dict[str, Any] = field(default_factory=dict)
    kind: str = "transfer"
    mode: str | None = None

    @property
    def at(self) -> datetime:
        return STARTED + timedelta(seconds=self.seconds)

    @property
    def began_at(self) -> datetime:
        return self.at


def state(seconds: float, name: str) -> Row:
    return Row(seconds, data={"state": name})


def control(seconds: float, recording: str) -> Row:
    return Row(seconds, "call.control", {"recording": recording})


@pytest.mark.parametrize(
    ("why", "events", "legs"),
    [
        ("call", [], []),
        ("call", [state(1, "talking"), state(9, "ending")], []),
        ("transfer", [state(1, "talking"), state(9, "transferred"), state(30, "ending")], [Row(5, mode="blind")]),
        ("transfer", [state(9, "transferred")], [Row(5, mode=None)]),
        ("transfer", [state(9, "transferred")], []),
        ("take_over", [state(9, "transferred")], [Row(5, kind="supervision", mode="take_over")]),
        ("transfer", [state(9, "transferred")], [Row(5), Row(20, kind="supervision", mode="take_over")]),
        ("call", [state(9, "transferred"), state(9.5, "talking")], [Row(5)]),
        ("stop", [state(1, "talking"), control(2, "on"), control(9, "off"), state(30, "ending")], []),
        ("call", [control(2, "off"), state(9, "ending")], []),
        ("call", [state(1, "talking"), state(30, "transferred")], []),
    ],
)
def test_the_end_of_a_recording(why: str, events: list[Row], legs: list[Row]) -> None:
    assert ended_with(STARTED + timedelta(seconds=10), events, legs) == why
