"""The resource of statistics: figures of ended calls in a period. In a cluster these are the calls of all nodes."""

from datetime import UTC, date, datetime, timedelta

from controller.api.models.statistics import (
    FiguresAnswer,
    StatisticsAnswer,
    StatisticsGroup,
    StatisticsQuery,
    figures_of,
)
from controller.api.operation import ApiRequest, Operation
from controller.api.problems import Problem, malformed
from controller.api.resources.history import LATER
from controller.events.records.figures import CallFigures
from controller.events.records.history import History, RecordFilter, TooManySearches
from controller.events.records.statistics import Key, TooMuchToRead, statistics

LONGEST = timedelta(days=366)
DEFAULT = timedelta(days=30)
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class StatisticsResources:
    def __init__(self, history: History) -> None:
        self._history = history

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *(
                    "show_statistics",
                    "GET",
                    "/v1/statistics",
                    "Figures of ended calls by day, agent or trunk",
                    self.show,
                ),
                answer=StatisticsAnswer,
                scopes=("read",),
                query=StatisticsQuery,
                problems=("store-away",),
                limited=True,
                tag="history",
            ),
        )

    async def show(self, asked: ApiRequest) -> StatisticsAnswer:
        query: StatisticsQuery = asked.query
        since, until = period_of(query, datetime.now(UTC))
        limits = asked.limits
        filter_ = RecordFilter(
            direction=query.direction, agent=query.agent, trunk=query.trunk, agents=limits.agents, trunks=limits.trunks
        )
        try:
            found = await statistics(self._history.reading, filter_, since, until, query.group, query.zone)
        except TooManySearches:
            raise Problem("too-many-requests", "Too many searches run at this moment.", headers=LATER) from None
        except TooMuchToRead:
            detail = "The period has more calls than can be read in time. Ask for a shorter one."
            raise malformed(detail, {"parameter": "since", "detail": "is too long before `until`"}) from None
        total = CallFigures()
        for each in found.values():
            total.merge(each)
        return StatisticsAnswer(
            since=since,
            until=until,
            zone=str(query.zone),
            group=query.group,
            groups=tuple(_group(key, found[key]) for key in ordered(found)),
            total=FiguresAnswer.of(total),
        )


def period_of(query: StatisticsQuery, now: datetime) -> tuple[datetime, datetime]:
    """Raises Problem 400."""
    until = query.until or (now if query.since is None else max(now, query.since))
    if not EARLIEST + LONGEST <= until <= LATEST:
        raise _wrong("until", f"must be between {EARLIEST + LONGEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}")
    since = query.since or until - DEFAULT
    if since >= until:
        raise _wrong("since", "must be before `until`")
    if until - since > LONGEST:
        raise _wrong("since", f"must be at most {LONGEST.days} days before `until`")
    return since, until


def _wrong(parameter: str, detail: str) -> Problem:
    return malformed(f"`{parameter}` {detail}.", {"parameter": parameter, "detail": detail})


def ordered(found: dict[Key, CallFigures]) -> list[Key]:
    """Days in order; others by their calls, the most first."""
    return sorted(found, key=lambda key: str(key) if isinstance(key, date) else (-found[key].calls, str(key or "")))


def _group(key: Key, found: CallFigures) -> StatisticsGroup:
    day, name = (key, None) if isinstance(key, date) else (None, key)
    return StatisticsGroup(day=day, name=name, **figures_of(found))
