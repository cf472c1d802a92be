"""Ended calls as JSON: queries and answers."""

from typing import Any, Literal

from pydantic import Field

from controller.api.models.base import Answer, Body, Instant, Metadata, MetadataFilter, Moment, pairs_of
from controller.api.models.calls import SpreadAnswer, TurnAnswer, UtteranceAnswer
from controller.calls.metadata import fitting
from controller.events.records import export, intervals
from controller.events.records.comparison import VersionTotals
from controller.events.records.history import Order, RecordFilter, Sort


class HistoryFilter(Body):
    since: Instant | None = None
    """Calls that started at this time or later."""
    until: Instant | None = None
    """Calls that started before this time."""
    direction: str | None = Field(None, max_length=16)
    agent: str | None = Field(None, max_length=128)
    trunk: str | None = Field(None, max_length=128)
    outcome: str | None = Field(None, max_length=32)
    number: str | None = Field(None, min_length=1, max_length=300)
    """The number of the caller or callee in any spelling, or at least three digits of it."""
    text: str | None = Field(None, min_length=1, max_length=200)
    """A part of the transcript."""
    metadata: tuple[MetadataFilter, ...] = Field((), max_length=16)
    """`key=value`: calls with this metadata. May be repeated: calls with all of it."""
    least_talked_s: float | None = Field(None, ge=0, le=1e9)
    """Calls of at least so many seconds from the answer to the end."""
    most_talked_s: float | None = Field(None, ge=0, le=1e9)

    def as_filter(self) -> RecordFilter:
        same = {name: getattr(self, name) for name in HistoryFilter.model_fields}
        return RecordFilter(**same | {"metadata": pairs_of(self.metadata)})


class HistoryQuery(HistoryFilter):
    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=1, le=2**53)
    """The `next` of the page before this one, with the same `sort` and `order`."""
    sort: Sort = "started_at"
    """By anything else than `started_at` only ended calls that have this value are listed."""
    order: Literal["desc", "asc"] = "desc"
    totals: bool = False
    """With `totals` in the answer."""

    def as_order(self) -> Order:
        return Order(self.sort, ascending=self.order == "asc")


class ExportQuery(HistoryFilter):
    format: export.Format = "csv"
    """json: one object per line. cdr: the columns of Asterisk's Master.csv."""


class ComparisonQuery(Body):
    since: Instant | None = None
    """Calls that started at this time or later."""
    until: Instant | None = None
    """Calls that started before this time."""


class Measure(Answer):
    """A mean over calls with its 95 % confidence interval."""

    name: str
    """answered, transferred (shares of the calls, from 0 to 1), talked_s, turns, interruptions (of calls that were
    answered), first_frame_ms, cost."""
    calls: int
    """The number of calls."""
    mean: float | None
    low: float | None
    """null: fewer than 30 calls."""
    high: float | None


class VersionFigures(Answer):
    """Figures of all ended calls of one version of an agent."""

    version: int | None
    """null: unknown."""
    calls: int
    outcomes: dict[str, int]
    """The number of calls by outcome."""
    mean_talked_s: float | None
    """Of answered calls."""
    turns: int
    interruptions: int
    """The number of interruptions of the agent by callers."""
    transfers: int
    """The number of transfers that were started."""
    first_frame_ms: int | None
    """The mean of the median response times of the calls."""
    cost: float
    """US dollars, all calls."""
    cost_per_call: float
    measures: tuple[Measure, ...]
    """If the intervals of two versions do not overlap, the difference is probably not random."""

    @classmethod
    def of(cls, found: VersionTotals) -> "VersionFigures":
        talked = found.talked_s / found.answered if found.answered else None
        return cls(
            version=found.version,
            calls=found.calls,
            outcomes=dict(sorted(found.outcomes.items())),
            mean_talked_s=None if talked is None else round(talked, 1),
            turns=found.turns,
            interruptions=found.interruptions,
            transfers=found.transfers,
            first_frame_ms=round(found.first_frame_ms / found.measured) if found.measured else None,
            cost=round(found.cost, 6),
            cost_per_call=round(found.cost / found.calls, 6),
            measures=_measures(found),
        )


def _measures(found: VersionTotals) -> tuple[Measure, ...]:
    shares = {"answered": found.answered, "transferred": found.transferred}
    means = {
        "talked_s": (found.talked_s, found.answered),
        "turns": (found.turns, found.answered),
        "interruptions": (found.interruptions, found.answered),
        "first_frame_ms": (found.first_frame_ms, found.measured),
        "cost": (found.cost, found.calls),
    }
    made = [_measure(name, n, found.calls, intervals.of_share(n, found.calls)) for name, n in shares.items()]
    for name, (total, calls) in means.items():
        squares, counts = found.squares.get(name, 0.0), name == "interruptions"
        made.append(_measure(name, total, calls, intervals.of_mean(total, squares, calls, counts=counts)))
    return tuple(made)


