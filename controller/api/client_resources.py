"""The part of the typed client for the configuration: its file, and resources with versions."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from controller.api.client_transport import TIMEOUT_SECONDS, ClientTransport
from controller.api.models.base import Answer
from controller.api.models.history import ComparisonAnswer
from controller.api.models.resources import (
    Checked,
    DiffAnswer,
    Imported,
    ResourceAnswer,
    ResourcePage,
    VersionAnswer,
    VersionPage,
)
from controller.api.models.routes import RouteAnswer
from controller.api.models.system import ConfigAnswer, ReloadAnswer
from controller.api.models.tool_tries import ToolTried

A = TypeVar("A", bound=Answer)

LONGEST_TOOL_S = 60.0
"""The longest timeout that a tool may have."""


class ResourceMethods(ClientTransport):
    """`kind`: agents, routes, http_tools, mcp, webhooks or trunk-limits. `etag`: that of what is changed, as
    `show_resource` told it; None: it is new."""

    def show_config(self) -> ConfigAnswer:
        return self._ask(ConfigAnswer, "GET", "/v1/config")

    def reload_config(self) -> ReloadAnswer:
        """The controller reads its config file again."""
        return self._ask(ReloadAnswer, "POST", "/v1/config/reload", json={})

    def export_config(self) -> str:
        """What is published, as a part of a config file."""
        return self._send("GET", "/v1/config/export").text

    def import_config(self, yaml: str, *, comment: str = "", dry_run: bool = False) -> Imported:
        """Sections that it has replace those of the store."""
        sent = {"yaml": yaml, "comment": comment, "dry_run": dry_run}
        return self._ask(Imported, "POST", "/v1/config/import", json=sent)

    def list_resources(self, kind: str) -> ResourcePage:
        return self._ask(ResourcePage, "GET", f"/v1/resources/{quote(kind, safe='')}")

    def show_resource(self, kind: str, name: str) -> ResourceAnswer:
        return self._ask(ResourceAnswer, "GET", _path(kind, name))

    def put_draft(self, kind: str, name: str, content: Any, *, etag: str | None) -> ResourceAnswer:
        return self._change(ResourceAnswer, "PUT", _path(kind, name, "draft"), etag, json={"content": content})

    def drop_draft(self, kind: str, name: str, *, etag: str) -> None:
        self._send("DELETE", _path(kind, name, "draft"), headers=_upon(etag))

    def validate_draft(self, kind: str, name: str, content: Any = None) -> Checked:
        """Raises ApiProblem `invalid-config` with all that is wrong. Without `content`: the draft that is kept."""
        return self._ask(Checked, "POST", _path(kind, name, "validate"), json={"content": content})

    def publish_draft(self, kind: str, name: str, *, etag: str, comment: str = "") -> ResourceAnswer:
        return self._change(ResourceAnswer, "POST", _path(kind, name, "publish"), etag, json={"comment": comment})

    def roll_back(self, kind: str, name: str, version: int, *, etag: str, comment: str = "") -> ResourceAnswer:
        sent = {"version": version, "comment": comment}
        return self._change(ResourceAnswer, "POST", _path(kind, name, "rollback"), etag, json=sent)

    def set_trial(self, kind: str, name: str, version: int, share: int, *, etag: str) -> ResourceAnswer:
        """The version gets so many of 100 new calls of the agent."""
        sent = {"version": version, "share": share}
        return self._change(ResourceAnswer, "PUT", _path(kind, name, "trial"), etag, json=sent)

    def end_trial(self, kind: str, name: str, *, etag: str) -> ResourceAnswer:
        return self._change(ResourceAnswer, "DELETE", _path(kind, name, "trial"), etag)

    def compare_versions(self, name: str, **query: Any) -> ComparisonAnswer:
        """Of an agent, by its calls. `since`, `until`."""
        wanted = {key: value for key, value in query.items() if value is not None}
        return self._ask(ComparisonAnswer, "GET", _path("agents", name, "comparison"), params=wanted)

    def delete_resource(self, kind: str, name: str, *, etag: str) -> None:
        self._send("DELETE", _path(kind, name), headers=_upon(etag))

    def list_versions(self, kind: str, name: str, **query: Any) -> VersionPage:
        """`limit`, `before`."""
        wanted = {key: value for key, value in query.items() if value is not None}
        return self._ask(VersionPage, "GET", _path(kind, name, "versions"), params=wanted)

    def show_version(self, kind: str, name: str, version: int) -> VersionAnswer:
        return self._ask(VersionAnswer, "GET", _path(kind, name, "versions", str(version)))

    def diff_versions(self, kind: str, name: str, before: str = "published", after: str = "draft") -> DiffAnswer:
        """Each a number, `published` or `draft`."""
        return self._ask(DiffAnswer, "GET", _path(kind, name, "diff"), params={"from": before, "to": after})

    def test_route(self, to: str, **body: Any) -> RouteAnswer:
        """Which agent would answer. `caller`, `trunk`, `variables`, `at`, `routes`."""
        sent = {"to": to} | {key: value for key, value in body.items() if value is not None}
        return self._ask(RouteAnswer, "POST", "/v1/routes/test", json=sent)

    def try_http_tool(self, name: str, arguments: Mapping[str, Any], *, draft: bool = False) -> ToolTried:
        """One real request, within the tool's own timeout."""
        sent, path = {"arguments": arguments, "draft": draft}, _path("http_tools", name, "try")
        return self._ask(ToolTried, "POST", path, json=sent, timeout=LONGEST_TOOL_S + TIMEOUT_SECONDS)

    def _change(self, kind: type[A], method: str, path: str, etag: str | None, **more: Any) -> A:
        return self._ask(kind, method, path, headers=_upon(etag), **more)


def _upon(etag: str | None) -> dict[str, str]:
    return {"If-None-Match": "*"} if etag is None else {"If-Match": etag}


def _path(*parts: str) -> str:
    return "/v1/resources/" + "/".join(quote(each, safe="") for each in parts)
