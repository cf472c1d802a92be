"""What the API may ask of the queue: calls are placed, shown, cancelled, and the queue is paused.

Owns the checks of a request (number, allow-list, trunk, agent, caller id, moments), and the view of a call that is not
live: it waits, or has ended. Methods raise `errors.CallRefused`, `numbers.NotAllowed` and `errors.Busy`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import structlog

from controller.calls import errors
from controller.calls.metadata import Metadata, merged
from controller.calls.outbound import retry_policy, views
from controller.calls.outbound.entry import ALL_TRUNKS, CANCELLED, CallOrder, QueuedCall, QueueFilter, Status
from controller.calls.outbound.queue import Queue, QueueFull
from controller.calls.outbound.trunk_breaker import SuspendedTrunk, TrunkBreakers
from controller.calls.outbound.waiting import Obstacles, Situation, reason
from controller.calls.planning import planner
from controller.calls.reporting import lifecycle, view
from controller.calls.reporting.lifecycle import Observe
from controller.config import CurrentConfig, Trunk
from controller.dialing import numbers

log = structlog.get_logger()

LONGEST_WAIT = timedelta(days=366)


class CallRequest(Protocol):
    """What somebody asks for, as they wrote it (the body of `POST /v1/calls`)."""

    @property
    def to(self) -> str: ...
    @property
    def trunk(self) -> str | None:
        """None: the first one of the config."""

    @property
    def agent(self) -> str | None:
        """None: the first one of the config."""

    @property
    def caller_id(self) -> str | None: ...
    @property
    def variables(self) -> Mapping[str, str]: ...
    @property
    def metadata(self) -> Metadata: ...
    @property
    def timeout(self) -> float | None:
        """Seconds that it may ring."""

    @property
    def answer_detection(self) -> bool: ...
    @property
    def webhook(self) -> str | None: ...
    @property
    def priority(self) -> int: ...
    @property
    def not_before(self) -> datetime | None: ...
    @property
    def expires(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """The queue as a whole. `paused`: trunks over which nobody is called, ALL_TRUNKS for all of them. `suspended`:
    those that fail again and again."""

    counts: Mapping[Status, int]
    paused: frozenset[str]
    suspended: tuple[SuspendedTrunk, ...] = ()


class OutboundCalls:
    """`wake` wakes the dialer; `observe` is told of calls that wait, or do not wait any more; `obstacles`: what the
    dialer meets."""

    def __init__(
        self,
        current: CurrentConfig,
        queue: Queue,
        wake: Callable[[], None],
        observe: Observe = lifecycle.unobserved,
        breakers: TrunkBreakers | None = None,
        obstacles: Obstacles | None = None,
        *,
        check_webhook: Callable[[str], None],
    ) -> None:
        self._breakers = breakers or TrunkBreakers({})
        self._obstacles = obstacles or Obstacles()
        self._observe = observe
        self._check_webhook = check_webhook
        self._current = current
        self._queue = queue
        self._wake = wake

    async def place(self, asked: CallRequest, *, by: str, call: str | None = None) -> view.CallView:
        """Queued durably; dialled as soon as there is room. `call`: its id; one that is there already is not placed
        again. Raises UnknownName, NotAllowed, Busy, WrongMoment, WrongWebhook."""
        if call is not None and (known := await self._queue.get(call)) is not None:
            self._wake()
            return self.view_of(known)
        call, now = call or str(uuid4()), datetime.now(UTC)
        order = self._checked(asked, by)
        due, expires = self._moments(asked, self._current.config.trunks[order.trunk], now)
        most = self._current.config.outbound.max_waiting
        try:
            entry = await self._queue.add(call, order, now=now, due_at=due, expires_at=expires, most=most)
        except QueueFull:
            raise errors.Busy("As many calls as may wait do so already (outbound.max_waiting).") from None
        waits_s = round((due - now).total_seconds())
        log.info("call queued", call=call, agent=order.agent, trunk=order.trunk, by=by, waits_s=waits_s)
        news = views.news_of(self._current.config, entry)
        assert news is not None, "a new one waits"
        self._observe(news)
        self._wake()
        return self.view_of(entry)

    def _checked(self, asked: CallRequest, by: str) -> CallOrder:
        """Raises UnknownName, NotAllowed, WrongWebhook."""
        name = planner.trunk_named(self._current.config, asked.trunk)
        trunk, agent = self._current.config.trunks[name], planner.agent_named(self._current.config, asked.agent)
        callee = numbers.check_number(trunk, asked.to)
        numbers.dial_string(trunk, callee)
        shown = numbers.check_caller_id(trunk, asked.caller_id) if asked.caller_id else None
        if asked.webhook is not None:
            self._check_webhook(asked.webhook)
        return CallOrder(
            callee=callee,
            trunk=name,
            agent=agent,
            asked_by=by,
            caller_id=shown,
            variables=dict(asked.variables),
            timeout=asked.timeout,
            answer_detection=asked.answer_detection,
            webhook=asked.webhook,
            priority=asked.priority,
            metadata=dict(asked.metadata),
        )

    def _moments(self, asked: CallRequest, trunk: Trunk, now: datetime) -> tuple[datetime, datetime]:
        """The times at which the call is due and expires. Raises WrongMoment."""
        latest, not_before = now + LONGEST_WAIT, asked.not_before
        if not_before is not None and not_before > latest:  # beyond it calling hours can't be counted
            raise errors.WrongMoment(_MOMENT)
        expire_after = timedelta(seconds=self._current.config.outbound.expire_after_s)
        expires = asked.expires or max(now, not_before or now) + expire_after
        due = retry_policy.due(trunk, not_before, now)
        if expires <= max(now, due) or expires > latest:
            raise errors.WrongMoment(_MOMENT)
        return due, expires

    async def find(self, call: str) -> view.CallView:
        """As the queue knows it. Raises UnknownCall."""
        entry = await self._queue.get(call)
        if entry is None:
            raise errors.UnknownCall("No live or recent call has this id.")
        (shown,) = await self._waiting([entry])
        place = await self._queue.place(entry, datetime.now(UTC))
        return replace(shown, queue=replace(shown.queue, place=place)) if shown.queue and place else shown

    async def _waiting(self, entries: Sequence[QueuedCall]) -> list[view.CallView]:
        """With why they wait."""
        paused, now = await self._queue.pauses(), datetime.now(UTC)
        at = Situation(now, paused, self._breakers.all_suspended(now), self._obstacles)
        trunks, found = self._current.config.trunks, []
        for entry in entries:
            shown = self.view_of(entry)
            why = reason(entry, trunks.get(entry.order.trunk), at)
            found.append(replace(shown, queue=replace(shown.queue, waiting=why)) if shown.queue and why else shown)
        return found

    async def cancel(self, call: str, *, by: str) -> view.CallView:
        """A call that waits. Raises UnknownCall, WrongState."""
        if await self._queue.cancel(call, by, datetime.now(UTC)):
            log.info("queued call cancelled", call=call, by=by)
            await self._tell(call)
            return await self.find(call)
        found = await self.find(call)
        raise errors.WrongState("The call has ended." if found.ended_at else "The call does not wait any more.")

    async def set_metadata(self, call: str, changes: Mapping[str, str | None], *, by: str) -> view.CallView | None:
        """Of a call that waits or is being dialled; None: the queue has no such call. Raises WrongState, and TooMuch
        (`calls.metadata`)."""
        entry = await self._queue.set_metadata(call, lambda before: merged(before, changes))
        if entry is None:
            return None
        if entry.status is Status.ENDED:
            raise errors.WrongState("The call has ended.")
        log.info("metadata of a queued call changed", call=call, by=by)
        return self.view_of(entry)

    async def cancel_all(self, wanted: QueueFilter, *, by: str, expected: int | None) -> int:
        """All calls that wait and fit; returns how many. Raises queue.WrongCount if they are not as many as
        `expected`: then none is cancelled."""
        now = datetime.now(UTC)
        waited = await self._queue.cancel_all(wanted, by, now, expected=expected)
        log.info("queued calls cancelled", calls=len(waited), by=by)
        for entry in waited:  # thousands, perhaps: none is read again
            self._tell_of(replace(entry, status=Status.ENDED, ended_at=now, result=CANCELLED, detail=f"by {by}"))
        return len(waited)

    async def count(self, wanted: QueueFilter) -> int:
        return await self._queue.count(wanted)

    async def page(self, wanted: QueueFilter, *, before: int | None, limit: int) -> list[view.CallView]:
        """Newest first, with why each waits."""
        return await self._waiting(await self._queue.page(wanted, before=before, limit=limit))

    async def summary(self) -> Summary:
        suspended = tuple(self._breakers.all_suspended(datetime.now(UTC)))
        return Summary(await self._queue.counts(), await self._queue.pauses(), suspended)

    async def pause(self, trunk: str | None, *, by: str) -> Summary:
        """Nobody is called any more; calls under way go on. None: over no trunk. Raises UnknownName."""
        await self._queue.pause(self._trunk(trunk), by, datetime.now(UTC))
        log.warning("queue paused", trunk=trunk, by=by)
        return await self.summary()

    async def resume(self, trunk: str | None, *, by: str) -> Summary:
        """None: over all trunks. Raises UnknownName."""
        await self._queue.resume(self._trunk(trunk))
        self._breakers.reset(trunk)
        log.info("queue resumed", trunk=trunk, by=by)
        self._wake()
        return await self.summary()

    def _trunk(self, trunk: str | None) -> str:
        return ALL_TRUNKS if trunk is None else planner.trunk_named(self._current.config, trunk)

    # ------------------------------------------------------------ pictures

    def view_of(self, entry: QueuedCall) -> view.CallView:
        """A call that is not live (or not yet, or not any more)."""
        return views.view_of(self._current.config, entry)

    async def _tell(self, call: str) -> None:
        """Observers are told what has become of a call that waited."""
        if (entry := await self._queue.get(call)) is not None:
            self._tell_of(entry)

    def _tell_of(self, entry: QueuedCall) -> None:
        if (news := views.news_of(self._current.config, entry)) is not None:
            self._observe(news)

    async def with_queue(self, call: view.CallView) -> view.CallView:
        """A live call, or one that ended a moment ago, together with what the queue knows of it.

        One that waits for its next attempt is shown waiting.
        """
        entry = await self._queue.get(call.id) if call.direction == "outbound" else None
        if entry is None:
            return call
        if call.ended_at is not None and entry.status is Status.QUEUED:
            return (await self._waiting([entry]))[0]
        return replace(call, queue=views.queue_view(entry))


_MOMENT = (
    "The call would expire before it could be placed, or wait for longer than a year. Mind `not_before`, `expires` and "
    "the trunk's calling hours."
)
