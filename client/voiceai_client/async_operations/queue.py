"""Operations of the API: queue. Made from the OpenAPI document (`make reference`)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.common import CallAnswer
from voiceai_client.models.queue import Cancelled, QueueAnswer, QueuePage
from voiceai_client.requests import Request, given


class AsyncQueueOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(
        self,
        *,
        status: Literal["queued", "dialing", "ended", "active"] | None = None,
        trunk: str | None = None,
        agent: str | None = None,
        asked_by: str | None = None,
        metadata: Sequence[str] | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> QueuePage:
        """List outbound calls. Scope: read.

        status: Only calls with this status. active: queued and dialing.
        asked_by: The name of the token that placed the calls.
        metadata: `key=value`: calls with this metadata. May be repeated: calls with all of it.
        limit: Calls per page. Default: 100.
        before: The `next` of the page before this one.
        """
        asked = given(
            {
                "status": status,
                "trunk": trunk,
                "agent": agent,
                "asked_by": asked_by,
                "metadata": metadata,
                "limit": limit,
                "before": before,
            }
        )
        return await self._http.ask(QueuePage, Request("GET", "/v1/queue", query=asked))

    async def all(
        self,
        *,
        status: Literal["queued", "dialing", "ended", "active"] | None = None,
        trunk: str | None = None,
        agent: str | None = None,
        asked_by: str | None = None,
        metadata: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CallAnswer]:
        """As `list`, page by page until the last one. `limit`: of a page."""
        before: int | None = None
        while True:
            page = await self.list(
                status=status,
                trunk=trunk,
                agent=agent,
                asked_by=asked_by,
                metadata=metadata,
                limit=limit,
                before=before,
            )
            for each in page.calls:
                yield each
            if page.next is None:
                return
            before = page.next

    async def pause(self, *, trunk: str | None = None, idempotency_key: str | None = None) -> QueueAnswer:
        """Pause dialing. Scope: control. Problems: unknown-name.

        trunk: A name from `trunks` in the config. Default: all trunks.
        """
        sent = given({"trunk": trunk})
        return await self._http.ask(
            QueueAnswer, Request("POST", "/v1/queue/pause", body=sent, idempotency_key=idempotency_key)
        )

    async def resume(self, *, trunk: str | None = None, idempotency_key: str | None = None) -> QueueAnswer:
        """Resume dialing. Scope: control. Problems: unknown-name.

        trunk: A name from `trunks` in the config. Default: all trunks.
        """
        sent = given({"trunk": trunk})
        return await self._http.ask(
            QueueAnswer, Request("POST", "/v1/queue/resume", body=sent, idempotency_key=idempotency_key)
        )

    async def cancel_queued(
        self,
        *,
        calls: Sequence[str] | None = None,
        trunk: str | None = None,
        agent: str | None = None,
        asked_by: str | None = None,
        metadata: Mapping[str, str] | None = None,
        all: bool | None = None,
        expected: int | None = None,
        idempotency_key: str | None = None,
    ) -> Cancelled:
        """Cancel queued calls. Scope: control. Problems: count-changed.

        calls: Ids of calls.
        asked_by: The name of the token that placed the calls.
        metadata: They have all of this, such as `{"campaign": "spring"}`.
        all: All queued calls. Default: `false`.
        expected: The expected number of matching calls. If the actual number differs, no call is cancelled, and
            the answer is 409. Without it, calls are only counted, unless `calls` lists them.
        """
        sent = given(
            {
                "calls": calls,
                "trunk": trunk,
                "agent": agent,
                "asked_by": asked_by,
                "metadata": metadata,
                "all": all,
                "expected": expected,
            }
        )
        return await self._http.ask(
            Cancelled, Request("POST", "/v1/queue/cancel", body=sent, idempotency_key=idempotency_key)
        )
