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
        """Calls that we place, newest first. Scope: read.

        status: Only those; active: queued and dialing.
        asked_by: The name of the token that placed them.
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
        """Place no more calls. Scope: control. Problems: unknown-name.

        trunk: A name from `trunks` in the config; all of them if not given.
        """
        sent = given({"trunk": trunk})
        return await self._http.ask(
            QueueAnswer, Request("POST", "/v1/queue/pause", body=sent, idempotency_key=idempotency_key)
        )

    async def resume(self, *, trunk: str | None = None, idempotency_key: str | None = None) -> QueueAnswer:
        """Place calls again. Scope: control. Problems: unknown-name.

        trunk: A name from `trunks` in the config; all of them if not given.
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
        """Cancel calls that wait. Scope: control. Problems: count-changed.

        calls: Their ids.
        asked_by: The name of the token that placed them.
        metadata: They have all of this, such as `{"campaign": "spring"}`.
        all: Every call that waits. Default: `false`.
        expected: How many calls are to be cancelled. If another number fits, none is, and the answer is 409.
            Without it calls are counted and none is cancelled, unless `calls` names them.
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
