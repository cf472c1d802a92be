"""What has been dialled over trunks: how many legs in the last hour, how many minutes today. [pure]

Owns the caps that must outlive this process: `usage_store` writes what is here into the store and reads it at the
start. A leg counts for the hour in which it is dialled, and from its answer for the minutes of the day on which it was
dialled. What becomes of legs that are up when a cap is reached is in `machine/rows/daily_caps.py`. Moments and days are
arguments.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from controller.calls.errors import UsedUp
from controller.config import CurrentConfig

MINUTE = 60.0


@dataclass(slots=True)
class Use:
    """One leg that we dialled. `day`: on which it was dialled, local time; `seconds`: since its answer, so far or in
    all."""

    id: str
    trunk: str
    day: date
    dialled_at: datetime
    seconds: float = 0.0


class Usage:
    """Only what a cap of the config needs is kept."""

    def __init__(self, current: CurrentConfig) -> None:
        self._current = current
        self._over: dict[tuple[date, str], float] = {}
        """Seconds of legs that are over."""
        self._up: dict[str, Use] = {}
        """By channel."""
        self._of_others: dict[tuple[date, str], float] = {}
        """Seconds of the legs of other nodes."""
        self._since: dict[str, datetime] = {}
        """The times of answer, by channel; without the legs that were not answered."""
        self._unwritten: dict[str, Use] = {}
        self._elsewhere: tuple[date | None, Mapping[str, float]] = None, {}
        """Seconds dialled by other controllers on a day, by trunk; "": over all trunks."""

    # ------------------------------------------------------------ caps

    def check(self, trunk: str, day: date, now: datetime) -> None:
        """Raises UsedUp with the name of the cap."""
        match self.cap_reached(trunk, day, now):
            case "limits.minutes_per_day":
                raise UsedUp("As many minutes as allowed were dialled today (limits.minutes_per_day).")
            case str(cap):
                raise UsedUp(f"As many minutes as allowed were dialled over this trunk today ({cap}).")

    def cap_reached(self, trunk: str, day: date, now: datetime) -> str | None:
        """The name of the cap."""
        most = self._current.config.limits.minutes_per_day
        if most is not None and self.seconds(None, day, now) >= most * MINUTE:
            return "limits.minutes_per_day"
        settings = self._current.config.trunks.get(trunk)
        most = settings.minutes_per_day if settings else None
        if most is not None and self.seconds(trunk, day, now) >= most * MINUTE:
            return "trunks.<name>.minutes_per_day"
        return None

    def seconds(self, trunk: str | None, day: date, now: datetime) -> float:
        """The seconds of a day over one trunk, on all nodes. `trunk` None: over all trunks."""
        stored = sum(
            seconds for (then, name), seconds in self._of_others.items() if then == day and trunk in (None, name)
        )
        known, elsewhere = self._elsewhere
        told = elsewhere.get(trunk or "", 0.0) if known == day else 0.0
        return self.own_seconds(trunk, day, now) + max(stored, told)

    def own_seconds(self, trunk: str | None, day: date, now: datetime) -> float:
        """Of this node."""
        over = sum(seconds for (then, name), seconds in self._over.items() if then == day and trunk in (None, name))
        up = [(name, use) for name, use in self._up.items() if use.day == day and trunk in (None, use.trunk)]
        return over + sum(self._length(name, use, now) for name, use in up)

    # ------------------------------------------------------------ what happens

    def dialled(self, channel: str, trunk: str, day: date, now: datetime) -> None:
        if self._counts(trunk):
            use = self._up[channel] = Use(f"{channel} {now.isoformat()}", trunk, day, now)
            self._unwritten[use.id] = use

    def answered(self, channel: str, now: datetime) -> None:
        if channel in self._up:
            self._since.setdefault(channel, now)

    def over(self, channel: str, now: datetime) -> None:
        use = self._up.get(channel)
        if use is None:
            return
        use.seconds = self._length(channel, use, now)
        del self._up[channel]
        self._since.pop(channel, None)
        self._unwritten[use.id] = use
        self._add(use)

    def _length(self, channel: str, use: Use, now: datetime) -> float:
        since = self._since.get(channel)
        return max(use.seconds, (now - since).total_seconds()) if since else use.seconds

    def _add(self, use: Use) -> None:
        for day, trunk in [each for each in self._over if each[0] < use.day]:
            del self._over[day, trunk]
        self._over[use.day, use.trunk] = self._over.get((use.day, use.trunk), 0.0) + use.seconds

    def _counts(self, trunk: str) -> bool:
        settings = self._current.config.trunks.get(trunk)
        caps = (settings.minutes_per_day, settings.calls_per_hour) if settings else ()
        return any(cap is not None for cap in (self._current.config.limits.minutes_per_day, *caps))

    # ------------------------------------------------------------ the store

    def remember(self, uses: Iterable[Use]) -> None:
        """Takes over what an earlier process wrote down."""
        for use in sorted(uses, key=lambda each: each.day):
            self._add(use)

    def others(self, day: date, seconds: Mapping[str, float]) -> None:
        """All that other nodes have dialled on this day, by trunk."""
        self._of_others = {(day, trunk): each for trunk, each in seconds.items()}

    def elsewhere(self, day: date, seconds: Mapping[str, float]) -> None:
        """The same, as the cluster tells it (`controller/cluster`); "": over all trunks. The greater of both counts."""
        self._elsewhere = day, seconds

    def unwritten(self, now: datetime) -> list[Use]:
        """Legs that have changed since they were last `written`, and those that are up."""
        for channel in self._since:
            use = self._up[channel]
            use.seconds = self._length(channel, use, now)
            self._unwritten[use.id] = use
        return [replace(each) for each in self._unwritten.values()]

    def written(self, uses: Iterable[Use]) -> None:
        for each in uses:
            if self._unwritten.get(each.id) == each:
                del self._unwritten[each.id]
