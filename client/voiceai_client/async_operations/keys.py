"""Operations of the API: keys. Made from the OpenAPI document (`make reference`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.keys import KeyAnswer, KeyCreated, KeyPage
from voiceai_client.requests import NOT_GIVEN, NotGiven, Request, given, path_of, set_or_cleared


class AsyncKeysOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self) -> KeyPage:
        """API keys, and the tokens of the config. Scope: admin."""
        return await self._http.ask(KeyPage, Request("GET", "/v1/keys"))

    async def create(
        self,
        *,
        name: str,
        scopes: Sequence[Literal["metrics", "read", "recordings", "call", "control", "supervise", "config", "admin"]],
        agents: Sequence[str] | None = None,
        trunks: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        comment: str | None = None,
    ) -> KeyCreated:
        """Add an API key. Scope: admin. Problems: name-taken, refused.

        name: The name in logs and in the audit log. It must be unique among keys and tokens of the configuration.
        agents: The key sees and places only calls of these agents. Default: all agents.
        trunks: The key sees and places only calls over these trunks. Default: all trunks.
        sources: Addresses and networks from which the key may be used, such as 10.1.0.0/16. Default: all.
        expires_at: Default: never.
        """
        sent = given(
            {
                "name": name,
                "scopes": scopes,
                "agents": agents,
                "trunks": trunks,
                "sources": sources,
                "expires_at": expires_at,
                "comment": comment,
            }
        )
        return await self._http.ask(KeyCreated, Request("POST", "/v1/keys", body=sent))

    async def show(self, id: str) -> KeyAnswer:
        """An API key. Scope: admin. Problems: unknown-key."""
        url = path_of("/v1/keys/{id}", id=id)
        return await self._http.ask(KeyAnswer, Request("GET", url))

    async def change(
        self,
        id: str,
        *,
        scopes: Sequence[Literal["metrics", "read", "recordings", "call", "control", "supervise", "config", "admin"]]
        | None
        | NotGiven = NOT_GIVEN,
        agents: Sequence[str] | None | NotGiven = NOT_GIVEN,
        trunks: Sequence[str] | None | NotGiven = NOT_GIVEN,
        sources: Sequence[str] | None | NotGiven = NOT_GIVEN,
        expires_at: datetime | None | NotGiven = NOT_GIVEN,
        comment: str | None | NotGiven = NOT_GIVEN,
        if_match: str | None = None,
    ) -> KeyAnswer:
        """Change the scopes or limits of an API key. Scope: admin. Problems: unknown-key, changed-meanwhile.

        agents: null removes the limit, also for `trunks`, `sources` and `expires_at`.
        if_match: The `ETag` of what is changed: nobody else's change is undone.
        """
        url = path_of("/v1/keys/{id}", id=id)
        sent = set_or_cleared(
            {
                "scopes": scopes,
                "agents": agents,
                "trunks": trunks,
                "sources": sources,
                "expires_at": expires_at,
                "comment": comment,
            }
        )
        return await self._http.ask(KeyAnswer, Request("PATCH", url, body=sent, headers=given({"If-Match": if_match})))

    async def revoke(self, id: str) -> None:
        """Revoke an API key. Scope: admin. Problems: unknown-key."""
        url = path_of("/v1/keys/{id}", id=id)
        await self._http.send(Request("DELETE", url))
