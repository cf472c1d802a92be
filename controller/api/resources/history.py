"""The resources of ended calls: list, show, recordings, export, deletion.

Owns which parts of a record are shown. Recordings are read from this machine's disk, only from folders of the config;
their paths come from the store, never from a request. Those of another node's calls are asked of that node.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from aiohttp import hdrs, web

from controller.api.auth.authenticator import lacking
from controller.api.models.calls import TurnAnswer, utterances
from controller.api.models.history import (
    AttemptQuery,
    ComparisonAnswer,
    ComparisonQuery,
    ExportQuery,
    Forget,
    Forgotten,
    HistoryFilter,
    HistoryPage,
    HistoryQuery,
    HistoryTotals,
    LegAnswer,
    PastCall,
    PastCallDetail,
    PastEvent,
    PastSound,
    ToolUse,
    UsageAnswer,
    VersionFigures,
    fields_of,
)
from controller.api.operation import ApiRequest, Operation
from controller.api.problems import Problem
from controller.config import Config
from controller.config.models.records import Records
from controller.config.number_redaction import names_of
from controller.dialing.number_spellings import digits_within
from controller.events.records import export
from controller.events.records.history import History, RecordFilter, StoredCall, TooManySearches
from controller.events.records.recording_end import ended_with
from controller.events.records.repository import RecordRepository

log = structlog.get_logger()

_KINDS = {".wav": "audio/wav", ".ogg": "audio/ogg"}
_MEDIA: dict[export.Format, str] = {"csv": "text/csv", "json": "application/x-ndjson", "cdr": "text/csv"}
WRITE_SECONDS = 30.0


def shown(rows: Iterable[Any]) -> Iterator[PastCall]:
    """A damaged row is logged and left out."""
    for row in rows:
        try:
            yield PastCall.of(row)
        except (TypeError, ValueError):  # pydantic's errors are ValueErrors
            log.error("a call of the past can't be read in the store; it is left out", call=str(row.call))


def sound_folders(config: Config) -> tuple[Path, ...]:
    """The folders of the agents' recordings."""
    return tuple({Path(each.recording.path) for each in config.agents.values() if each.recording})


def countries(config: Config) -> frozenset[str | None]:
    """Those in which callers' numbers are read."""
    return frozenset(trunk.country_code for trunk in config.trunks.values())


LATER: dict[str, str] = {hdrs.RETRY_AFTER: "2"}


