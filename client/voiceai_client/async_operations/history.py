"""Operations of the API: history. Made from the OpenAPI document (`make reference`)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Literal

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.history import Forgotten, HistoryPage, PastCall, PastCallDetail
from voiceai_client.requests import Request, given, path_of


class AsyncHistoryOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        direction: str | None = None,
        agent: str | None = None,
        trunk: str | None = None,
        outcome: str | None = None,
        number: str | None = None,
        text: str | None = None,
        metadata: Sequence[str] | None = None,
        least_talked_s: float | None = None,
        most_talked_s: float | None = None,
        limit: int | None = None,
        before: int | None = None,
        sort: Literal["started_at", "talked_s", "cost", "first_frame_ms"] | None = None,
        order: Literal["desc", "asc"] | None = None,
        totals: bool | None = None,
    ) -> HistoryPage:
        """List past calls. Scope: read.

        since: Calls that started at this time or later.
        until: Calls that started before this time.
        number: The number of the caller or callee in any spelling, or at least three digits of it.
        text: A part of the transcript.
        metadata: `key=value`: calls with this metadata. May be repeated: calls with all of it.
        least_talked_s: Calls of at least so many seconds from the answer to the end.
        limit: Default: 100.
        before: The `next` of the page before this one, with the same `sort` and `order`.
        sort: By anything else than `started_at` only ended calls that have this value are listed. Default:
            'started_at'.
        order: Default: 'desc'.
        totals: With `totals` in the answer.
        """
        asked = given(
            {
                "since": since,
                "until": until,
                "direction": direction,
                "agent": agent,
                "trunk": trunk,
                "outcome": outcome,
                "number": number,
                "text": text,
                "metadata": metadata,
                "least_talked_s": least_talked_s,
                "most_talked_s": most_talked_s,
                "limit": limit,
                "before": before,
                "sort": sort,
                "order": order,
                "totals": totals,
            }
        )
        return await self._http.ask(HistoryPage, Request("GET", "/v1/history", query=asked))

    async def all(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        direction: str | None = None,
        agent: str | None = None,
        trunk: str | None = None,
        outcome: str | None = None,
        number: str | None = None,
        text: str | None = None,
        metadata: Sequence[str] | None = None,
        least_talked_s: float | None = None,
        most_talked_s: float | None = None,
        limit: int | None = None,
        sort: Literal["started_at", "talked_s", "cost", "first_frame_ms"] | None = None,
        order: Literal["desc", "asc"] | None = None,
        totals: bool | None = None,
    ) -> AsyncIterator[PastCall]:
        """As `list`, page by page until the last one. `limit`: of a page."""
        before: int | None = None
        while True:
            page = await self.list(
                since=since,
                until=until,
                direction=direction,
                agent=agent,
                trunk=trunk,
                outcome=outcome,
                number=number,
                text=text,
                metadata=metadata,
                least_talked_s=least_talked_s,
                most_talked_s=most_talked_s,
                limit=limit,
                sort=sort,
                order=order,
                totals=totals,
                before=before,
            )
            for each in page.calls:
                yield each
            if page.next is None:
                return
            before = page.next

    def export(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        direction: str | None = None,
        agent: str | None = None,
        trunk: str | None = None,
        outcome: str | None = None,
        number: str | None = None,
        text: str | None = None,
        metadata: Sequence[str] | None = None,
        least_talked_s: float | None = None,
        most_talked_s: float | None = None,
        format: Literal["csv", "json", "cdr"] | None = None,
    ) -> AsyncIterator[bytes]:
        """Export past calls. Scope: read. Problems: too-many-streams.

        since: Calls that started at this time or later.
        until: Calls that started before this time.
        number: The number of the caller or callee in any spelling, or at least three digits of it.
        text: A part of the transcript.
        metadata: `key=value`: calls with this metadata. May be repeated: calls with all of it.
        least_talked_s: Calls of at least so many seconds from the answer to the end.
        format: json: one object per line. cdr: the columns of Asterisk's Master.csv. Default: 'csv'.
        """
        asked = given(
            {
                "since": since,
                "until": until,
                "direction": direction,
                "agent": agent,
                "trunk": trunk,
                "outcome": outcome,
                "number": number,
                "text": text,
                "metadata": metadata,
                "least_talked_s": least_talked_s,
                "most_talked_s": most_talked_s,
                "format": format,
            }
        )
        return self._http.pieces(Request("GET", "/v1/history/export", query=asked))

    async def forget_caller(self, *, number: str, idempotency_key: str | None = None) -> Forgotten:
        """Delete the data of a number. Scope: admin.

        number: The number of the caller or callee, as stored.
        """
        sent = given({"number": number})
        return await self._http.ask(
            Forgotten, Request("POST", "/v1/history/forget", body=sent, idempotency_key=idempotency_key)
        )

    async def show(self, id: str, *, attempt: int | None = None) -> PastCallDetail:
        """Get a past call. Scope: read.

        attempt: The number of the attempt to place the call, from 1; default: the latest one.
        """
        url = path_of("/v1/history/{id}", id=id)
        asked = given({"attempt": attempt})
        return await self._http.ask(PastCallDetail, Request("GET", url, query=asked))
