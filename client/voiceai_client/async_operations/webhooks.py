"""Operations of the API: webhooks. Made from the OpenAPI document (`make reference`)."""

from collections.abc import AsyncIterator
from typing import Literal

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.webhooks import Discarded, LetterAnswer, LetterPage, Replayed
from voiceai_client.requests import Request, given, path_of


class AsyncWebhooksOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list_dead_letters(
        self,
        *,
        receiver: str | None = None,
        call: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> LetterPage:
        """List dead letters. Scope: read.

        after: The `next` of the page before this one.
        limit: Default: 100.
        """
        asked = given({"receiver": receiver, "call": call, "after": after, "limit": limit})
        return await self._http.ask(LetterPage, Request("GET", "/v1/webhooks/dead-letters", query=asked))

    async def all_dead_letters(
        self, *, receiver: str | None = None, call: str | None = None, limit: int | None = None
    ) -> AsyncIterator[LetterAnswer]:
        """As `list_dead_letters`, page by page until the last one. `limit`: of a page."""
        after: int | None = None
        while True:
            page = await self.list_dead_letters(receiver=receiver, call=call, limit=limit, after=after)
            for each in page.dead_letters:
                yield each
            if page.next is None:
                return
            after = page.next

    async def replay_dead_letters(
        self, *, receiver: str | None = None, call: str | None = None, idempotency_key: str | None = None
    ) -> Replayed:
        """Send them again. Scope: admin."""
        sent = given({"receiver": receiver, "call": call})
        return await self._http.ask(
            Replayed, Request("POST", "/v1/webhooks/dead-letters/replay", body=sent, idempotency_key=idempotency_key)
        )

    async def replay_dead_letter(self, number: str | int, *, idempotency_key: str | None = None) -> Replayed:
        """Send one again. Scope: admin. Problems: unknown-dead-letter, not-found."""
        url = path_of("/v1/webhooks/dead-letters/{number}/replay", number=number)
        return await self._http.ask(Replayed, Request("POST", url, body={}, idempotency_key=idempotency_key))

    async def discard_dead_letters(
        self,
        *,
        receiver: str | None = None,
        call: str | None = None,
        all: Literal[True] | None = None,
        idempotency_key: str | None = None,
    ) -> Discarded:
        """Delete several. Scope: admin.

        all: true deletes all dead letters. Then receiver and call must be missing.
        """
        sent = given({"receiver": receiver, "call": call, "all": all})
        return await self._http.ask(
            Discarded, Request("POST", "/v1/webhooks/dead-letters/discard", body=sent, idempotency_key=idempotency_key)
        )

    async def discard_dead_letter(self, number: str | int) -> None:
        """Delete one. Scope: admin. Problems: unknown-dead-letter, not-found."""
        url = path_of("/v1/webhooks/dead-letters/{number}", number=number)
        await self._http.send(Request("DELETE", url))
