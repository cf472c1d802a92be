"""A circuit breaker for each trunk: whether it may be dialled, or pauses because it has failed again and again. [pure]

Owns the count of faults in a row, the pause and its growth, and the one call that tries the trunk after a pause. Knows
nothing of the queue: the dialer asks before each call, and tells how each went.

    closed      calls are placed; `faults` in a row open it
    open        no call is placed until the pause is over
    half open   one call is placed: if it gets through, the breaker closes; if not, the pause is twice as long
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controller.calls.errors import Busy
from controller.calls.machine.outcome import Outcome
from controller.config import Trunk
from controller.config.models.trunks import CircuitBreaker

FAULTS = (Outcome.CONGESTION, Outcome.TRUNK_FAULT)
_OTHERS_AFTER = timedelta(seconds=1)
_TIMER_SLACK = timedelta(seconds=1)


class TrunkSuspended(Busy):
    """The trunk has failed again and again; nobody is called over it for a while."""

    kind = "trunk_suspended"


@dataclass(frozen=True, slots=True)
class SuspendedTrunk:
    """For people. `probing`: the pause is over, and one call tries the trunk."""

    trunk: str
    since: datetime
    faults: int
    next_probe_at: datetime
    probing: bool
    outcome: str
    """Of the latest fault."""
    sip_status: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A call that the trunk could not carry."""

    outcome: str
    sip_status: int | None


def fault_of(
    outcome: str, sip_status: int | None, *, got_through: bool, rang_s: timedelta, timeout: float
) -> Fault | None:
    """None: the trunk has done its part. A trunk that says nothing until our own ring time is over has failed, and so
    has one that answers 408: no telephone has rung, and no reason was given."""
    if outcome in FAULTS:
        return Fault(outcome, sip_status)
    if outcome != Outcome.NO_ANSWER or got_through:
        return None
    silent = rang_s + _TIMER_SLACK >= timedelta(seconds=timeout)
    return Fault(outcome, sip_status) if sip_status == 408 or silent else None


@dataclass(slots=True)
class _Breaker:
    settings: CircuitBreaker
    faults: int = 0
    """In a row."""
    pauses: int = 0
    since: datetime | None = None
    """None: closed."""
    until: datetime | None = None
    probe: str | None = None
    last: Fault | None = None
    rang: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of calls whose ringing closed it: the faults and pauses until then."""

    def open(self, now: datetime) -> datetime:
        wait = min(self.settings.pause_s * 2.0 ** min(self.pauses, 32), self.settings.longest_pause_s)
        self.pauses += 1
        self.since, self.probe = self.since or now, None
        self.until = now + timedelta(seconds=wait)
        return self.until

    def close(self) -> bool:
        """True: it was open."""
        was = self.since is not None
        self.faults = self.pauses = 0
        self.since = self.until = self.probe = self.last = None
        return was


class TrunkBreakers:
    """The breakers of all trunks that have one (`trunks.*.circuit_breaker`)."""

    def __init__(self, trunks: Mapping[str, Trunk]) -> None:
        self._breakers: dict[str, _Breaker] = {}
        self.replace(trunks)

    def replace(self, trunks: Mapping[str, Trunk]) -> None:
        """These trunks, with their settings, from now on. What is known of a trunk stays."""
        wanted = {name: it.circuit_breaker for name, it in trunks.items() if it.circuit_breaker}
        known = self._breakers
        self._breakers = {name: known.get(name, _Breaker(settings)) for name, settings in wanted.items()}
        for name, settings in wanted.items():
            self._breakers[name].settings = settings

    def check(self, trunk: str, now: datetime) -> None:
        """Raises TrunkSuspended: no call may be placed over it now."""
        if self.suspended(trunk, now):
            raise TrunkSuspended("The trunk has failed again and again; it is tried again in a while.")

    def suspended(self, trunk: str, now: datetime) -> bool:
        it = self._breakers.get(trunk)
        return it is not None and it.until is not None and (now < it.until or it.probe is not None)

    def placed(self, trunk: str, call: str) -> bool:
        """A call is on its way. True: it is the one that tries the trunk."""
        it = self._breakers.get(trunk)
        if it is None or it.until is None:
            return False
        it.probe = call
        return True

    def got_through(self, trunk: str, call: str) -> bool:
        """A telephone rings, there is early media, or the network has given an answer of its own. True: the trunk was
        suspended until now."""
        it = self._breakers.get(trunk)
        if it is None:
            return False
        if it.faults:
            it.rang[call] = it.faults, it.pauses
        return it.close()

    def ended(self, trunk: str, call: str) -> None:
        """The trunk was not at fault in it."""
        if (it := self._breakers.get(trunk)) is not None:
            it.rang.pop(call, None)

    def without_answer(self, trunk: str, call: str) -> None:
        """The call ended before the trunk gave any answer: another call has to try it."""
        it = self._breakers.get(trunk)
        if it is not None and it.probe == call:
            it.probe = None
        self.ended(trunk, call)

    def failed(self, trunk: str, call: str, fault: Fault, now: datetime) -> tuple[bool, datetime | None]:
        """Returns whether the trunk is suspended (again), and the moment from which this call may be placed again
        without counting as an attempt; None: the fault counts as an attempt."""
        it = self._breakers.get(trunk)
        if it is None:
            return False, None
        faults, pauses = it.rang.pop(call, (0, 0))  # it rang, or there was early media, and the trunk failed after all
        it.faults, it.pauses, it.last = max(it.faults, faults) + 1, max(it.pauses, pauses), fault
        opened = it.probe == call or (it.until is None and it.faults >= it.settings.faults)
        until = it.open(now) if opened else it.until
        # Later than the others: the next call that tries the trunk is to be another one.
        return opened, max(until, now) + _OTHERS_AFTER if until is not None else None

    def reset(self, trunk: str | None) -> None:
        """None: all of them. Calls are placed at once."""
        for name, it in self._breakers.items():
            if trunk in (None, name):
                it.close()

    def next_moment(self, now: datetime) -> datetime | None:
        """The end of the next pause after `now`."""
        ends = (it.until for it in self._breakers.values() if it.until is not None and it.until > now)
        return min(ends, default=None)

    def all_suspended(self, now: datetime) -> list[SuspendedTrunk]:
        return [
            SuspendedTrunk(
                *(name, it.since, it.faults, it.until, now >= it.until),
                *(it.last.outcome if it.last else "", it.last.sip_status if it.last else None),
            )
            for name, it in self._breakers.items()
            if it.since is not None and it.until is not None
        ]
