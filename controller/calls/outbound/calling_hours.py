"""When people may be called: windows of local time where they live. [pure]"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from controller.config.models.trunks import CallingHours

_LOOK_AHEAD = (
    16  # days: two weeks, as the change to summer time can remove the next week's window, and one for time zones
)


def first_allowed(hours: CallingHours | None, wanted: datetime) -> datetime:
    """`wanted` itself if it is within a window, otherwise the next moment at which one opens. UTC."""
    if hours is None:
        return wanted.astimezone(UTC)
    wanted = wanted.astimezone(UTC)
    begin = wanted.astimezone(hours.time_zone).date() - timedelta(days=1)
    spans = [span for number in range(_LOOK_AHEAD) for span in _spans(hours, begin + timedelta(days=number))]
    if any(opens <= wanted < closes for opens, closes in spans):
        return wanted
    return min(opens for opens, _ in spans if opens > wanted)


def _spans(hours: CallingHours, day: date) -> Iterator[tuple[datetime, datetime]]:
    for window in hours.windows:
        if day.weekday() in window.days:
            until = (day, window.closes) if window.closes else (day + timedelta(days=1), time())
            opens, closes = _moment(hours, day, window.opens), _moment(hours, *until)
            if opens < closes:  # a window may vanish in the hour that summer time leaves out
                yield opens, closes


def _moment(hours: CallingHours, day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=hours.time_zone).astimezone(UTC)
