"""Operations of the API: routes. Made from the OpenAPI document (`make reference`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.routes import RouteAnswer
from voiceai_client.requests import Request, given


class AsyncRoutesOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def test(
        self,
        *,
        to: str,
        caller: str | None = None,
        trunk: str | None = None,
        variables: Mapping[str, str] | None = None,
        at: datetime | None = None,
        routes: Sequence[Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> RouteAnswer:
        """Find the agent of a call. Scope: read. Problems: unknown-name, invalid-config.

        to: The called number.
        caller: The caller's number; empty: withheld.
        trunk: The trunk of the inbound call.
        variables: Variables that the dialplan sets.
        at: The time of the call. Default: now.
        routes: Routes to test instead of the effective ones, as in config.yaml. Needs the scope `config`.
        """
        sent = given({"to": to, "caller": caller, "trunk": trunk, "variables": variables, "at": at, "routes": routes})
        return await self._http.ask(
            RouteAnswer, Request("POST", "/v1/routes/test", body=sent, idempotency_key=idempotency_key)
        )