class HistoryResources:
    """`folders`: where recordings may be. `settings`: how numbers are stored. `catching_up`: whether ended calls are
    not yet in the store. `countries`: those in which callers' numbers were read. `written`: returns once what has
    happened so far is in the store. `erase_events`: of calls that are forgotten, where other nodes are told of them."""

    def __init__(
        self,
        history: History,
        repository: RecordRepository,
        folders: Collection[Path],
        settings: Records,
        catching_up: Callable[[], bool] = lambda: False,
        countries: Collection[str | None] = (),
        written: Callable[[], Awaitable[None]] | None = None,
        erase_events: Callable[[Collection[str]], Awaitable[None]] | None = None,
    ) -> None:
        self._erase_events = erase_events
        self._folders, self._countries = folders, countries
        self._written = written
        self._catching_up = catching_up
        self._history = history
        self._repository = repository
        self._settings = settings

    def replace(self, folders: Collection[Path], countries: Collection[str | None]) -> None:
        """These from now on."""
        self._folders, self._countries = folders, countries

    def operations(self) -> tuple[Operation, ...]:
        common: dict[str, Any] = {"tag": "history", "scopes": ("read",), "limited": True}
        sound = "/v1/history/{id}/recordings/{number:[0-9]{1,4}}"
        return (
            Operation(
                *("list_history", "GET", "/v1/history", "List past calls", self.list, HistoryPage),
                **common | {"query": HistoryQuery, "problems": ("store-away",), "audited": "with words"},
            ),
            Operation(
                *("compare_versions", "GET", "/v1/resources/agents/{name}/comparison"),
                *("Compare versions by their calls", self.compare, ComparisonAnswer),
                query=ComparisonQuery,
                problems=("store-away",),
                scopes=("read",),
                tag="resources",
            ),
            Operation(
                *("export_history", "GET", "/v1/history/export", "Export past calls", self.export),
                **common | {"query": ExportQuery, "problems": ("store-away", "too-many-streams"), "audited": "always"},
                media="text/csv",
                other_media=("application/x-ndjson",),
            ),
            Operation(
                *("forget_caller", "POST", "/v1/history/forget", "Delete the data of a number", self.forget),
                **common
                | {
                    "scopes": ("admin",),
                    "limited": False,
                    "answer": Forgotten,
                    "body": Forget,
                    "problems": ("store-away",),
                    "repeatable": True,
                },
            ),
            Operation(
                *("show_past_call", "GET", "/v1/history/{id}", "Get a past call", self.show, PastCallDetail),
                **common | {"query": AttemptQuery, "problems": ("unknown-call", "store-away"), "audited": "with words"},
                of_call="path",
            ),
            Operation(
                *("get_recording", "GET", sound, "Get a recording", self.sound),
                **common
                | {"scopes": ("recordings",), "audited": "always"}
                | {"query": AttemptQuery, "problems": ("unknown-call", "not-found", "store-away", "too-many-streams")}
                | {"media": "audio/wav", "also": {HTTPStatus.PARTIAL_CONTENT: None}},
                of_call="path",
            ),
        )

    async def list(self, asked: ApiRequest) -> HistoryPage:
        query: HistoryQuery = asked.query
        filter_, order = self._filter(asked), query.as_order()
        try:
            rows = await self._history.page(filter_, before=query.before, limit=query.limit, order=order)
            sums = await self._history.sums(filter_) if query.totals else None
        except TooManySearches:
            raise Problem("too-many-requests", "Too many searches run at this moment.", headers=LATER) from None
        next_ = rows[-1].number if len(rows) == query.limit else None
        totals = sums and HistoryTotals(calls=sums.calls, talked_s=round(sums.talked_s, 3), cost=round(sums.cost, 6))
        return HistoryPage(calls=tuple(shown(rows)), totals=totals, next=next_)

    async def compare(self, asked: ApiRequest) -> ComparisonAnswer:
        query: ComparisonQuery = asked.query
        try:
            found = await self._history.compare(asked.part("name"), query.since, query.until)
        except TooManySearches:
            raise Problem("too-many-requests", "Too many searches run at this moment.", headers=LATER) from None
        return ComparisonAnswer(versions=tuple(map(VersionFigures.of, found)))

    async def show(self, asked: ApiRequest) -> PastCallDetail:
        stored = await self._stored(asked)
        parts = stored.parts
        sounds = await asyncio.to_thread(self._sounds, stored)
        return PastCallDetail.model_validate(
            fields_of(stored.call)
            | {
                "attempts": tuple(stored.attempts),
                "transcript": utterances(parts["call_words"]) if asked.may("recordings") else None,
                "turn_times": tuple(map(TurnAnswer.model_validate, parts["call_turns"])),
                "tools": tuple(map(ToolUse.model_validate, parts["call_tools"])),
                "legs": tuple(map(LegAnswer.model_validate, parts["call_legs"])),
                "usage": tuple(map(UsageAnswer.model_validate, parts["call_usage"])),
                "recordings": sounds,
                "events": tuple(map(PastEvent.model_validate, parts["call_events"])),
            }
        )

    async def sound(self, asked: ApiRequest) -> web.StreamResponse:
        """Supports ranges, so that a player can seek."""
        stored, number = await self._stored(asked), int(asked.part("number"))
        recordings = stored.parts["call_recordings"]
        path = self._inside(recordings[number - 1].path) if 1 <= number <= len(recordings) else None
        if path is None or not await asyncio.to_thread(path.is_file):
            raise Problem("not-found", "The call has no such recording on this machine.")
        kind = _KINDS.get(path.suffix, "application/octet-stream")
        return web.FileResponse(path, headers={hdrs.CONTENT_TYPE: kind, hdrs.CACHE_CONTROL: "private, no-store"})

    async def export(self, asked: ApiRequest) -> web.StreamResponse:
        """Reads the first page before it answers: an unavailable store is a problem, not an empty file."""
        query: ExportQuery = asked.query
        rows = self._history.everything(self._filter(asked))
        first = await anext(rows, None)
        kind = f"{_MEDIA[query.format]}; charset=utf-8"
        shown = f'attachment; filename="calls.{"ndjson" if query.format == "json" else "csv"}"'
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: kind, hdrs.CONTENT_DISPOSITION: shown})
        await response.prepare(asked.request)
        await _write(response, export.head(query.format))
        if first is not None:
            await _write(response, _line(first, query.format))
        async for row in rows:
            await _write(response, _line(row, query.format))
        await response.write_eof()
        return response

    async def forget(self, asked: ApiRequest) -> Forgotten:
        """Does not delete live calls, records of Asterisk, or backups."""
        if self._catching_up():
            raise Problem("store-away", "Calls of the time when it was away are not in it yet. Ask again in a moment.")
        if self._written is not None:
            await self._written()
        number: str = asked.body.number
        names, ids = names_of(number, self._settings, self._countries), set[str]()
        calls, paths = await self._repository.forget_number(number, names, ids)
        if self._erase_events is not None:
            await self._erase_events(ids)
        deleted = await asyncio.to_thread(self._delete, paths)
        log.info("the records of a number were deleted", calls=calls, recordings=deleted, by=asked.by)
        return Forgotten(calls=calls, recordings=deleted, recordings_elsewhere=len(paths) - deleted)

    # ------------------------------------------------------------ inside

    def _filter(self, asked: ApiRequest) -> RecordFilter:
        """Raises Problem 403 for a search for words without the scope `recordings`."""
        query: HistoryFilter = asked.query
        limits = asked.limits
        filter_ = replace(query.as_filter(), agents=limits.agents, trunks=limits.trunks)
        if filter_.text is not None and not asked.may("recordings"):
            raise lacking(("recordings",))
        if filter_.number is None:
            return filter_
        names = names_of(filter_.number, self._settings, self._countries)
        return replace(filter_, names=names, digits=digits_within(filter_.number))

    async def _stored(self, asked: ApiRequest) -> StoredCall:
        found = await self._history.find(asked.part("id"), asked.query.attempt)
        if found is None or not asked.limits.reaches(found.call.agent, found.call.trunk):
            raise Problem("unknown-call", "There is no record of such a call.")
        return found

    def _inside(self, path: str) -> Path | None:
        """The resolved path, if it is in one of the folders; else None."""
        real = Path(path).resolve()
        return real if any(real.is_relative_to(folder.resolve()) for folder in self._folders) else None

    def _sounds(self, stored: StoredCall) -> tuple[PastSound, ...]:
        found = []
        for number, row in enumerate(stored.parts["call_recordings"], start=1):
            path = self._inside(row.path)
            url = f"/v1/history/{row.call}/recordings/{number}?attempt={row.attempt}"
            found_url = url if path is not None and path.is_file() else None
            end = ended_with(row.at, stored.parts["call_events"], stored.parts["call_legs"])
            found.append(PastSound(number=number, at=row.at, seconds=row.seconds, url=found_url, ended_with=end))
        return tuple(found)

    def _delete(self, paths: Sequence[str]) -> int:
        deleted = 0
        for each in paths:
            path = self._inside(each)
            try:
                if path is not None:
                    path.unlink()
                    deleted += 1
                    continue
                reason = "not in a recording folder of the config"
            except OSError as error:
                reason = error.strerror or "it can't be deleted"
            log.warning("a recording was not deleted", path=each, reason=reason)
        return deleted


def _line(row: Any, form: export.Format) -> str:
    """A damaged row is logged and left out."""
    try:
        return export.line(row, form)
    except (TypeError, ValueError, AttributeError, OverflowError):
        log.error("a call of the past can't be read in the store; it is left out of the export", call=str(row.call))
        return ""


async def _write(response: web.StreamResponse, text: str) -> None:
    if text:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(text.encode())
