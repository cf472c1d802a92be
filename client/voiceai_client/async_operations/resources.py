"""Operations of the API: resources. Made from the OpenAPI document (`make reference`)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.resources import (
    Checked,
    ComparisonAnswer,
    DiffAnswer,
    ResourceAnswer,
    ResourcePage,
    ToolTried,
    VersionAnswer,
    VersionInfo,
    VersionPage,
)
from voiceai_client.requests import Request, given, path_of


class AsyncResourcesOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self, kind: str) -> ResourcePage:
        """List resources. Scope: read. Problems: unknown-resource."""
        url = path_of("/v1/resources/{kind}", kind=kind)
        return await self._http.ask(ResourcePage, Request("GET", url))

    async def show(self, kind: str, name: str) -> ResourceAnswer:
        """Get a resource: published version and draft. Scope: read. Problems: unknown-resource."""
        url = path_of("/v1/resources/{kind}/{name}", kind=kind, name=name)
        return await self._http.ask(ResourceAnswer, Request("GET", url))

    async def delete(
        self, kind: str, name: str, *, if_match: str | None = None, if_none_match: str | None = None
    ) -> None:
        """Delete an unused resource. Scope: config. Problems: unknown-resource, file-source, changed-meanwhile,
        precondition-required, invalid-config.

        if_match: The ETag of what is changed: nobody else's change is undone. `*`: whatever is there. Needed.
        if_none_match: `*`, instead, for what is new.
        """
        url = path_of("/v1/resources/{kind}/{name}", kind=kind, name=name)
        await self._http.send(
            Request("DELETE", url, headers=given({"If-Match": if_match, "If-None-Match": if_none_match}))
        )

    async def list_versions(
        self, kind: str, name: str, *, limit: int | None = None, before: int | None = None
    ) -> VersionPage:
        """All versions, newest first. Scope: read. Problems: unknown-resource.

        limit: Default: 100.
        before: The `next` of the page before this one.
        """
        url = path_of("/v1/resources/{kind}/{name}/versions", kind=kind, name=name)
        asked = given({"limit": limit, "before": before})
        return await self._http.ask(VersionPage, Request("GET", url, query=asked))

    async def all_versions(self, kind: str, name: str, *, limit: int | None = None) -> AsyncIterator[VersionInfo]:
        """As `list_versions`, page by page until the last one. `limit`: of a page."""
        before: int | None = None
        while True:
            page = await self.list_versions(kind, name, limit=limit, before=before)
            for each in page.versions:
                yield each
            if page.next is None:
                return
            before = page.next

    async def show_version(self, kind: str, name: str, version: str | int) -> VersionAnswer:
        """Get version. Scope: read. Problems: unknown-resource."""
        url = path_of("/v1/resources/{kind}/{name}/versions/{version}", kind=kind, name=name, version=version)
        return await self._http.ask(VersionAnswer, Request("GET", url))

    async def diff_versions(
        self, kind: str, name: str, *, from_: str | None = None, to: str | None = None
    ) -> DiffAnswer:
        """Compare two versions. Scope: read. Problems: unknown-resource.

        from_: The number of a version, `published` or `draft`. Default: 'published'.
        to: As for the other version. Default: 'draft'.
        """
        url = path_of("/v1/resources/{kind}/{name}/diff", kind=kind, name=name)
        asked = given({"from": from_, "to": to})
        return await self._http.ask(DiffAnswer, Request("GET", url, query=asked))

    async def put_draft(
        self,
        kind: str,
        name: str,
        *,
        content: Mapping[str, Any] | Sequence[Any],
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> ResourceAnswer:
        """Save a draft. Scope: config. Problems: unknown-resource, file-source, changed-meanwhile,
        precondition-required, invalid-config.

        content: As in config.yaml. For routes, the whole list.
        if_match: The ETag of what is changed: nobody else's change is undone. `*`: whatever is there. Needed.
        if_none_match: `*`, instead, for what is new.
        """
        url = path_of("/v1/resources/{kind}/{name}/draft", kind=kind, name=name)
        sent = given({"content": content})
        return await self._http.ask(
            ResourceAnswer,
            Request("PUT", url, body=sent, headers=given({"If-Match": if_match, "If-None-Match": if_none_match})),
        )

    async def drop_draft(
        self, kind: str, name: str, *, if_match: str | None = None, if_none_match: str | None = None
    ) -> ResourceAnswer | None:
        """Delete it. Scope: config. Problems: unknown-resource, file-source, changed-meanwhile,
        precondition-required.

        if_match: The ETag of what is changed: nobody else's change is undone. `*`: whatever is there. Needed.
        if_none_match: `*`, instead, for what is new.
        """
        url = path_of("/v1/resources/{kind}/{name}/draft", kind=kind, name=name)
        return await self._http.ask_or_none(
            ResourceAnswer,
            Request("DELETE", url, headers=given({"If-Match": if_match, "If-None-Match": if_none_match})),
        )

    async def validate_draft(
        self,
        kind: str,
        name: str,
        *,
        content: Mapping[str, Any] | Sequence[Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Checked:
        """Check a draft. Scope: config. Problems: unknown-resource, invalid-config.

        content: Default: the saved draft.
        """
        url = path_of("/v1/resources/{kind}/{name}/validate", kind=kind, name=name)
        sent = given({"content": content})
        return await self._http.ask(Checked, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    async def publish_draft(
        self,
        kind: str,
        name: str,
        *,
        comment: str | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> ResourceAnswer:
        """Publish the draft for new calls. Scope: config. Problems: unknown-resource, file-source, changed-meanwhile,
        precondition-required, invalid-config.

        comment: What was changed, for the list of versions.
        if_match: The ETag of what is changed: nobody else's change is undone. `*`: whatever is there. Needed.
        if_none_match: `*`, instead, for what is new.
        """
        url = path_of("/v1/resources/{kind}/{name}/publish", kind=kind, name=name)
        sent = given({"comment": comment})
        return await self._http.ask(
            ResourceAnswer,
            Request(
                "POST",
                url,
                body=sent,
                headers=given({"If-Match": if_match, "If-None-Match": if_none_match}),
                idempotency_key=idempotency_key,
            ),
        )

    async def roll_back(
        self,
        kind: str,
        name: str,
        *,
        version: int,
        comment: str | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> ResourceAnswer:
        """Publish an older version again. Scope: config. Problems: unknown-resource, file-source, changed-meanwhile,
        precondition-required, invalid-config.

        if_match: The ETag of what is changed: nobody else's change is undone. `*`: whatever is there. Needed.
        if_none_match: `*`, instead, for what is new.
        """
        url = path_of("/v1/resources/{kind}/{name}/rollback", kind=kind, name=name)
        sent = given({"version": version, "comment": comment})
        return await self._http.ask(
            ResourceAnswer,
            Request(
                "POST",
                url,
                body=sent,
                headers=given({"If-Match": if_match, "If-None-Match": if_none_match}),
                idempotency_key=idempotency_key,
            ),
        )

    async def set_trial(
        self,
        kind: str,
        name: str,
        *,
        version: int,
        share: int,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> ResourceAnswer:
        """Give a version a share of an agent's new calls. Scope: config. Problems: unknown-resource, file-source,
        changed-meanwhile, precondition-required, invalid-config.

        share: Percent of the new calls of this agent. The published version gets the others.
        if_match: The ETag of what is changed: nobody else's change is undone. `*`: whatever is there. Needed.
        if_none_match: `*`, instead, for what is new.
        """
        url = path_of("/v1/resources/{kind}/{name}/trial", kind=kind, name=name)
        sent = given({"version": version, "share": share})
        return await self._http.ask(
            ResourceAnswer,
            Request("PUT", url, body=sent, headers=given({"If-Match": if_match, "If-None-Match": if_none_match})),
        )

    async def end_trial(
        self, kind: str, name: str, *, if_match: str | None = None, if_none_match: str | None = None
    ) -> ResourceAnswer:
        """End a trial. Scope: config. Problems: unknown-resource, file-source, changed-meanwhile,
        precondition-required, invalid-config.

        if_match: The ETag of what is changed: nobody else's change is undone. `*`: whatever is there. Needed.
        if_none_match: `*`, instead, for what is new.
        """
        url = path_of("/v1/resources/{kind}/{name}/trial", kind=kind, name=name)
        return await self._http.ask(
            ResourceAnswer,
            Request("DELETE", url, headers=given({"If-Match": if_match, "If-None-Match": if_none_match})),
        )

    async def try_http_tool(
        self,
        name: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        draft: bool | None = None,
        idempotency_key: str | None = None,
    ) -> ToolTried:
        """Try a tool: one real request. Scope: config. Problems: unknown-resource, invalid-config.

        arguments: Arguments, as the model would send them.
        draft: true: the draft. Default: the published version.
        """
        url = path_of("/v1/resources/http_tools/{name}/try", name=name)
        sent = given({"arguments": arguments, "draft": draft})
        return await self._http.ask(
            ToolTried, Request("POST", url, body=sent, idempotency_key=idempotency_key, longest_s=75.0)
        )

    async def compare_versions(
        self, name: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> ComparisonAnswer:
        """Compare versions by their calls. Scope: read.

        since: Calls that started at this time or later.
        until: Calls that started before this time.
        """
        url = path_of("/v1/resources/agents/{name}/comparison", name=name)
        asked = given({"since": since, "until": until})
        return await self._http.ask(ComparisonAnswer, Request("GET", url, query=asked))
