"""Is there room: for a call, and for one more leg of a call that is up. The shell around `capacity`.

Owns the clock, the day's spending and the workers' places among the reasons to say no. What is up is told by whoever
owns the calls, each time anew. Implements `legs.Lines`.
"""

from collections.abc import Callable, Iterable
from datetime import date
from time import monotonic

import structlog

from controller import limits
from controller.call import view
from controller.call.spending import Spending
from controller.capacity import Capacity, Slot
from controller.config import Config
from controller.workers import Workers

log = structlog.get_logger()


def today() -> date:
    """By this machine's clock and time zone: a day of spending is one of its owner's."""
    return date.today()


class Room:
    """`up`: what lives at this moment, legs included."""

    def __init__(self, config: Config, workers: Workers, spending: Spending, up: Callable[[], Iterable[Slot]]) -> None:
        self._workers = workers
        self._spending = spending
        self._up = up
        self._capacity = Capacity(config)
        self.draining = False

    def take(self, wanted: Slot) -> None:
        """For a call that begins now: it counts from here on. Raises NotReady and Busy."""
        if self.draining:
            raise view.NotReady("The controller is going down and takes no new calls.")
        self._spending.check(today())
        if not self._workers.has_room():
            raise limits.Busy("No bridge worker has room for one more call.")
        self._count(wanted)

    def out_of_service(self) -> bool:
        """It is not a matter of a call or two."""
        return self.draining or self._spending.spent(today())

    # ------------------------------------------------------------ legs.Lines

    def dial(self, channel: str, trunk: str, *, own: bool) -> None:
        """Raises Busy."""
        if not own:
            self._count(Slot("leg", trunk, ""))

    def answered(self, channel: str) -> None: ...

    def over(self, channel: str) -> None: ...

    def _count(self, wanted: Slot) -> None:
        self._capacity.check(wanted, self._up(), monotonic())
        self._capacity.began(wanted, monotonic())