def _measure(name: str, total: float, calls: int, interval: intervals.Interval | None) -> Measure:
    low, high = (round(interval.low, 6), round(interval.high, 6)) if interval is not None else (None, None)
    return Measure(name=name, calls=calls, mean=round(total / calls, 6) if calls else None, low=low, high=high)


class ComparisonAnswer(Answer):
    versions: tuple[VersionFigures, ...]
    """Newest first."""


class AttemptQuery(Body):
    attempt: int | None = Field(None, ge=0, le=2**31 - 1)
    """The number of the attempt to place the call, from 1; default: the latest one."""


class Forget(Body):
    number: str = Field(min_length=1, max_length=300)
    """The number of the caller or callee, as stored."""


class Forgotten(Answer):
    calls: int
    recordings: int
    """Files that were deleted."""
    recordings_elsewhere: int
    """Files that are not on this machine, or could not be deleted: see the log."""


class PastCall(Answer):
    """An ended call, as it is stored. Numbers are personal, and may be masked or missing (`records.numbers`)."""

    number: int
    id: str
    attempt: int
    """The number of the attempt to place the call, from 1. 0: nothing was dialed."""
    url: str
    direction: str
    agent: str
    agent_version: int | None
    """0: a draft. null: unknown."""
    trunk: str | None
    caller: str | None
    callee: str | None
    started_at: Moment
    answered_at: Moment | None
    ended_at: Moment | None
    """null: the call is live."""
    outcome: str | None
    """As in /v1/calls. `interrupted`: the controller was killed, and the end is unknown."""
    ended_by: str | None
    cause: int | None
    """The Q.850 cause, if Asterisk reported it."""
    sip_status: int | None
    """The SIP status with which an outbound call was refused."""
    detail: str | None
    total_s: float | None
    talked_s: float | None
    turns: int
    first_frame_ms: SpreadAnswer | None
    """Response time: from the end of the caller's speech to the first audio of the agent."""
    cost: float
    """US dollars."""
    metadata: Metadata = Field(default_factory=dict)
    """Data of the API client."""

    @classmethod
    def of(cls, row: Any) -> "PastCall":
        return cls.model_validate(fields_of(row))


class ToolUse(Answer):
    at: Moment
    tool: str
    seconds: float | None
    ok: bool | None


class LegAnswer(Answer):
    leg: str
    kind: str
    """transfer, participant or supervision."""
    mode: str | None
    """Of a transfer: blind, attended or refer; of a supervision: listen, whisper or take_over; null: not known."""
    party: str | None
    by: str | None
    began_at: Moment
    at: Moment
    """The time of its latest change."""
    state: str
    outcome: str | None


class UsageAnswer(Answer):
    at: Moment
    provider: str
    model: str
    kind: str
    tokens: dict[str, int]
    seconds: float | None
    cost: float


class PastSound(Answer):
    number: int
    at: Moment
    """When the recording was complete."""
    seconds: float
    url: str | None
    """null: the file is not on the machine of the controller."""
    ended_with: str
    """call: recorded until the end. transfer or take_over: the agent left the call, and the rest is not recorded. stop:
    the recording was stopped."""


class PastEvent(Answer):
    at: Moment
    type: str
    data: dict[str, Any]
    """As in docs/events.md, without personal data."""


class PastCallDetail(PastCall):
    """A call with everything that is stored about it. The transcript is personal."""

    attempts: tuple[int, ...]
    transcript: tuple[UtteranceAnswer, ...] | None
    """null: the token lacks the scope `recordings`."""
    turn_times: tuple[TurnAnswer, ...]
    tools: tuple[ToolUse, ...]
    legs: tuple[LegAnswer, ...]
    usage: tuple[UsageAnswer, ...]
    recordings: tuple[PastSound, ...]
    events: tuple[PastEvent, ...]


class HistoryTotals(Answer):
    """Of all calls that fit the filters, on all pages."""

    calls: int
    talked_s: float
    cost: float
    """US dollars."""


class HistoryPage(Answer):
    calls: tuple[PastCall, ...]
    totals: HistoryTotals | None
    """null: not asked for."""
    next: int | None
    """The value of `before` for the next page; null on the last page."""


def fields_of(row: Any) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in PastCall.model_fields if hasattr(row, name)}
    p50, longest = row.first_frame_p50_ms, row.first_frame_max_ms
    return plain | {
        "id": row.call,
        "url": f"/v1/history/{row.call}?attempt={row.attempt}",
        "first_frame_ms": None if p50 is None else {"p50": round(p50), "max": round(longest)},
        "cost": round(row.cost, 6),
        "metadata": fitting(row.metadata),
    }
