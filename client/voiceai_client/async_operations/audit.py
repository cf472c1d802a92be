"""Operations of the API: audit. Made from the OpenAPI document (`make reference`)."""

from collections.abc import AsyncIterator
from datetime import datetime

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.audit import AuditEntryAnswer, AuditPage
from voiceai_client.requests import Request, given


class AsyncAuditOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(
        self,
        *,
        by: str | None = None,
        operation: str | None = None,
        call: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> AuditPage:
        """List the audit log, newest first. Scope: admin.

        by: The name of a token. Empty: requests with wrong tokens.
        operation: The operationId of the request.
        since: Requests at this time or later.
        until: Requests before this time.
        limit: Default: 100.
        before: The `next` of the page before this one.
        """
        asked = given(
            {
                "by": by,
                "operation": operation,
                "call": call,
                "since": since,
                "until": until,
                "limit": limit,
                "before": before,
            }
        )
        return await self._http.ask(AuditPage, Request("GET", "/v1/audit", query=asked))

    async def all(
        self,
        *,
        by: str | None = None,
        operation: str | None = None,
        call: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[AuditEntryAnswer]:
        """As `list`, page by page until the last one. `limit`: of a page."""
        before: int | None = None
        while True:
            page = await self.list(
                by=by, operation=operation, call=call, since=since, until=until, limit=limit, before=before
            )
            for each in page.entries:
                yield each
            if page.next is None:
                return
            before = page.next
