"""Is there room for one more call on a controller that is alone? [pure]

Owns the limits (`limits`) on calls at once and calls in a second, a minute, an hour. Live calls are counted anew for
each question, so no counter can get out of step. For the rates it is remembered when calls began, for as long as a rate
needs it. Times are arguments, in seconds. What several controllers share is counted in `controller/cluster`.
"""

from collections import deque
from collections.abc import Iterable

from controller.calls.admission import limits
from controller.calls.admission.limits import Slot, slot_of
from controller.calls.errors import TooFast, TooMany
from controller.config import CurrentConfig

__all__ = ["Capacity", "Slot", "slot_of"]


class Capacity:
    """`check` before each call, `began` once it does begin. `now` is seconds of a monotonic clock."""

    def __init__(self, current: CurrentConfig) -> None:
        self._current = current
        self._begun: dict[str, deque[float]] = {}

    def check(self, wanted: Slot, live: Iterable[Slot], now: float) -> None:
        """Raises Busy with the name of the limit."""
        up = list(live)
        for limit in limits.slots(self._current.config, wanted):
            if limit.most is not None and sum(_counts(limit.scope, wanted, each) for each in up) >= limit.most:
                raise TooMany(limit.why)
        for rate in limits.rates(self._current.config, wanted):
            begun = self._begun.get(rate.scope)
            while begun and begun[0] <= now - rate.window_s:
                begun.popleft()
            if begun and len(begun) >= rate.most:
                raise TooFast(rate.why)

    def began(self, wanted: Slot, now: float) -> None:
        for rate in limits.rates(self._current.config, wanted):
            self._begun_of(rate.scope, rate.most).append(now)

    def _begun_of(self, scope: str, most: int) -> deque[float]:
        """The moments of the latest `most` beginnings; the limit may have been changed meanwhile."""
        begun = self._begun.get(scope)
        if begun is None or begun.maxlen != most:
            begun = self._begun[scope] = deque(begun or (), maxlen=most)
        return begun

    def remember(self, dialled: Iterable[tuple[str, float]], now: float) -> None:
        """Takes over the legs that an earlier process has dialled: the trunk, and how many seconds ago."""
        for trunk, ago in sorted(dialled, key=lambda each: -each[1]):
            settings = self._current.config.trunks.get(trunk)
            if settings is not None and settings.calls_per_hour is not None:
                self._begun_of(limits.hourly(trunk), settings.calls_per_hour).append(now - ago)


def _counts(scope: str, wanted: Slot, each: Slot) -> bool:
    """Whether a live call or leg is in this scope of the one that is wanted."""
    kind = scope.partition(":")[0]
    if kind == "trunk":
        return each.trunk == wanted.trunk
    if each.direction == "leg":
        return False
    return kind == "total" or (each.agent == wanted.agent if kind == "agent" else each.number == wanted.number)
