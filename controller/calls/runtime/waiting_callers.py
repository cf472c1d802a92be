"""Callers who wait in line for room: who is next, and which place each of them is told.

Owns the order, which is the order of arrival. Their calls live, in the state WAITING; when one has waited too long is
decided by its machine (`machine/rows/waiting.py`).
"""

import asyncio
from collections import Counter

from bridge.common.background_tasks import Tasks
from controller.calls import errors
from controller.calls.admission import capacity
from controller.calls.admission.control import AdmissionControl
from controller.calls.machine import inputs
from controller.calls.machine.plan import State
from controller.calls.runtime.ports import LiveCall
from controller.config.models.routes import WaitingLine

SERVE_EVERY = 1.0
"""Seconds, while somebody waits: no event tells that a limit on calls per second has passed or a worker is back."""


class WaitingCallers:
    def __init__(self, admission: AdmissionControl, tasks: Tasks) -> None:
        self._admission, self._tasks = admission, tasks
        self._claiming: asyncio.Task[None] | None = None
        self._line: dict[str, LiveCall] = {}
        """The callers that wait, by call, in the order of arrival."""
        self._places: dict[str, int] = {}
        """The place that each of them was told."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: LiveCall) -> None:
        self._line[call.id] = call
        self._tell_places()
        self._serve_later()

    def waits(self, call: str) -> bool:
        return call in self._line and self._line[call].call.state is State.WAITING

    def anybody_for(self, agent: str) -> bool:
        return any(each.call.plan.agent.name == agent for each in self._waiting())

    def has_place(self, line: WaitingLine, number: str) -> bool:
        """For one more caller of this number."""
        return sum(each.call.plan.callee == number for each in self._waiting()) < line.max_waiting

    def ended(self, call: str) -> None:
        """A call is over, one of these or any other: there may be room for who is next."""
        self._line.pop(call, None)
        self._places.pop(call, None)
        self._serve()

    def _waiting(self) -> list[LiveCall]:
        return [each for each in self._line.values() if each.call.state is State.WAITING]

    def _serve(self) -> None:
        """Begins the calls that have room now, in order."""
        try:
            if self._admission.shared:
                self._claim_later()
            else:
                self._serve_in_order()
        finally:
            self._serve_later()

    def _serve_in_order(self) -> None:
        full: set[str] = set()
        for each in self._waiting():
            plan = each.call.plan
            try:
                if plan.agent.name not in full:
                    self._admission.admit(capacity.slot_of(plan), waited=True)
                    self._let_in(each)
            except (errors.NotReady, errors.Busy):
                full.add(plan.agent.name)
        self._tell_places()

    def _let_in(self, call: LiveCall) -> None:
        self._admission.reserve(call.call.plan, served=True)
        self._line.pop(call.id)
        call.put(inputs.RoomFound())

    def _claim_later(self) -> None:
        if self._line and (self._claiming is None or self._claiming.done()):
            self._claiming = self._tasks.create_task(self._claim_in_order(), name="callers in line")

    async def _claim_in_order(self) -> None:
        """As `_serve_in_order`, where the limits are those of several controllers."""
        full: set[str] = set()
        for each in self._waiting():
            slot = capacity.slot_of(each.call.plan)
            try:
                if slot.agent not in full and self.waits(each.id):
                    self._admission.admit(slot, waited=True)
                    await self._admission.claim(slot)
                    if self.waits(each.id):
                        self._let_in(each)
                    elif each.id not in self._line:  # it has ended meanwhile
                        self._admission.release(each.id)
            except (errors.NotReady, errors.Busy):
                full.add(slot.agent)
        self._tell_places()

    def _serve_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._line:
            self._timer = asyncio.get_running_loop().call_later(SERVE_EVERY, self._serve)

    def _tell_places(self) -> None:
        """Tells each call its new place among those who wait for the same agent."""
        places: Counter[str] = Counter()
        for each in self._waiting():
            agent = each.call.plan.agent.name
            places[agent] += 1
            if places[agent] != self._places.get(each.id):
                self._places[each.id] = places[agent]
                each.put(inputs.PlaceKnown(places[agent]))
