"""Is there room: for a call, and for one more leg of a call that is up. The shell around `capacity`.

Owns the clocks, the day's spending, what was dialled and the workers' places among the reasons to say no. What is up is
told by whoever owns the calls, each time anew. Implements `legs.Lines`.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from time import monotonic

import structlog

from controller.calls import errors
from controller.calls.admission.capacity import Capacity, Slot
from controller.calls.admission.spending import Spending
from controller.calls.admission.usage import Usage, Use
from controller.calls.machine.plan import Plan
from controller.config import Config
from controller.workers.pool import WorkerPool
from controller.workers.worker_choice import with_room

log = structlog.get_logger()

RESERVED_S = 1.0  # seconds from the admission of a call until it has asked for a worker, or needs none


def today() -> date:
    """By this machine's clock and time zone: a day of spending is one of its owner's."""
    return date.today()


class AdmissionControl:
    """`up`: what lives at this moment, legs included."""

    def __init__(
        self, config: Config, workers: WorkerPool, spending: Spending, up: Callable[[], Iterable[Slot]]
    ) -> None:
        self._workers = workers
        self._spending = spending
        self._up = up
        self._reserved: dict[str, float] = {}
        """Calls that were let in, and when; until they have a worker."""
        self._capacity = Capacity(config)
        self.usage = Usage(config)
        self.news = asyncio.Event()
        """Something was dialled, or is over. Whoever waits clears it."""
        self.draining = False

    def admit(self, wanted: Slot) -> None:
        """For a call that begins now: it counts from here on. Raises NotReady and Busy."""
        if self.draining:
            raise errors.NotReady("The controller is going down and takes no new calls.")
        self._spending.check(today())
        if self._full():
            raise errors.NoAgent("No bridge worker has room for one more call.")
        self._count(wanted)

    def reserve(self, plan: Plan, *, served: bool = False) -> None:
        """A worker's place is the call's from here on, though its session is asked for a moment later: the next caller
        may come before that. `served`: it waited, and has its turn."""
        if served or (plan.waiting is None and plan.unserved is None):
            self._reserved[plan.call] = monotonic()

    def _full(self) -> bool:
        """Whether there is no place, or those that were let in and have no worker yet will take every one."""
        now = monotonic()
        self._reserved = {
            call: at for call, at in self._reserved.items() if now - at < RESERVED_S and self._workers.of(call) is None
        }
        return sum(each.capacity - len(each.calls) for each in with_room(self._workers.all())) <= len(self._reserved)

    def workers_returning(self) -> bool:
        """No worker has room at this moment, and one that was lost is on its way back."""
        return not self.draining and self._workers.returning()

    async def wait_returned(self) -> None:
        """Until that is so no more."""
        await self._workers.wait_returned(lambda: self.draining)

    def drain(self) -> None:
        """No new calls from here on."""
        self.draining = True
        self._workers.notify()

    def out_of_service(self) -> bool:
        """It is not a matter of a call or two."""
        return self.draining or self._spending.spent(today())

    def cap_reached(self, trunk: str) -> str | None:
        """The cap on minutes that legs over this trunk have reached by now."""
        return self.usage.cap_reached(trunk, today(), datetime.now(UTC))

    # ------------------------------------------------------------ legs.Lines

    def dial(self, channel: str, trunk: str, *, own: bool) -> None:
        """Raises Busy."""
        if not own:
            self._count(Slot("leg", trunk, ""))
        self.usage.dialled(channel, trunk, today(), datetime.now(UTC))
        self.news.set()

    def answered(self, channel: str) -> None:
        self.usage.answered(channel, datetime.now(UTC))

    def over(self, channel: str) -> None:
        self.usage.over(channel, datetime.now(UTC))
        self.news.set()

    # ------------------------------------------------------------ what outlives this process

    def remember(self, uses: Iterable[Use], dollars: float, now: datetime) -> None:
        """What an earlier controller has dialled and spent."""
        known = list(uses)
        self.usage.remember(known)
        self._spending.remember(dollars, today())
        self._capacity.remember([(use.trunk, (now - use.dialled_at).total_seconds()) for use in known], monotonic())

    def dollars(self, day: date) -> float:
        return self._spending.dollars(day)

    def _count(self, wanted: Slot) -> None:
        if wanted.direction != "inbound" and wanted.trunk is not None:
            self.usage.check(wanted.trunk, today(), datetime.now(UTC))
        self._capacity.check(wanted, self._up(), monotonic())
        self._capacity.began(wanted, monotonic())
