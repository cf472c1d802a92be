"""What happens in calls becomes numbered events. [pure]

Owns the ids of events, the numbers within each call, and which call wants its events at a webhook of its own. Which
event is made of what, and with which fields, says `schemas`. Of calls that it never saw begin, or saw end, it tells
nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from controller.calls.metadata import Metadata
from controller.calls.reporting import lifecycle
from controller.calls.reporting.view import CallView
from controller.events import schemas
from controller.events.envelope import Data, Event


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event as the streams have it, and those who come back to them: its JSON, and what they choose by. It takes a
    third of the memory of the event, and up to 10,000 are kept."""

    order: int
    id: str
    type: str
    call: str
    final: bool
    agent: str | None
    trunk: str | None
    full: bytes = field(repr=False)
    without_words: bytes = field(repr=False)
    """The same object where nothing was said."""


@dataclass(frozen=True)
class OutgoingEvent:
    """An event to be sent. `order`: its place among all events of this process, from 1. `webhook`: the URL of the
    call's own receiver."""

    order: int
    event: Event = field(repr=False)
    webhook: str | None = field(default=None, repr=False)
    agent: str | None = None
    """Of its call when it happened; so is `trunk`."""
    trunk: str | None = None

    @property
    def final(self) -> bool:
        """It is the last event of its call. `call.ended` of a call from the queue is not: the call may be tried
        again."""
        data = self.event.data
        return isinstance(data, schemas.Settled) or (isinstance(data, schemas.Ended) and data.direction == "inbound")

    @property
    def for_streams(self) -> SentEvent:
        which = self.order, self.event.id, self.type, self.call, self.final
        return SentEvent(*which, self.agent, self.trunk, self.full, self.without_words)

    @property
    def type(self) -> str:
        return self.event.type

    @property
    def call(self) -> str:
        return self.event.data.call

    @cached_property
    def full(self) -> bytes:
        """JSON, with what is personal."""
        return self.event.model_dump_json().encode()

    @cached_property
    def without_words(self) -> bytes:
        """JSON, with what is personal, but without what was said."""
        event = self.event.without_words()
        return self.full if event is self.event else event.model_dump_json().encode()

    @cached_property
    def without_personal(self) -> bytes:
        """JSON, without what is personal. Cached, as the others: many receive the same."""
        return self.event.without_personal().model_dump_json().encode()


@dataclass(slots=True)
class _LiveCall:
    webhook: str | None
    attempt: int
    agent: str | None = None
    trunk: str | None = None
    metadata: Metadata = field(default_factory=dict, repr=False)
    count: int = 0
    """Events so far."""
    told_once: set[type[Data]] = field(default_factory=set)


class EventFactory:
    """`epoch` is this process's: ids are `<epoch>-<order>`, and those of another process are told from ours."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self._order = 0
        self._calls: dict[str, _LiveCall] = {}

    def __repr__(self) -> str:
        return f"<EventFactory {self.epoch}: {self._order} events, {len(self._calls)} live calls>"

    def make(self, fact: lifecycle.LifecycleEvent, at: datetime) -> OutgoingEvent | None:
        """None: nobody is told of it. `at`: when it happened."""
        kind = schemas.OF_FACT.get(type(fact))
        if kind is None:
            return None
        match fact:
            case lifecycle.CallerRefused():
                return self._made(kind, fact, at, None, 1, 1)
            case lifecycle.CallQueued():
                return self._made(kind, fact, at, fact.webhook, fact.attempt, 0)
            case lifecycle.CallLost():
                return self._made(kind, fact, at, fact.webhook, fact.attempt, 0)
            case lifecycle.CallSettled():
                return self._made(kind, fact, at, fact.webhook, fact.attempts, 0)
            case lifecycle.CallBegan() | lifecycle.CallAdopted():
                self._calls.setdefault(fact.call.id, _LiveCall(fact.webhook, fact.attempt))
        live = self._calls.get(_call_of(fact))
        if live is None or kind in live.told_once:
            return None
        if kind.once:
            live.told_once.add(kind)
        if isinstance(view := getattr(fact, "call", None), CallView):
            live.agent, live.trunk, live.metadata = view.agent, view.trunk, view.metadata
        if isinstance(fact, lifecycle.MetadataChanged):
            live.metadata = fact.metadata
        made = self._made(kind, fact, at, live.webhook, live.attempt, live.count + 1, live)
        live.count += made is not None
        if isinstance(fact, lifecycle.CallOver):
            del self._calls[fact.call.id]
        return made

    def _made(
        self,
        kind: type[Data],
        fact: lifecycle.LifecycleEvent,
        at: datetime,
        webhook: str | None,
        attempt: int,
        number: int,
        live: _LiveCall | None = None,
    ) -> OutgoingEvent | None:
        fields = kind.of(fact, at)
        if fields is None:
            return None
        whose = live or getattr(fact, "call", None)
        metadata = dict(getattr(whose, "metadata", {}))
        data = {"call": _call_of(fact), "attempt": attempt, "number": number, "metadata": metadata, **fields}
        event = kind.event.model_validate({"id": f"{self.epoch}-{self._order + 1}", "timestamp": at, "data": data})
        self._order += 1
        return OutgoingEvent(self._order, event, webhook, getattr(whose, "agent", None), getattr(whose, "trunk", None))


def _call_of(fact: lifecycle.LifecycleEvent) -> str:
    call = getattr(fact, "call", "")
    return call.id if isinstance(call, CallView) else str(call)
