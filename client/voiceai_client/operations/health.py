"""Operations of the API: health. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.models.health import AlertList, Health, Readiness
from voiceai_client.requests import Request
from voiceai_client.sync_http import SyncHttp


class HealthOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def __call__(self) -> Health:
        """Is the process alive?"""
        return self._http.ask(Health, Request("GET", "/healthz"))

    def readiness(self) -> Readiness:
        """Can a call be handled now?"""
        return self._http.ask(Readiness, Request("GET", "/readyz", fine=(503,)))

    def list_alerts(self) -> AlertList:
        """List alerts, the most severe first. Scope: read."""
        return self._http.ask(AlertList, Request("GET", "/v1/alerts"))
