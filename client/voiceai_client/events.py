"""Events of calls as typed objects: from a stream, or from a webhook. [pure]

Owns what stands in a stream besides the events of `voiceai_client.models.events`: `Gap`, and `UnknownEvent` for types
that this version does not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from voiceai_client.decoding import Model, decode
from voiceai_client.errors import UnexpectedAnswerError
from voiceai_client.models.events import EVENTS, CallEvent


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnknownEvent(Model):
    """An event of a type that a later version of voiceai has. Ignore it, or upgrade the client."""

    id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """Events are missing here: the controller has not kept them. `client.calls.list()` tells how things are."""

    asked: str | None
    """The place from which the stream was to continue; None: none was known."""
    oldest: str | None
    """The oldest event that is kept, which follows; None: not known."""
    type: Literal["gap"] = "gap"


AnyEvent = CallEvent | UnknownEvent
StreamItem = CallEvent | UnknownEvent | Gap


def event_of(told: Any) -> AnyEvent:
    """The event that a JSON object is. Raises UnexpectedAnswerError."""
    type_ = told.get("type") if isinstance(told, dict) else None
    if not isinstance(type_, str):
        raise UnexpectedAnswerError("this is no event of voiceai")
    kind: Any = EVENTS.get(type_, UnknownEvent)
    found: AnyEvent = decode(kind, told)
    return found


def gap_of(told: Any) -> Gap:
    found = told if isinstance(told, dict) else {}
    asked, oldest = found.get("asked"), found.get("oldest")
    return Gap(asked if isinstance(asked, str) else None, oldest if isinstance(oldest, str) else None)
