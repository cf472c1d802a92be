"""What calls cost, and when a call or a day has reached its limit. [pure]

Owns the day's sum over all calls of this node, what other nodes have spent, and the limits `spend_per_call` and
`spend_per_day`, of which the second is of all nodes. US dollars. The day is an argument.
"""

from dataclasses import dataclass
from datetime import date

from bridge.contract import Used
from controller.calls.errors import SpentUp
from controller.calls.machine.outcome import PER_CALL, PER_DAY
from controller.calls.reporting.call_log import CallLog
from controller.config import Limits
from controller.config.prices import Prices


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit was reached: calls have to end."""

    limit: str
    everybody: bool = False
    """True: the day has just reached its limit, and all live calls end. False: the call whose cost was added ends."""


class Spending:
    def __init__(self, limits: Limits, prices: Prices) -> None:
        self._per_call = limits.spend_per_call
        self._day = DailySpend(limits.spend_per_day)
        self._prices = prices
        self._unpriced: set[str] = set()
        self._told: date | None = None
        """The day whose limit all live calls were told of."""

    def replace(self, limits: Limits, prices: Prices) -> None:
        """These hold from now on; what was spent stays."""
        self._per_call = limits.spend_per_call
        self._day.limit = limits.spend_per_day
        self._prices = prices

    def cost_of(self, used: Used) -> float:
        """US dollars, by the price table."""
        return self._prices.of(used)

    def add(self, cost: float, record: CallLog, today: date) -> Reached | None:
        """Adds US dollars to the call's and the day's cost. Returns a limit that is reached and was not told yet: that
        of the day once, that of a call while `record.limit` is None."""
        record.cost += cost
        self._day.add(cost, today)
        if self.spent(today) and self._told != today:
            self._told = today
            return Reached(PER_DAY, everybody=True)
        if record.limit is not None:
            return None
        if self.spent(today):
            return Reached(PER_DAY)
        return Reached(PER_CALL) if self._per_call is not None and record.cost >= self._per_call else None

    def remember(self, dollars: float, today: date) -> None:
        """Takes over what an earlier process has spent."""
        self._day.add(dollars, today)

    def others(self, dollars: float, today: date) -> None:
        """All that other nodes have spent today."""
        self._day.others(dollars, today)

    def dollars(self, today: date) -> float:
        """Of this node."""
        return self._day.own(today)

    def dollars_of_all(self, today: date) -> float:
        """Of all nodes."""
        return self._day.spent(today)

    def elsewhere(self, dollars: float, day: date) -> None:
        """The same, as the cluster tells it (`controller/cluster`): the greater of both counts."""
        self._day.elsewhere = day, dollars

    def spent(self, today: date) -> bool:
        return self._day.over(today)

    def check(self, today: date) -> None:
        """Raises SpentUp."""
        if self.spent(today):
            raise SpentUp("As much as allowed has been spent today (limits.spend_per_day).")

    def news_of_price(self, model: str) -> bool:
        """True once for each model that has no price."""
        news = model not in self._unpriced and not self._prices.known(model)
        self._unpriced.add(model)
        return news


class DailySpend:
    """What all calls of one calendar day have cost. The day is an argument: the asking code reads the clock."""

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self._day: date | None = None
        self._spent = self._others = 0.0
        self.elsewhere: tuple[date | None, float] = None, 0.0

    def add(self, amount: float, today: date) -> None:
        self._turn(today)
        self._spent += amount

    def others(self, amount: float, today: date) -> None:
        self._turn(today)
        self._others = amount

    def own(self, today: date) -> float:
        self._turn(today)
        return self._spent

    def spent(self, today: date) -> float:
        """On all nodes."""
        day, elsewhere = self.elsewhere
        return self.own(today) + max(self._others, elsewhere if day == today else 0.0)

    def over(self, today: date) -> bool:
        return self.limit is not None and self.spent(today) >= self.limit

    def _turn(self, today: date) -> None:
        if today != self._day:
            self._day, self._spent, self._others = today, 0.0, 0.0
