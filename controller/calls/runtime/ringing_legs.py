"""Legs of all calls that ring, or were answered a moment ago. [pure]"""

from collections.abc import Iterable, Iterator

from controller.calls.machine.loops import RingingLeg
from controller.calls.runtime.actor import CallActor


def all_ringing(calls: "Iterable[CallActor]", now: float) -> Iterator[RingingLeg]:
    for each in calls:
        yield from each.legs.ringing(each.call.origin, now, each.call.plan.caller or "")
