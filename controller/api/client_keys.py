"""The part of the typed client for API keys and sessions of the console."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from controller.api.client_transport import ClientTransport
from controller.api.models.keys import ConsoleSessionPage, KeyAnswer, KeyCreated, KeyPage


class KeyMethods(ClientTransport):
    def list_keys(self) -> KeyPage:
        """Also the tokens of the config."""
        return self._ask(KeyPage, "GET", "/v1/keys")

    def create_key(self, name: str, *, scopes: Sequence[str], **limits: Any) -> KeyCreated:
        """`agents`, `trunks`, `sources`, `expires_at`, `comment`. The key is in the answer and nowhere else."""
        sent = {"name": name, "scopes": list(scopes), **_sent(limits)}
        return self._ask(
            KeyCreated, "POST", "/v1/keys", json={key: value for key, value in sent.items() if value is not None}
        )

    def show_key(self, key: str) -> KeyAnswer:
        return self._ask(KeyAnswer, "GET", _path(key))

    def change_key(self, key: str, *, version: int | None = None, **values: Any) -> KeyAnswer:
        """As `create_key`, with `scopes`; None is no limit any more. `version`: refused unless it is still that one."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return self._ask(KeyAnswer, "PATCH", _path(key), json=_sent(values), headers=headers)

    def revoke_key(self, key: str) -> None:
        self._send("DELETE", _path(key))

    def list_sessions(self) -> ConsoleSessionPage:
        """List console sessions."""
        return self._ask(ConsoleSessionPage, "GET", "/v1/sessions")

    def end_session(self, session: str) -> None:
        self._send("DELETE", f"/v1/sessions/{quote(session, safe='')}")


def _path(key: str) -> str:
    return f"/v1/keys/{quote(key, safe='')}"


def _sent(values: dict[str, Any]) -> dict[str, Any]:
    """Moments as text."""
    return {
        name: value.astimezone().isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }
