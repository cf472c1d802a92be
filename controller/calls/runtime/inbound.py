"""Inbound calls until they have a call of their own: route, room or a place in line, look-up.

Owns callers from their StasisStart until their call begins. Each caller gets a call, is sent on, or is refused with a
reason in the log.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Literal

import structlog

from bridge.common.background_tasks import Tasks
from controller.ari.resources import Channel
from controller.ari.rest import Ari, AriError
from controller.calls import errors
from controller.calls.admission.caller_limits import CallerLimits, home_of
from controller.calls.admission.capacity import Slot
from controller.calls.admission.control import AdmissionControl
from controller.calls.machine import call_loops
from controller.calls.machine.plan import Plan, Waiting
from controller.calls.planning import planner, routing
from controller.calls.reporting import lifecycle
from controller.calls.runtime import dialplan
from controller.calls.runtime.arrival_facts import (
    arrival_of,
    as_wished,
    channel_variables,
    may_be_private,
    refused_view,
    unrouted,
)
from controller.calls.runtime.lookup import Found, look_up
from controller.calls.runtime.ports import BrowserCalls, LiveCall
from controller.calls.runtime.waiting_callers import WaitingCallers
from controller.calls.tools.http import HttpTools
from controller.config import Config, CurrentConfig
from controller.config.models.agents import Agent
from controller.config.models.routes import Overflow, Route, WaitingLine

log = structlog.get_logger()

BROWSER = "browser"
"""What a browser has called, instead of a number."""
NO_ROOM = errors.Busy("As many calls as allowed are up.")
WORKER_WAIT_S = 3.0
"""Seconds that a caller waits for a worker to come back."""
DRAINING = "The controller takes no new calls: it is draining."


@dataclass(frozen=True, slots=True)
class _Caller:
    """Somebody who has arrived and has no call yet."""

    arrival: routing.Arrival
    leg: str
    marked_by: str | None
    config: Config
    """With which the call begins."""


class InboundCalls:
    """`start`: begins the call of a plan. `callers`: the numbers of the callers of all calls that live."""

    def __init__(
        self,
        current: CurrentConfig,
        ari: Ari,
        tools: HttpTools,
        tasks: Tasks,
        admission: AdmissionControl,
        start: Callable[[Plan, Config], LiveCall],
        callers: Callable[[], Iterable[str]],
        observe: lifecycle.Observe,
        browsers: BrowserCalls,
    ) -> None:
        config, self._current = current.config, current
        self._ari = ari
        self._tools = tools
        self._tasks = tasks
        self._admission = admission
        self._start = start
        self._live_callers = callers
        self._observe = observe
        self._browsers = browsers
        self._asking: dict[str, tuple[asyncio.Task[None], Slot]] = {}
        """Callers for whom something is being asked, or who wait for a worker, by channel."""
        self._leaving: set[str] = set()  # channels of those who are being sent into the dialplan
        self._waiting = WaitingCallers(admission, tasks)
        self._names = routing.channel_variables(config)
        self._callers = CallerLimits(config.limits.per_caller, home_of(config.trunks.values()))
        current.follow(self._follow)

    def _follow(self, config: Config) -> None:
        self._names = routing.channel_variables(config)
        self._callers.replace(config.limits.per_caller, home_of(config.trunks.values()))

    def arrived(self, channel: Channel, args: tuple[str, ...]) -> None:
        if self._browsers.is_browser(channel.name):
            self._arrived_by_browser(channel)
            return
        arrival = arrival_of(self._current.config, channel, args)
        config = self._current.for_call(arrival.call)
        caller = _Caller(arrival, channel.id, call_loops.where_marked(channel.name), config)
        private = may_be_private(config, arrival)
        if not self._names and not private:
            self._route(caller)
            return
        asking = self._ask_channel(caller, channel if private else None)
        task = self._tasks.create_task(asking, name=f"variables {caller.arrival.call}")
        self._asking[caller.leg] = task, _slot(caller, "")

    def _arrived_by_browser(self, channel: Channel) -> None:
        """Over no trunk, and by no route: its session says which agent it is for."""
        try:
            wanted = self._browsers.call_of(channel.id, channel.name)
        except errors.WrongState as reason:
            log.warning("call from a browser refused", channel=channel.id, reason=str(reason))
            self._tasks.create_task(self._hang_up(channel.id, "congestion"), name="refuse a browser")
            return
        arrival = routing.Arrival(wanted.call, BROWSER, "", None, wanted.variables)
        caller = _Caller(arrival, channel.id, None, wanted.config or self._current.for_call(wanted.call))
        self._or_refused(caller, lambda: self._serve(caller, None, [Overflow(agent=wanted.agent)]))

    async def _ask_channel(self, caller: _Caller, private: Channel | None) -> None:
        """Asks for channel variables. `private`: the channel of a caller who may have withheld the number."""
        arrival = caller.arrival
        try:
            given = await channel_variables(self._ari, arrival.call, caller.leg, self._names)
            arrival = replace(arrival, variables={**arrival.variables, **given})
            if private is not None:
                arrival = await as_wished(self._ari, arrival, private)
        finally:
            self._asking.pop(caller.leg, None)
        told = replace(caller, arrival=arrival)
        self._or_refused(told, lambda: self._route(told))

    def _route(self, caller: _Caller) -> None:
        now = datetime.now(UTC)
        routed = routing.route(caller.config, caller.arrival, now)
        if routed is None:
            log.warning(
                "caller refused: no route fits; add one to `routes`",
                call=caller.arrival.call,
                **unrouted(caller.config, caller.arrival, now),
            )
            self._refuse(caller, "no_route", "no_answer", "No route fits.")
            return
        if not self._admitted(caller):
            return
        steps = [Overflow(agent=routed.agent_name), *(routed.route.overflow if routed.route else ())]
        self._serve(caller, routed.route, steps)

    def _serve(self, caller: _Caller, route: Route | None, steps: list[Overflow]) -> None:
        if self._admission.workers_returning():
            task = self._tasks.create_task(self._wait_for_worker(caller, route, steps), name="caller without a worker")
            self._asking[caller.leg] = task, _slot(caller, steps[0].agent or "")
        else:
            self._try(caller, route, steps)

    def _admitted(self, caller: _Caller) -> bool:
        """False: the caller calls too often, and is refused. Steps of the route's overflow are not tried for them."""
        up = [*self._live_callers(), *(slot.caller for _, slot in self._asking.values())]
        try:
            self._callers.admit(caller.arrival.caller, up, monotonic())
        except errors.Busy as reason:
            log.warning("caller refused", call=caller.arrival.call, reason=str(reason))
            self._refuse(caller, "busy", "busy", str(reason))
            return False
        return True

    async def _wait_for_worker(self, caller: _Caller, route: Route | None, steps: list[Overflow]) -> None:
        """The workers were lost a moment ago: the caller hears ringing until one is back, for WORKER_WAIT_S seconds."""
        log.warning("caller waits for a worker to come back", call=caller.arrival.call)
        try:
            async with asyncio.timeout(WORKER_WAIT_S):
                await self._ari.ring(caller.leg)
                await self._admission.wait_returned()
        except (TimeoutError, AriError):
            pass  # goes on without a worker
        finally:
            self._asking.pop(caller.leg, None)
        self._or_refused(caller, lambda: self._try(caller, route, steps))

    def left(self, channel: str) -> None:
        """A caller has gone who has no call yet."""
        task, _ = self._asking.pop(channel, (None, None))
        if task is not None:
            task.cancel()

    def all_left(self) -> None:
        """Asterisk has ended: nobody is there who has no call yet."""
        for channel in list(self._asking):
            self.left(channel)

    def has_no_call_yet(self, channel: str) -> bool:
        """Whether the caller of this channel has no call yet. A reconcile must not remove such a channel."""
        return channel in self._asking or channel in self._leaving

    def asking(self) -> Iterator[Slot]:
        """The slots of callers who have no call yet."""
        return (slot for _, slot in self._asking.values())

    def waits(self, call: str) -> bool:
        """In line, for room."""
        return self._waiting.waits(call)

    def ended(self, call: str) -> None:
        """A call is over: there may be room for who is next."""
        self._waiting.ended(call)

    # ------------------------------------------------------------ room, or what to do without

    def _try(
        self, caller: _Caller, route: Route | None, steps: list[Overflow], first: int = 0, refusal: Exception = NO_ROOM
    ) -> None:
        """Does the first step that can be done. `first`: those before it were `refusal`."""
        agent = steps[0].agent or ""
        for number, step in enumerate(steps[first:], first):
            if step.agent is not None:
                try:
                    self._take(caller, step.agent)
                except (errors.NotReady, errors.Busy) as reason:
                    refusal = reason
                    continue
                if self._admission.shared:
                    self._ask_cluster(caller, step.agent, route, steps, number)
                else:
                    self._ask_first(caller, step.agent, route)
                return
            if step.context is not None:
                self._send_away(caller, step.context)
                return
            if (
                step.wait is not None
                and not self._admission.draining
                and self._waiting.has_place(step.wait, caller.arrival.to)
            ):
                self._wait(caller, agent, route, step.wait, steps[number + 1 :])
                return
            if step.on_ai_failure and not self._admission.draining:
                self._begin(caller, agent, route, Found(), unserved=str(refusal))
                return
            if step.busy:
                break
        else:
            if isinstance(refusal, errors.NoAgent) and caller.config.agents[agent].on_ai_failure:
                self._begin(caller, agent, route, Found(), unserved=str(refusal))
                return
        log.warning("caller refused", call=caller.arrival.call, reason=str(refusal))
        elsewhere = caller.config.asterisk.readiness_app and isinstance(refusal, errors.NoAgent)
        none_here = elsewhere or self._admission.out_of_service()
        self._refuse(caller, "busy", "congestion" if none_here else "busy", str(refusal))

    def _take(self, caller: _Caller, agent: str) -> None:
        """Admits the caller, if nobody waits for this agent already. Raises NotReady and Busy."""
        if self._waiting.anybody_for(agent):
            raise errors.Busy("Others wait for this agent already.")
        self._admission.admit(_slot(caller, agent))

    def _ask_cluster(
        self, caller: _Caller, agent: str, route: Route | None, steps: list[Overflow], number: int
    ) -> None:
        """Whether there is room for the caller in all controllers together."""
        asking = self._claim(caller, agent, route, steps, number)
        task = self._tasks.create_task(asking, name=f"slots {caller.arrival.call}")
        self._asking[caller.leg] = task, _slot(caller, agent)

    async def _claim(
        self, caller: _Caller, agent: str, route: Route | None, steps: list[Overflow], number: int
    ) -> None:
        refusal: errors.Busy | None = None
        try:
            await self._admission.claim(_slot(caller, agent), by_caller=caller.arrival.to != BROWSER)
        except errors.Busy as reason:
            refusal = reason
        finally:
            self._asking.pop(caller.leg, None)
        if self._admission.draining:
            self._admission.release(caller.arrival.call)
            self._refuse(caller, "busy", "congestion", DRAINING)
        elif refusal is None:
            self._or_refused(caller, lambda: self._ask_first(caller, agent, route))
        elif isinstance(refusal, errors.CallerBusy):
            log.warning("caller refused", call=caller.arrival.call, reason=str(refusal))
            self._refuse(caller, "busy", "busy", str(refusal))
        else:
            self._or_refused(caller, lambda: self._try(caller, route, steps, number + 1, refusal))

    def _refuse(self, caller: _Caller, why: Literal["no_route", "busy"], reason: str, detail: str) -> None:
        self._observe(lifecycle.CallerRefused(why, refused_view(caller.arrival, why, detail, datetime.now(UTC))))
        self._tasks.create_task(self._hang_up(caller.leg, reason), name="refuse a caller")

    async def _hang_up(self, channel: str, reason: str) -> None:
        try:
            await self._ari.hangup(channel, reason=reason)
        except AriError as error:
            log.warning("could not hang up a channel", channel=channel, reason=str(error))

    def _send_away(self, caller: _Caller, place: str) -> None:
        self._leaving.add(caller.leg)
        task = self._tasks.create_task(self._sent_away(caller, place), name="send a caller on")
        task.add_done_callback(lambda _: self._leaving.discard(caller.leg))

    async def _sent_away(self, caller: _Caller, place: str) -> None:
        """Sends the caller into the dialplan. It may lead back to us: not more than `transfer.max_hops` times."""
        extension, _, context = place.partition("@")
        origin = await dialplan.marked(self._ari, caller.leg, caller.marked_by)
        if (looped := call_loops.refusal(origin, self._current.config.transfer.max_hops)) is not None:
            log.warning("caller refused", call=caller.arrival.call, reason=looped)
            self._refuse(caller, "busy", "busy", looped)
            return
        log.info("no room: the dialplan goes on", call=caller.arrival.call, context=context)
        self._observe(lifecycle.CallerRefused("busy"))
        try:
            await dialplan.send_on(self._ari, caller.leg, origin, context, extension)
        except AriError as error:
            log.warning("could not send a caller on", channel=caller.leg, reason=str(error))

    def _wait(self, caller: _Caller, agent: str, route: Route | None, line: WaitingLine, then: list[Overflow]) -> None:
        place, fallback = (then[0].context, bool(then[0].on_ai_failure)) if then else (None, False)
        waiting = Waiting(line.max_wait_s, line.announce_s, planner.extension_and_context(place), fallback)
        self._waiting.add(self._begin(caller, agent, route, Found(), waiting))

    # ------------------------------------------------------------ what is to be known beforehand

    def _ask_first(self, caller: _Caller, agent: str, route: Route | None) -> None:
        """The route's look-up comes before the agent's own."""
        asked: Route | Agent = route if route is not None and route.lookup else caller.config.agents[agent]
        if asked.lookup is None:
            self._begin(caller, agent, route, Found())
            return
        looking = self._look_up(caller, agent, route, asked.lookup, asked.lookup_s)
        task = self._tasks.create_task(looking, name=f"look-up {caller.arrival.call}")
        self._asking[caller.leg] = task, _slot(caller, agent)

    async def _look_up(self, caller: _Caller, agent: str, route: Route | None, tool: str, budget: float) -> None:
        """The call begins whatever comes of it."""
        try:
            found = await look_up(caller.config, self._ari, self._tools, caller.arrival, caller.leg, tool, budget)
        finally:
            self._asking.pop(caller.leg, None)
        if self._admission.draining:
            self._refuse(caller, "busy", "congestion", DRAINING)
        else:
            self._or_refused(caller, lambda: self._begin(caller, agent, route, found))

    def _or_refused(self, caller: _Caller, begin: Callable[[], object]) -> None:
        """Refuses the caller if `begin` fails by an internal error."""
        try:
            begin()
        except Exception:  # the top of this caller's own task
            log.exception("caller refused: internal error", call=caller.arrival.call)
            self._refuse(caller, "busy", "congestion", "An internal error.")

    def _begin(
        self,
        caller: _Caller,
        agent: str,
        route: Route | None,
        found: Found,
        waiting: Waiting | None = None,
        unserved: str | None = None,
    ) -> LiveCall:
        template_vars = routing.variables_of(caller.arrival, route, found.variables)
        plan = planner.inbound(
            caller.config,
            caller.arrival,
            agent,
            leg=caller.leg,
            template_vars=template_vars,
            waiting=waiting,
            unserved=unserved,
            overflow=next((step.context for step in route.overflow if step.context), None) if route else None,
            marked_by=caller.marked_by,
            metadata=found.metadata,
        )
        trunk, waits = caller.arrival.trunk, waiting is not None
        log.info(
            "call arrived", call=plan.call, agent=agent, trunk=trunk, channel=caller.leg, waits=waits, unserved=unserved
        )
        self._tasks.create_task(self._watch(caller.leg), name=f"watch {caller.leg}")
        return self._start(plan, caller.config)

    async def _watch(self, leg: str) -> None:
        """Subscribes to the channel, so that its ChannelDestroyed, which has the cause, comes even after it has left
        our app. Asterisk ends the subscription with the channel. The caller may be gone already."""
        try:
            await self._ari.subscribe(f"channel:{leg}")
        except AriError as error:
            log.debug("a leg can't be watched; the cause of its end may stay unknown", channel=leg, reason=str(error))


def _slot(caller: _Caller, agent: str) -> Slot:
    return Slot(
        "inbound", caller.arrival.trunk, agent, caller.arrival.to, caller.arrival.caller, id=caller.arrival.call
    )
