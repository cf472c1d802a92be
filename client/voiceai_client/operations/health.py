"""Operations of the API: health. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.models.health import AlertList, Health, Readiness
from voiceai_client.requests import Request
from voiceai_client.sync_http import SyncHttp


class HealthOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def __call__(self) -> Health:
        """Does the process live?"""
        return self._http.ask(Health, Request("GET", "/healthz"))

    def readiness(self) -> Readiness:
        """Could a call be carried now?"""
        return self._http.ask(Readiness, Request("GET", "/readyz", fine=(503,)))

    def list_alerts(self) -> AlertList:
        """What needs attention now, the most severe first. Scope: read."""
        return self._http.ask(AlertList, Request("GET", "/v1/alerts"))
