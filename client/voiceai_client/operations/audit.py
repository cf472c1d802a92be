"""Operations of the API: audit. Made from the OpenAPI document (`make reference`)."""

from collections.abc import Iterator
from datetime import datetime

from voiceai_client.models.audit import AuditEntryAnswer, AuditPage
from voiceai_client.requests import Request, given
from voiceai_client.sync_http import SyncHttp


class AuditOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def list(
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
        return self._http.ask(AuditPage, Request("GET", "/v1/audit", query=asked))

    def all(
        self,
        *,
        by: str | None = None,
        operation: str | None = None,
        call: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[AuditEntryAnswer]:
        """As `list`, page by page until the last one. `limit`: of a page."""
        before: int | None = None
        while True:
            page = self.list(
                by=by, operation=operation, call=call, since=since, until=until, limit=limit, before=before
            )
            yield from page.entries
            if page.next is None:
                return
            before = page.next
