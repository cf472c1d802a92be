"""Operations of the API: health. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.health import AlertList, Health, Readiness
from voiceai_client.requests import Request


class AsyncHealthOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def __call__(self) -> Health:
        """Is the process alive?"""
        return await self._http.ask(Health, Request("GET", "/healthz"))

    async def readiness(self) -> Readiness:
        """Can a call be handled now?"""
        return await self._http.ask(Readiness, Request("GET", "/readyz", fine=(503,)))

    async def list_alerts(self) -> AlertList:
        """List alerts, the most severe first. Scope: read."""
        return await self._http.ask(AlertList, Request("GET", "/v1/alerts"))
