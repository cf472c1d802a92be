"""Events for tests that need many."""

from datetime import timedelta

from bridge import contract
from controller.calls.reporting import lifecycle
from controller.events.factory import EventFactory, OutgoingEvent, SentEvent
from tests.unit.controller.views import STARTED, call_view

EPOCH = "e"


def outgoing_events(count: int, calls: int = 1, epoch: str = EPOCH) -> list[OutgoingEvent]:
    """`count` events, of `calls` calls in turn: call.started first, then words."""
    factory, made = EventFactory(epoch), []
    for order in range(count):
        call = f"call{order % calls}"
        what: lifecycle.LifecycleEvent = contract.Said(call=call, who="agent", text=f"word {order}", item="i")
        if order < calls:
            what = lifecycle.CallBegan("inbound", call_view(id=call))
        outgoing = factory.make(what, STARTED + timedelta(seconds=order))
        assert outgoing is not None
        made.append(outgoing)
    return made


def sent_events(count: int, calls: int = 1) -> list[SentEvent]:
    """The same, as the streams have them."""
    return [each.for_streams for each in outgoing_events(count, calls)]
