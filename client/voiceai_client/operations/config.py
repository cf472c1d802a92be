"""Operations of the API: config. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.models.config import ConfigAnswer, Imported, ReloadAnswer
from voiceai_client.requests import Request, given
from voiceai_client.sync_http import SyncHttp


class ConfigOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def show(self) -> ConfigAnswer:
        """The configuration in force, without secrets. Scope: config."""
        return self._http.ask(ConfigAnswer, Request("GET", "/v1/config"))

    def reload(self, *, idempotency_key: str | None = None) -> ReloadAnswer:
        """Reload the config file. Scope: config. Problems: invalid-config."""
        return self._http.ask(
            ReloadAnswer, Request("POST", "/v1/config/reload", body={}, idempotency_key=idempotency_key)
        )

    def export(self) -> str:
        """Export the published resources. Scope: read."""
        return self._http.text(Request("GET", "/v1/config/export"))

    def import_yaml(
        self, *, yaml: str, comment: str | None = None, dry_run: bool | None = None, idempotency_key: str | None = None
    ) -> Imported:
        """Import a config file. Scope: config. Problems: file-source, changed-meanwhile, invalid-config.

        yaml: A config file, an export, or a part of one. Its sections replace those in the database completely.
        dry_run: true: only check the file and list what would change. Default: `false`.
        """
        sent = given({"yaml": yaml, "comment": comment, "dry_run": dry_run})
        return self._http.ask(
            Imported, Request("POST", "/v1/config/import", body=sent, idempotency_key=idempotency_key)
        )
