"""Why a recording is over: with the call, or before it. [pure]"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

EndedWith = Literal["call", "transfer", "take_over", "stop"]


class StoredEvent(Protocol):
    @property
    def at(self) -> datetime: ...
    @property
    def type(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


class StoredLeg(Protocol):
    @property
    def began_at(self) -> datetime: ...
    @property
    def kind(self) -> str: ...
    @property
    def mode(self) -> str | None: ...


def ended_with(complete_at: datetime, events: Iterable[StoredEvent], legs: Iterable[StoredLeg]) -> EndedWith:
    """`events` and `legs`: those of the call, oldest first. A worker completes its recording after the change of the
    call's state that ends it."""
    state, recording = "", ""
    for each in events:
        if each.at > complete_at:
            break
        state = each.data.get("state", state) if each.type == "call.state" else state
        recording = each.data.get("recording", recording) if each.type == "call.control" else recording
    if state == "transferred":
        begun = [leg for leg in legs if leg.began_at <= complete_at and leg.kind in ("transfer", "supervision")]
        return "take_over" if begun and begun[-1].mode == "take_over" else "transfer"
    return "stop" if recording == "off" and state != "ending" else "call"
