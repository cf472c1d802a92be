"""Is there room for one more call? [pure]

Owns the limits on calls at once and calls in a second, a minute, an hour, in total and per trunk, agent and number
called. The limits of a trunk count every leg over it: calls, and what is dialled for a live call (transfers,
participants, supervisors). Live calls are counted anew for each question, so no counter can get out of step. For the
rates it is remembered when calls began, for as long as a rate needs it. Times are arguments, in seconds.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from controller.calls.errors import Busy
from controller.calls.machine.plan import Plan
from controller.config import CurrentConfig
from controller.dialing import number_spellings

SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Slot:
    """What one call takes up. `leg`: somebody who is dialled for a live call; that counts for its trunk only. `number`
    and `caller`: of an inbound call, the number called and who calls."""

    direction: Literal["inbound", "outbound", "leg"]
    trunk: str | None
    agent: str
    number: str | None = field(default=None, repr=False)
    caller: str = field(default="", repr=False)


class Capacity:
    """`check` before each call, `began` once it does begin. `now` is seconds of a monotonic clock."""

    def __init__(self, current: CurrentConfig) -> None:
        self._current = current
        self._begun: dict[str, deque[float]] = {}

    def check(self, wanted: Slot, live: Iterable[Slot], now: float) -> None:
        """Raises Busy with the name of the limit."""
        up = list(live)
        self._check_trunk(wanted, up)
        if wanted.direction != "leg":
            calls = [each for each in up if each.direction != "leg"]
            self._check_total(calls)
            self._check_agent(wanted, calls)
            self._check_number(wanted, calls)
        for name, most, window in self._rates(wanted):
            begun = self._begun.get(name)
            while begun and begun[0] <= now - window:
                begun.popleft()
            if begun and len(begun) >= most:
                raise Busy(f"Calls may not begin any faster ({name.partition(' of ')[0]}).")

    def began(self, wanted: Slot, now: float) -> None:
        for name, most, _ in self._rates(wanted):
            self._begun_of(name, most).append(now)

    def _begun_of(self, name: str, most: int) -> deque[float]:
        """The moments of the latest `most` beginnings; the limit may have been changed meanwhile."""
        begun = self._begun.get(name)
        if begun is None or begun.maxlen != most:
            begun = self._begun[name] = deque(begun or (), maxlen=most)
        return begun

    def remember(self, dialled: Iterable[tuple[str, float]], now: float) -> None:
        """Takes over the legs that an earlier process has dialled: the trunk, and how many seconds ago."""
        for trunk, ago in sorted(dialled, key=lambda each: -each[1]):
            settings = self._current.config.trunks.get(trunk)
            if settings is not None and settings.calls_per_hour is not None:
                self._begun_of(_hourly(trunk), settings.calls_per_hour).append(now - ago)

    def _check_total(self, up: list[Slot]) -> None:
        most = self._current.config.limits.max_calls
        if most is not None and len(up) >= most:
            raise Busy("As many calls as allowed are up already (limits.max_calls).")

    def _check_trunk(self, wanted: Slot, up: list[Slot]) -> None:
        trunk = self._current.config.trunks.get(wanted.trunk or "")
        if trunk is not None and trunk.max_calls is not None:
            if sum(each.trunk == wanted.trunk for each in up) >= trunk.max_calls:
                raise Busy("As many calls as allowed are up over this trunk already (trunks.<name>.max_calls).")

    def _check_agent(self, wanted: Slot, up: list[Slot]) -> None:
        agent = self._current.config.agents.get(wanted.agent)
        if agent is not None and agent.max_calls is not None:
            if sum(each.agent == wanted.agent for each in up) >= agent.max_calls:
                raise Busy("This agent has as many calls as allowed already (agents.<name>.max_calls).")

    def _of_number(self, limits: Mapping[str, int], wanted: Slot) -> int | None:
        """The limit of this number, however the config spells it. `*` stands for all other numbers."""
        if wanted.direction != "inbound" or wanted.number is None:
            return None
        if wanted.number in limits:
            return limits[wanted.number]
        country = number_spellings.country_of(self._current.config, wanted.trunk)
        same = (most for each, most in limits.items() if number_spellings.normalised(each, country) == wanted.number)
        return next(same, limits.get("*"))

    def _check_number(self, wanted: Slot, up: list[Slot]) -> None:
        most = self._of_number(self._current.config.limits.per_number, wanted)
        if most is not None and sum(each.number == wanted.number for each in up) >= most:
            raise Busy("As many calls as allowed are up for this number already (limits.per_number).")

    def _rates(self, wanted: Slot) -> list[tuple[str, int, float]]:
        """(name, how many, in how many seconds) of each rate that this call counts for."""
        rates: list[tuple[str, int | None, float]] = []
        if wanted.direction != "leg":
            rates += self._rates_of_calls(wanted)
        trunk = self._current.config.trunks.get(wanted.trunk or "")
        if trunk is not None:
            rates.append((f"trunks.{wanted.trunk}.calls_per_second", trunk.calls_per_second, SECOND))
            if wanted.direction != "inbound":
                rates.append((_hourly(wanted.trunk), trunk.calls_per_hour, HOUR))
        return [(name, most, window) for name, most, window in rates if most is not None]

    def _rates_of_calls(self, wanted: Slot) -> list[tuple[str, int | None, float]]:
        shared, agent = self._current.config.limits, self._current.config.agents.get(wanted.agent)
        by_number = self._of_number(shared.per_number_per_minute, wanted)
        return [
            ("limits.calls_per_second", shared.calls_per_second, SECOND),
            (f"agents.{wanted.agent}.calls_per_minute", agent.calls_per_minute if agent else None, MINUTE),
            (f"limits.per_number_per_minute of {wanted.number}" if by_number else "", by_number, MINUTE),
        ]


def _hourly(trunk: str | None) -> str:
    return f"trunks.{trunk}.calls_per_hour"


def slot_of(plan: Plan) -> Slot:
    if plan.unserved is not None:
        return Slot("leg", plan.trunk, "")  # on the trunk, and with no agent
    number = plan.callee if plan.direction == "inbound" else None
    return Slot(plan.direction, plan.trunk, plan.agent.name, number)
