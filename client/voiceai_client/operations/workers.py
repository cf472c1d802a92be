"""Operations of the API: workers. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.models.workers import WorkerAnswer, WorkerPage
from voiceai_client.requests import Request, given, path_of
from voiceai_client.sync_http import SyncHttp


class WorkersOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def list(self) -> WorkerPage:
        """Bridge workers and their load. Scope: read."""
        return self._http.ask(WorkerPage, Request("GET", "/v1/workers"))

    def drain(self, name: str, *, seconds: float | None = None, idempotency_key: str | None = None) -> WorkerAnswer:
        """Drain a worker. Scope: admin. Problems: unknown-worker, refused.

        seconds: How long its calls may continue; then other workers take them over. Default:
            `shutdown.worker_drain_s`.
        """
        url = path_of("/v1/workers/{name}/drain", name=name)
        sent = given({"seconds": seconds})
        return self._http.ask(WorkerAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def replace(self, *, idempotency_key: str | None = None) -> WorkerPage:
        """Replace the workers of this machine one by one. Scope: admin."""
        return self._http.ask(
            WorkerPage, Request("POST", "/v1/workers/replace", body={}, idempotency_key=idempotency_key)
        )
