"""Operations of the API: sessions. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.models.sessions import ConsoleSessionPage
from voiceai_client.requests import Request, path_of
from voiceai_client.sync_http import SyncHttp


class SessionsOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def list(self) -> ConsoleSessionPage:
        """List console sessions. Scope: admin."""
        return self._http.ask(ConsoleSessionPage, Request("GET", "/v1/sessions"))

    def end(self, id: str) -> None:
        """Log somebody out of the console. Scope: admin. Problems: unknown-session."""
        url = path_of("/v1/sessions/{id}", id=id)
        self._http.send(Request("DELETE", url))
