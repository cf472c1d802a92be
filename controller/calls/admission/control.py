"""Call admission control: whether there is room for a call, or for one more leg of a live call.

Owns the clocks around the pure rules (`capacity`, `usage`, `spending`), and the reservation of a worker's place for a
call that has just been admitted. Implements `trunk_usage.TrunkLimits`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from time import monotonic

import structlog

from controller.calls import errors
from controller.calls.admission import limits
from controller.calls.admission.capacity import Capacity, Slot
from controller.calls.admission.spending import Spending
from controller.calls.admission.usage import Usage, Use
from controller.calls.machine.plan import Plan
from controller.cluster.membership import Membership
from controller.config import CurrentConfig
from controller.workers.pool import WorkerPool
from controller.workers.worker_choice import with_room

log = structlog.get_logger()

SECONDS = "seconds"
RESERVED_S = 1.0  # seconds from the admission of a call until it has asked for a worker, or needs none


def today() -> date:
    """By this machine's clock and time zone, in which its owner counts days."""
    return date.today()


class AdmissionControl:
    """`up`: gives the slots of all live calls and legs at this moment. `cluster`: where the limits are those of several
    controllers; None: this one is alone."""

    def __init__(
        self,
        current: CurrentConfig,
        workers: WorkerPool,
        spending: Spending,
        up: Callable[[], Iterable[Slot]],
        cluster: Membership | None = None,
    ) -> None:
        self._current = current
        self._cluster = cluster if cluster is not None and cluster.shared else None
        self._workers = workers
        self._spending = spending
        self._up = up
        self._reserved: dict[str, float] = {}
        """Admitted calls that have no worker yet, and when they were admitted (`time.monotonic`)."""
        self._capacity = Capacity(current)
        self.usage = Usage(current)
        self.news = asyncio.Event()
        """Set when a leg was dialled or is over; `usage_store` clears it."""
        self._ending = self._drained = False

    @property
    def shared(self) -> bool:
        """Whether each `admit` has to be followed by a `claim`."""
        return self._cluster is not None

    @property
    def draining(self) -> bool:
        """No new calls: an operator drains this node, or it is being stopped."""
        return self._ending or self._drained

    @property
    def ending(self) -> bool:
        """It is being stopped."""
        return self._ending

    def admit(self, wanted: Slot, *, waited: bool = False) -> None:
        """Admits a call that begins now; from here on it counts. `waited`: its caller stands in line already, and goes
        on where an operator drains the node. Raises NotReady and Busy."""
        self.check_session(waited=waited)
        self._count(wanted)

    async def claim(self, wanted: Slot, *, by_caller: bool = False) -> None:
        """Asks the cluster for the slots of a call or leg that this controller has room for. `by_caller`: the limits of
        its caller hold. Raises Busy. A controller that is alone is not asked anything."""
        if self._cluster is None:
            return
        full = await self._cluster.take(limits.claim(self._current.config, wanted, by_caller=by_caller))
        if full is not None:
            raise limits.refusal(full.scope, full.why)

    async def claim_leg(self, channel: str, trunk: str | None) -> None:
        """Before a leg is dialled for a live call. Raises Busy."""
        if self._cluster is not None and trunk is not None:
            await self.claim(Slot("leg", trunk, "", id=channel))

    def hold(self, id_: str, scopes: Iterable[str]) -> None:
        """Of a call or leg that lives, whatever the limits."""
        if self._cluster is not None:
            self._cluster.hold(id_, scopes)

    def release(self, id_: str) -> None:
        """Of a call or leg that is over, or does not begin."""
        if self._cluster is not None:
            self._cluster.release(id_)

    def check_session(self, *, waited: bool = False) -> None:
        """Whether a worker could take one more session. Raises NotReady and Busy."""
        if self._ending:
            raise errors.NotReady("The controller is going down and takes no new calls.")
        if self._drained and not waited:
            raise errors.NotReady("This node is drained and takes no new calls.")
        self._spending.check(today())
        if self._full():
            raise errors.NoAgent("No bridge worker has room for one more call.")

    def reserve(self, plan: Plan, *, served: bool = False) -> None:
        """Keeps a worker's place for an admitted call until its session is asked for: the next caller may come before
        that. `served`: the call has waited in line, and it is its turn."""
        if served or (plan.waiting is None and plan.unserved is None):
            self._reserved[plan.call] = monotonic()

    def _full(self) -> bool:
        """Whether admitted calls without a worker will take all places that workers have left."""
        now = monotonic()
        self._reserved = {
            call: at for call, at in self._reserved.items() if now - at < RESERVED_S and self._workers.of(call) is None
        }
        return sum(each.room for each in with_room(self._workers.all())) <= len(self._reserved)

    def workers_returning(self) -> bool:
        """No worker has room at this moment, and one that was lost is on its way back."""
        return not self.draining and self._workers.returning()

    async def wait_returned(self) -> None:
        """Waits until `workers_returning` is false."""
        await self._workers.wait_returned(lambda: self.draining)

    def drain(self) -> None:
        """No new calls from here on: this controller is being stopped."""
        self._ending = True
        self._workers.notify()

    def set_drained(self, drained: bool) -> None:
        """What an operator has asked for: no new calls until it is taken back."""
        if drained != self._drained:
            log.warning("the node takes no new calls" if drained else "the node takes calls again")
        self._drained = drained
        self._workers.notify()

    def capacity(self) -> int:
        """How many calls of this controller the workers that are there can carry."""
        there = [each for each in self._workers.all() if each.socket is not None]
        return sum(len(each.calls) + each.room for each in there)

    def out_of_service(self) -> bool:
        """No call can be taken, however few are up."""
        return self.draining or self._spending.spent(today())

    def accepts(self) -> bool:
        """Whether this controller can take one more call. Limits of the config are not asked: they are for a refusal,
        not for another node."""
        return not self.out_of_service() and not self._full()

    def cap_reached(self, trunk: str) -> str | None:
        """The name of the cap on minutes that this trunk has reached; None: none."""
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
        self.release(channel)

    # ------------------------------------------------------------ what outlives this process

    def remember(self, uses: Iterable[Use], dollars: float, now: datetime) -> None:
        """Takes over what an earlier controller has dialled and spent."""
        known = list(uses)
        self.usage.remember(known)
        self._spending.remember(dollars, today())
        self._capacity.remember([(use.trunk, (now - use.dialled_at).total_seconds()) for use in known], monotonic())

    def others(
        self, day: date, dollars: float, seconds: Mapping[str, float], dialled: Iterable[tuple[str, float]]
    ) -> None:
        """What other nodes have spent and dialled: US dollars and, by trunk, seconds of this day in all; `dialled`: the
        trunk of each leg that is new, and how many seconds ago it was dialled."""
        self._spending.others(dollars, day)
        self.usage.others(day, seconds)
        self._capacity.remember(dialled, monotonic())

    # ------------------------------------------------------------ what all controllers have used up

    def amounts(self, day: date) -> dict[str, float]:
        """What this controller has spent (US dollars) and dialled (seconds), by book: sums that a limit is on."""
        now, trunks = datetime.now(UTC), self._current.config.trunks
        return {
            "dollars": self._spending.dollars(day),
            SECONDS: self.usage.own_seconds(None, day, now),
            **{
                f"{SECONDS}:{name}": self.usage.own_seconds(name, day, now)
                for name, trunk in trunks.items()
                if trunk.minutes_per_day is not None
            },
        }

    def elsewhere(self, day: date, amounts: Mapping[str, float]) -> None:
        """The same of all other controllers together."""
        self._spending.elsewhere(amounts.get("dollars", 0.0), day)
        dialled = {book.partition(":")[2]: seconds for book, seconds in amounts.items() if book.startswith(SECONDS)}
        self.usage.elsewhere(day, dialled)

    def dollars(self, day: date) -> float:
        """US dollars that this node has spent."""
        return self._spending.dollars(day)

    def spent_today(self) -> float:
        """US dollars that all nodes have spent."""
        return self._spending.dollars_of_all(today())

    def _count(self, wanted: Slot) -> None:
        if wanted.direction != "inbound" and wanted.trunk is not None:
            self.usage.check(wanted.trunk, today(), datetime.now(UTC))
        if self._cluster is not None:
            return  # `claim` decides
        self._capacity.check(wanted, self._up(), monotonic())
        self._capacity.began(wanted, monotonic())
