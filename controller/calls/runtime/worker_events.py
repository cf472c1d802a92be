"""What becomes of a worker's event of a live call.

Owns the order: observers are told, the call's log and memory take it, its cost is added up, one log line is written,
and inputs go into the call's queue. The registry finds the call.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from bridge import contract
from controller.calls.admission.control import today
from controller.calls.admission.spending import Spending
from controller.calls.machine import inputs
from controller.calls.machine.outcome import PER_CALL
from controller.calls.reporting import log_lines
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.lifecycle import Observe, UsageReported
from controller.calls.reporting.talking_agents import WHY, TalkingAgents
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.worker_inputs import inputs_of
from controller.config import CurrentConfig

log = structlog.get_logger()


class WorkerEvents:
    """`live`: the calls that live at this moment, by id."""

    def __init__(
        self, current: CurrentConfig, spending: Spending, live: Mapping[str, CallActor], observe: Observe
    ) -> None:
        self._current = current
        self._spending = spending
        self._live = live
        self._observe = observe
        self._talking_agents = TalkingAgents()

    def take(self, actor: CallActor, event: contract.CallEvent) -> None:
        if isinstance(event, contract.Used):
            self._used(actor, event)
            return
        self._observe(event)
        actor.call_log.take(event, datetime.now(UTC))
        actor.memory.take(event, actor.call.plan.agent.spec)
        log_lines.tell(event)
        if isinstance(event, contract.Failed) and event.refused:
            actor.session_refused()
        if isinstance(event, contract.ToolCalled):
            actor.tool_called(event.tool_call, event.name)
        for what in inputs_of(self._current.during(actor.begun), actor.call.plan, event):
            actor.put_of_session(what)
        for each in self._talking_agents.told(event, asyncio.get_running_loop().time()):
            if each in self._live:
                self._live[each].put(inputs.HangUpAsked("system", WHY))

    def take_former(self, actor: CallActor, event: contract.CallEvent) -> None:
        """Of a session that another one has taken over from: only what was said, recorded, counted and spent."""
        match event:
            case contract.Used():
                self._used(actor, event)
            case contract.Said() | contract.Recorded() | contract.Ended():
                self._observe(event)
                actor.call_log.take(event, datetime.now(UTC))
                actor.memory.take(event, actor.call.plan.agent.spec)
                log_lines.tell(event)
        if isinstance(event, contract.Ended):
            actor.put(inputs.OfSession(inputs.FORMER, inputs.SessionOver(event.reason, event.counters)))

    def spend(self, used: contract.Used) -> tuple[float, bool]:
        """Of a session that is no call: US dollars, and whether as much as allowed was spent today."""
        cost = self._cost_of(used)
        reached = self._spending.add(cost, CallLog(), today())
        if reached is not None and reached.everybody:
            log_lines.limit_reached("", reached.limit, cost)
            self._wrap_up(list(self._live.values()), reached.limit)
        return cost, self._spending.spent(today())

    def _cost_of(self, used: contract.Used) -> float:
        if self._spending.news_of_price(used.model):
            log_lines.without_price(used.model)
        return self._spending.cost_of(used)

    def _used(self, actor: CallActor, used: contract.Used) -> None:
        cost = self._cost_of(used)
        self._observe(UsageReported(actor.id, used, cost))
        reached = self._spending.add(cost, actor.call_log, today())
        if reached is None:
            return
        if reached.everybody or reached.limit == PER_CALL:  # the day's limit is logged once, not for each call
            log_lines.limit_reached(actor.id, reached.limit, actor.call_log.cost)
        self._wrap_up(list(self._live.values()) if reached.everybody else [actor], reached.limit)

    def _wrap_up(self, actors: list[CallActor], limit: str) -> None:
        for each in actors:
            if each.call_log.limit is None:
                each.call_log.limit = limit
                each.put(inputs.WrapUpDue(limit))
