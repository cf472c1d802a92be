"""The task that takes calls from the queue and places them, as fast as there is room.

Owns which calls are on their way, and how each ends in the queue. Call control is asked for each call whether there is
room; a call for which there is none stays in the queue. Several nodes work on one queue: each claims the calls that it
is about to place (`Queue.claim`). Nobody is dialled unless it has been stored before (`QueuedAttempt.before_dial`). The
result of an attempt is written however long the store is away; no call waits for that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from bridge.common.backoff import Backoff
from controller.calls import errors
from controller.calls.errors import UsedUp
from controller.calls.machine.outcome import Outcome
from controller.calls.outbound import retry_policy, views
from controller.calls.outbound.attempt import Dialling, QueuedAttempt
from controller.calls.outbound.batches import Lane, lane_of, next_batch
from controller.calls.outbound.entry import ALL_TRUNKS, INTERRUPTED, REJECTED, Attempt, QueuedCall
from controller.calls.outbound.planner import ring_s
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.trunk_breaker import TrunkBreakers, TrunkSuspended, fault_of
from controller.calls.outbound.waiting import Obstacles
from controller.calls.reporting import lifecycle, view
from controller.config import CurrentConfig
from controller.dialing import numbers
from controller.store.database import StoreError

log = structlog.get_logger()

HEADS = 20
"""Calls of each trunk and agent that are looked at in one round."""
NO_ROOM_SECONDS = 0.5
"""Seconds until the next try when there was no room. When a call of the queue ends, the next try is at once."""
LONGEST_SLEEP, LONGEST_SLEEP_SHARED = 30.0, 2.0
"""Where other nodes use the same store, they queue calls, and nobody wakes us."""
REST_SECONDS = 5.0
"""Seconds without a call after one that failed before it was dialled: the next one would fail, too."""
RESTING = "The last call failed before it was dialed; the next one is placed in a few seconds."
DRAINING = "This node is drained and takes no new calls."
STORE_AWAY_SECONDS = 1.0
FORGET_EVERY = 3600.0
FINISH_SECONDS = 5.0
_NOTHING_OF_THE_TRUNK = (Outcome.FAILED, Outcome.CANCELLED, Outcome.NO_ROOM, INTERRUPTED, REJECTED)
SAVE_AGAIN_SECONDS = (0.2, 1.0, 5.0, 15.0)


def _now() -> datetime:
    return datetime.now(UTC)


class StartCall(Protocol):
    """Call control: begins this call now. `placed` is told how it goes. Raises errors.Busy, numbers.NotAllowed,
    errors.NotReady and errors.UnknownName: then nothing has begun, and `placed` is told nothing."""

    def __call__(self, entry: QueuedCall, placed: "QueuedAttempt", /) -> Awaitable[None]: ...


@dataclass(slots=True)
class _Round:
    """The result of one look at all calls that are due."""

    no_room: bool = False
    placed: int = 0


class Dialer:
    """`run()` until cancelled, then `finish()`: what has ended is written before the store is closed.

    At its start, what an earlier controller was dialling when it stopped is marked as interrupted, never tried again.
    """

    def __init__(
        self, current: CurrentConfig, queue: Queue, place: StartCall, observe: lifecycle.Observe = lifecycle.unobserved
    ) -> None:
        self._observe = observe
        self._current = current
        self.breakers = TrunkBreakers(current.config.trunks)
        current.follow(lambda config: self.breakers.replace(config.trunks))
        self._queue = queue
        self._place = place
        self._under_way: dict[str, QueuedAttempt] = {}
        self._saving: set[asyncio.Task[None]] = set()
        self._dialling = Dialling()
        self._news = asyncio.Event()
        self._forgot: datetime | None = None
        self._began, self._recovered = _now(), False
        self.held: Callable[[], bool] = lambda: False  # whether nobody is to be dialled for now
        self._unreported: dict[str, None] = {}
        """Calls whose latest change has not been observed yet: the store was away."""
        self._store_error_logged = False
        self._full_before: set[Lane] = set()
        """Trunks and agents without room in the latest round."""
        self._rest_until = _now()
        self.obstacles = Obstacles()

    async def go_on(self, call: str) -> QueuedAttempt | None:
        """For a call that an earlier controller was placing, and that is up. None: it did not come from the queue.
        Raises StoreError."""
        entry = await self._queue.go_on(call)
        if entry is None:
            return None
        placed = QueuedAttempt(entry, self._queue, self._over, self._dialling)
        placed.dialled_at = entry.dialled_at or _now()
        self._under_way[call] = placed
        return placed

    def wake(self) -> None:
        """Something has changed: a new call, an end, a pause."""
        self._news.set()

    def tell(self, calls: Iterable[str]) -> None:
        """Observers are to be told how these stand: the node that had to is gone."""
        self._unreported |= dict.fromkeys(calls)
        self.wake()

    def observe(self, what: lifecycle.LifecycleEvent) -> None:
        """Told of every call: a telephone that rings shows that its trunk works."""
        match what:
            case lifecycle.CallRang(call=call) | lifecycle.CallAnswered(call=call) if call in self._under_way:
                placed = self._under_way[call]
                if not placed.got_through:
                    placed.got_through = True
                    self._got_through(placed.trunk, call)

    def _got_through(self, trunk: str, call: str) -> None:
        if self.breakers.got_through(trunk, call):
            log.info("the trunk works again; queued calls are placed over it", trunk=trunk)
            self.wake()

    async def run(self) -> None:
        while True:
            self._news.clear()
            try:
                if not self._recovered:
                    await self._recover()
                for call in list(self._unreported):
                    await self._tell(call)
                if self._store_error_logged:  # a claim may be in the store, and its answer lost
                    await self._queue.release(without=self._under_way)
                wait = await self._round()
                self._store_error_logged = False
            except StoreError as error:
                if not self._store_error_logged:
                    log.error("the queue can't be read; nobody is called until it can", reason=str(error))
                self._store_error_logged = True
                wait = STORE_AWAY_SECONDS
            except Exception:  # the top of this task: live calls go on
                log.exception("dialer: internal error; it tries again in 1 s")
                wait = STORE_AWAY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    async def _recover(self) -> None:
        for call in await self._queue.interrupt(_now(), without=self._under_way):
            log.warning("a call was being dialled when the controller stopped; it is not tried again", call=call)
            self._unreported[call] = None
        self._unreported |= dict.fromkeys(await self._queue.untold(self._began))
        self._recovered = True

    async def close(self) -> None:
        """Before the process ends and calls go on without it: nobody is dialled any more. Calls that are about to be
        dialled stay in the queue; Asterisk's answer is awaited for those that are being dialled."""
        await self._dialling.close()

    async def finish(self) -> None:
        """Waits until all results are written, also those of calls that end meanwhile. Calls that were claimed and not
        dialled wait for any node again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                while self._saving:
                    await asyncio.wait(self._saving)
                with suppress(StoreError):
                    await self._queue.release(without=self._under_way)

    # ------------------------------------------------------------ one round

    async def _round(self) -> float:
        """Places what can be placed. Returns the seconds after which to look again."""
        now = _now()
        for call in await self._queue.expire(now, without=self._under_way):
            log.info("a call has waited too long and is given up", call=call)
            await self._tell(call)
        await self._forget(now)
        paused = await self._queue.pauses()
        found = _Round()
        self.obstacles.draining = DRAINING if self.held() else None
        if now < self._rest_until:
            found.no_room, self.obstacles.not_ready = True, RESTING
        elif self.obstacles.draining:
            found.no_room = True
        elif ALL_TRUNKS not in paused:
            await self._place_due(now, paused, found)
        if found.no_room:
            return NO_ROOM_SECONDS
        if found.placed:
            return 0.0
        moments = await self._queue.next_moment(now), self.breakers.next_moment(now)  # also of those queued meanwhile
        upcoming = min((moment for moment in moments if moment is not None), default=None)
        longest = LONGEST_SLEEP_SHARED if self._queue.shared else LONGEST_SLEEP
        return min(max((upcoming - _now()).total_seconds(), 0.0), longest) if upcoming else longest

    async def _place_due(self, now: datetime, paused: frozenset[str], found: _Round) -> None:
        full: set[Lane] = set()
        heads = await self._queue.heads(now, without=self._under_way, each=HEADS)
        due = [entry for entry in heads if entry.order.trunk not in paused]
        while batch := next_batch(due, self._full_before, full):
            due = [entry for entry in due if entry not in batch]
            claimed = await self._queue.claim(batch, now)
            try:
                for entry in claimed:
                    if lane_of(entry) not in full and not await self._try_claimed(entry, paused, found, full):
                        self._full_before = set(map(lane_of, heads))
                        return
            finally:
                if any(each.id not in self._under_way for each in claimed):
                    await self._queue.release(without=self._under_way)
        self._full_before = full

    async def _try_claimed(self, entry: QueuedCall, paused: frozenset[str], found: _Round, full: set[Lane]) -> bool:
        """False: nothing can be placed at the moment."""
        try:
            found.placed += await self._try(entry, paused)
        except errors.Busy as reason:
            if len(retry_policy.trunks_for(self._current.config, entry)) <= 1:  # the next call may use another trunk
                full.add(lane_of(entry))
            if self.obstacles.met(entry, reason):
                told = {"trunk": entry.order.trunk, "reason": reason.reason}
                log.warning("daily limit of the trunk reached; queued calls wait until midnight", **told)
            found.no_room = found.no_room or not isinstance(reason, UsedUp | TrunkSuspended)
        except errors.NotReady as reason:
            found.no_room, self.obstacles.not_ready = True, str(reason)
            return False
        else:
            self.obstacles.placed(entry)
        return True

    async def _try(self, entry: QueuedCall, paused: frozenset[str]) -> bool:
        """Raises errors.Busy and errors.NotReady: no room."""
        trunk, now = self._current.config.trunks.get(entry.order.trunk), _now()
        if trunk is not None:
            allowed = retry_policy.due(trunk, None, now)
            if allowed > now:  # its hours were over before there was room
                await self._queue.postpone(entry.id, allowed)
                return False
        placed = QueuedAttempt(entry, self._queue, self._over, self._dialling)
        self._under_way[entry.id] = placed
        try:
            await self._place_on(entry, placed, paused, now)
        except (numbers.NotAllowed, errors.UnknownName) as refusal:
            log.warning("a queued call may not be placed any more", call=entry.id, reason=str(refusal))
            self._save(placed, Attempt(now, REJECTED, str(refusal)))
        except (errors.Busy, errors.NotReady):
            del self._under_way[entry.id]
            raise
        except Exception:  # of this call: the others are placed
            log.exception("a queued call could not be begun: internal error", call=entry.id)
            self._save(placed, Attempt(now, Outcome.FAILED, "an internal error; the log has more"))
        return True

    async def _place_on(self, entry: QueuedCall, placed: QueuedAttempt, paused: frozenset[str], now: datetime) -> None:
        """The first of its trunks that has room. Raises as `StartCall` does, for the first trunk."""
        first, *others = retry_policy.trunks_for(self._current.config, entry) or (entry.order.trunk,)
        try:
            await self._place_by(first, entry, placed)
            return
        except errors.Busy as full:
            for name in others:
                if name not in paused and retry_policy.usable(self._current.config.trunks[name], entry, now):
                    with suppress(errors.Busy):
                        await self._place_by(name, entry, placed)
                        log.info("placed over another trunk", call=entry.id, trunk=name, reason=full.reason)
                        return
            raise

    async def _place_by(self, trunk: str, entry: QueuedCall, placed: QueuedAttempt) -> None:
        placed.trunk = trunk
        self.breakers.check(trunk, _now())
        await self._place(replace(entry, order=replace(entry.order, trunk=trunk)), placed)
        if self.breakers.placed(trunk, entry.id):
            log.info("a call tries the trunk that has failed", trunk=trunk, call=entry.id)

    async def _forget(self, now: datetime) -> None:
        if self._forgot is None or now - self._forgot > timedelta(seconds=FORGET_EVERY):
            self._forgot = now
            await self._queue.forget(now - timedelta(days=self._current.config.outbound.keep_days))

    # ------------------------------------------------------------ ends

    def _over(self, placed: QueuedAttempt, call: view.CallView) -> None:
        """The attempt has ended; its result is not written yet."""
        result, detail = call.outcome or Outcome.FAILED.value, call.detail
        if call.ended_by == "shutdown" and call.answered_at is None:
            if not placed.dialled:  # nobody was called: it waits for the next controller
                self._under_way.pop(placed.entry.id, None)
                return
            result, detail = INTERRUPTED, "the controller was stopped before anybody answered"
        if not placed.dialled and result == Outcome.FAILED:
            self._rest_until = _now() + timedelta(seconds=REST_SECONDS)
        attempt = Attempt(placed.began, result, detail, placed.trunk, cause=call.cause, sip_status=call.sip_status)
        self._save(placed, attempt, self._judge(placed, attempt))

    def _judge(self, placed: QueuedAttempt, attempt: Attempt) -> datetime | None:
        """Tells the trunk's circuit breaker how the call ended. Returns the moment from which the call may be placed
        again, if this does not count as an attempt to reach the number."""
        trunk, now = placed.trunk, _now()
        if placed.dialled_at is None or attempt.result in _NOTHING_OF_THE_TRUNK:
            self.breakers.without_answer(trunk, placed.entry.id)
            return None
        timeout = ring_s(placed.entry.order, self._current.config.trunks.get(trunk))
        rang = now - placed.dialled_at
        through = placed.got_through
        fault = fault_of(attempt.result, attempt.sip_status, got_through=through, rang_s=rang, timeout=timeout)
        if fault is None:
            if not through:  # how a conversation ends says nothing of the trunk at this moment
                self._got_through(trunk, placed.entry.id)
            self.breakers.ended(trunk, placed.entry.id)
            return None
        opened, due_at = self.breakers.failed(trunk, placed.entry.id, fault, now)
        if opened:
            told = {"result": attempt.result, "sip_status": attempt.sip_status}
            log.error("a trunk fails again and again; no queued call is placed over it for now", trunk=trunk, **told)
        return due_at

    def _save(self, placed: QueuedAttempt, attempt: Attempt, put_back_at: datetime | None = None) -> None:
        task = asyncio.create_task(self._settle(placed, attempt, put_back_at), name=f"result of {placed.entry.id}")
        self._saving.add(task)
        task.add_done_callback(self._saved)

    def _saved(self, task: asyncio.Task[None]) -> None:
        self._saving.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a call stays as it is in the queue until the next start", task=task.get_name(), exc_info=error)

    async def _settle(self, placed: QueuedAttempt, attempt: Attempt, put_back_at: datetime | None) -> None:
        """Writes the result, however often it takes: the next controller would take a row that is still `dialing` for
        interrupted."""
        call, now = placed.entry.id, _now()
        try:
            due_at = await self._write_down(placed, attempt, put_back_at, now)
        except Exception:  # the top of this task: it costs this call its further attempts, and no other call anything
            log.exception("a call's attempt can't be written down: internal error; the call is ended", call=call)
            due_at, over = None, retry_policy.Final(attempt.result, "an internal error; the log has more")
            await self._until_written(call, lambda: self._queue.end(call, over, now))
        again = due_at.isoformat() if due_at is not None else None
        log.info("attempt written down", call=call, result=attempt.result, tried_again_at=again)
        await self._tell(call)
        self._under_way.pop(call, None)
        self.wake()

    async def _write_down(
        self, placed: QueuedAttempt, attempt: Attempt, put_back_at: datetime | None, now: datetime
    ) -> datetime | None:
        """Returns when it is tried again."""
        entry = placed.entry
        trunk = self._current.config.trunks.get(entry.order.trunk)
        what = retry_policy.after(trunk, entry, attempt, now, dialled=placed.dialled)
        onward = retry_policy.next_trunk(self._current.config, entry, attempt, now)
        if onward is not None and not self.breakers.suspended(onward, now):
            put_back_at = None
            log.warning("a trunk can't be used; the next one is tried", call=entry.id, trunk=attempt.trunk, next=onward)
            attempt, what = replace(attempt, passed_to=onward), retry_policy.RetryAt(now)
        if put_back_at is not None:
            due_at = put_back_at
            await self._until_written(entry.id, lambda: self._queue.put_back(entry.id, due_at))
            return due_at
        await self._until_written(entry.id, lambda: self._queue.settle(entry.id, attempt, what, now))
        return what.due_at if isinstance(what, retry_policy.RetryAt) else None

    async def _until_written(self, call: str, write: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(SAVE_AGAIN_SECONDS)
        while True:
            try:
                await write()
                return
            except StoreError as error:
                log.error("how a call ended can't be written down yet", call=call, reason=str(error))
                await asyncio.sleep(backoff.next_delay())

    async def _tell(self, call: str) -> None:
        """Observers are told what has become of a call; in a later round, if the store is away."""
        try:
            entry = await self._queue.get(call)
        except StoreError as error:
            log.warning("nobody can be told yet what became of a queued call", call=call, reason=str(error))
            self._unreported[call] = None
            return
        self._unreported.pop(call, None)
        news = views.news_of(self._current.config, entry) if entry is not None else None
        if news is not None:
            self._observe(news)
