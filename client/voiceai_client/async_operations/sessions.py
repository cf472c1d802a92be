"""Operations of the API: sessions. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.sessions import ConsoleSessionPage
from voiceai_client.requests import Request, path_of


class AsyncSessionsOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self) -> ConsoleSessionPage:
        """List console sessions. Scope: admin."""
        return await self._http.ask(ConsoleSessionPage, Request("GET", "/v1/sessions"))

    async def end(self, id: str) -> None:
        """Log somebody out of the console. Scope: admin. Problems: unknown-session."""
        url = path_of("/v1/sessions/{id}", id=id)
        await self._http.send(Request("DELETE", url))
