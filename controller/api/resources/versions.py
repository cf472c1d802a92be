"""The resources of what has versions: agents, routes, HTTP tools, tool servers, webhooks, limits of trunks.

Owns paths, preconditions (`If-Match`) and problems; one set of operations for all kinds. `versions.editor` does the
work.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import hdrs, web

from controller.api.models.resources import (
    ChangeAnswer,
    CheckDraft,
    Checked,
    DiffAnswer,
    DiffQuery,
    ImportConfig,
    Imported,
    Publish,
    PutDraft,
    ResourceAnswer,
    ResourceInfo,
    ResourcePage,
    RollBack,
    SetTrial,
    VersionAnswer,
    VersionInfo,
    VersionPage,
    VersionQuery,
    etag_of,
    fields_of,
)
from controller.api.operation import AUDIT_DETAILS, ApiRequest, ApiResponse, Operation
from controller.api.problems import Problem
from controller.api.request_body import LARGEST_WITH_PROMPT
from controller.api.resources.configuration import ConfigResources, invalid
from controller.api.resources.routes import RouteTestResources
from controller.api.resources.tool_tries import RunTool, ToolTryResources
from controller.config import ConfigErrors, CurrentConfig
from controller.config.differences import changes, lines
from controller.config.resources import Key
from controller.versions.editor import FromFile, ResourceEditor, Which
from controller.versions.edits import NoSuchResource, Upon
from controller.versions.publisher import Publisher, TooManyPublish
from controller.versions.repository import EditConflict, Resource

LARGEST_IMPORT = 5 << 20
MOST_AUDITED, LONGEST_AUDITED = 100, 2000
"""Changes that one line of the audit log tells, and characters of a value."""
HOW_TO_SWITCH = (
    "The config file has the agents and the like: edit it, and have it read again (`voiceai reload`). To edit them "
    "here, set `resources.source: store` in the file and restart: the first start imports them."
)
_NEEDED = "Say upon what: `If-Match` with the ETag of what you have read, or `If-None-Match: *` for what is new."

_PATH = "/v1/resources/{kind}/{name}"

R = TypeVar("R")


def _told(handle: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
    """What the editor refuses, as problems."""

    @wraps(handle)
    async def handled(self: Any, asked: ApiRequest) -> R:
        try:
            return await handle(self, asked)
        except NoSuchResource as reason:
            raise Problem("unknown-resource", str(reason)) from None
        except EditConflict:
            raise Problem("changed-meanwhile") from None
        except FromFile:
            raise Problem("file-source", HOW_TO_SWITCH) from None
        except TooManyPublish:
            raise Problem("changed-meanwhile", "Others publish all the time: try again.") from None
        except ConfigErrors as errors:
            raise invalid(errors) from None

    return handled


def configuration_operations(current: CurrentConfig, publisher: Publisher, run: RunTool) -> tuple[Operation, ...]:
    """The configuration in force, the file, what has versions, tools tried by `run`, and who would answer."""
    editor = ResourceEditor(publisher)
    versions = VersionResources(editor, lambda: "store" if publisher.from_store else "file")
    of_file, routes = ConfigResources(current, publisher), RouteTestResources(current, editor)
    tries = ToolTryResources(publisher, run)
    return (*of_file.operations(), *versions.operations(), *tries.operations(), *routes.operations())


class VersionResources:
    def __init__(self, editor: ResourceEditor, source: Callable[[], str]) -> None:
        """`source`: who has the resources, `file` or `store`."""
        self._editor = editor
        self._source = source

    def operations(self) -> tuple[Operation, ...]:
        return (*self._reads(), *self._drafts(), *self._publications())

    def _reads(self) -> tuple[Operation, ...]:
        problems = ("unknown-resource", "store-away")
        common: dict[str, Any] = {"scopes": ("read",), "tag": "resources", "problems": problems}
        tagged = {"headers": _TAGGED}
        return (
            Operation(
                *("list_resources", "GET", "/v1/resources/{kind}", "List resources", self.list, ResourcePage), **common
            ),
            Operation(
                *("show_resource", "GET", _PATH, "Get a resource: published version and draft"),
                *(self.show, ResourceAnswer),
                **common | tagged,
            ),
            Operation(
                *(
                    "list_versions",
                    "GET",
                    f"{_PATH}/versions",
                    "All versions, newest first",
                    self.versions,
                    VersionPage,
                ),
                query=VersionQuery,
                **common,
            ),
            Operation(
                *("show_version", "GET", f"{_PATH}/versions/{{version:[0-9]{{1,9}}}}", "Get version", self.version),
                VersionAnswer,
                **common,
            ),
            Operation(
                *("diff_versions", "GET", f"{_PATH}/diff", "Compare two versions", self.diff, DiffAnswer),
                query=DiffQuery,
                **common,
            ),
            Operation(
                *("export_config", "GET", "/v1/config/export", "Export the published resources"),
                self.export,
                media="application/yaml",
                **common | {"problems": ("store-away",)},
            ),
        )

    def _drafts(self) -> tuple[Operation, ...]:
        common: dict[str, Any] = {"scopes": ("config",), "tag": "resources"}
        refused = ("unknown-resource", "file-source", "changed-meanwhile", "precondition-required", "store-away")
        changed = {"headers": _TAGGED, "request_headers": _UPON, "problems": refused}
        return (
            Operation(
                *("put_draft", "PUT", f"{_PATH}/draft", "Save a draft", self.put, ResourceAnswer),
                body=PutDraft,
                largest=LARGEST_WITH_PROMPT,
                **common | changed | {"problems": (*refused, "invalid-config")},
            ),
            Operation(
                *("drop_draft", "DELETE", f"{_PATH}/draft", "Delete it", self.drop, ResourceAnswer),
                also={HTTPStatus.NO_CONTENT: None},
                **common | changed,
            ),
            Operation(
                *("validate_draft", "POST", f"{_PATH}/validate", "Check a draft", self.check, Checked),
                body=CheckDraft,
                largest=LARGEST_WITH_PROMPT,
                repeatable=True,
                **common | {"problems": ("unknown-resource", "invalid-config", "store-away")},
            ),
        )

    def _publications(self) -> tuple[Operation, ...]:
        refused = ("unknown-resource", "file-source", "changed-meanwhile", "precondition-required", "invalid-config")
        common: dict[str, Any] = {"scopes": ("config",), "tag": "resources", "problems": (*refused, "store-away")}
        changed: dict[str, Any] = {"headers": _TAGGED, "request_headers": _UPON}
        return (
            Operation(
                *("publish_draft", "POST", f"{_PATH}/publish", "Publish the draft for new calls", self.publish),
                *(ResourceAnswer,),
                body=Publish,
                **common | changed,
            ),
            Operation(
                *("roll_back", "POST", f"{_PATH}/rollback", "Publish an older version again", self.roll_back),
                *(ResourceAnswer,),
                body=RollBack,
                **common | changed,
            ),
            Operation(
                *("set_trial", "PUT", f"{_PATH}/trial", "Give a version a share of an agent's new calls", self.try_),
                *(ResourceAnswer,),
                body=SetTrial,
                **common | changed,
            ),
            Operation(
                *("end_trial", "DELETE", f"{_PATH}/trial", "End a trial", self.end_trial),
                *(ResourceAnswer,),
                **common | changed,
            ),
            Operation(
                *("delete_resource", "DELETE", _PATH, "Delete an unused resource", self.delete),
                status=HTTPStatus.NO_CONTENT,
                request_headers=_UPON,
                **common,
            ),
            Operation(
                *("import_config", "POST", "/v1/config/import", "Import a config file", self.import_text),
                *(Imported,),
                body=ImportConfig,
                largest=LARGEST_IMPORT,
                **common | {"problems": ("file-source", "changed-meanwhile", "invalid-config", "store-away")},
            ),
        )

    # ------------------------------------------------------------ reading

    @_told
    async def list(self, asked: ApiRequest) -> ResourcePage:
        found = await self._editor.all(asked.part("kind"))
        told = tuple(ResourceInfo.model_validate(fields_of(each)) for each in found)
        return ResourcePage(source=self._source(), resources=told)

    @_told
    async def show(self, asked: ApiRequest) -> ApiResponse:
        return _answer(await self._editor.find(_key(asked)))

    @_told
    async def versions(self, asked: ApiRequest) -> VersionPage:
        query = asked.query
        found = await self._editor.versions(_key(asked), before=query.before, limit=query.limit)
        more = found[-1].version if len(found) == query.limit else None
        return VersionPage(versions=tuple(map(VersionInfo.model_validate, found)), next=more)

    @_told
    async def version(self, asked: ApiRequest) -> VersionAnswer:
        return VersionAnswer.of(await self._editor.version(_key(asked), int(asked.part("version"))))

    @_told
    async def diff(self, asked: ApiRequest) -> DiffAnswer:
        key = _key(asked)
        before, after = [await self._editor.content(key, _which(getattr(asked.query, each))) for each in ("from", "to")]
        told = tuple(map(ChangeAnswer.of, changes(before, after)))
        shown = await asyncio.to_thread(lines, before, after)  # seconds, for texts of a megabyte
        return DiffAnswer(changes=told, lines=tuple(shown))

    async def export(self, _: ApiRequest) -> web.Response:
        return web.Response(text=await self._editor.export(), content_type="application/yaml")

    # ------------------------------------------------------------ writing

    @_told
    async def put(self, asked: ApiRequest) -> ApiResponse:
        key, upon = _change(asked)
        _name(key)
        before = await self._before(key, "draft")
        found = await self._editor.put_draft(key, asked.body.content, upon=upon, by=asked.by)
        _audit(asked, key, before, asked.body.content)
        return _answer(found)

    @_told
    async def drop(self, asked: ApiRequest) -> ApiResponse | web.Response:
        key, upon = _change(asked)
        found = await self._editor.drop_draft(key, upon=upon)
        _audit(asked, key)
        return _answer(found) if found is not None else web.Response(status=HTTPStatus.NO_CONTENT)

    @_told
    async def check(self, asked: ApiRequest) -> Checked:
        key = _key(asked)
        _name(key)
        await self._editor.check(key, asked.body.content)
        return Checked()

    @_told
    async def publish(self, asked: ApiRequest) -> ApiResponse:
        key, upon = _change(asked)
        before = await self._before(key, "published")
        found = await self._editor.publish(key, upon=upon, by=asked.by, comment=asked.body.comment)
        _audit_published(asked, before, found)
        return _answer(found)

    @_told
    async def roll_back(self, asked: ApiRequest) -> ApiResponse:
        (key, upon), body = _change(asked), asked.body
        before = await self._before(key, "published")
        found = await self._editor.roll_back(key, body.version, upon=upon, by=asked.by, comment=body.comment)
        _audit_published(asked, before, found)
        return _answer(found)

    @_told
    async def try_(self, asked: ApiRequest) -> ApiResponse:
        (key, upon), body = _change(asked), asked.body
        found = await self._editor.set_trial(key, body.version, body.share, upon=upon)
        asked.request[AUDIT_DETAILS] |= {"version": body.version, "share": body.share}
        return _answer(found)

    @_told
    async def end_trial(self, asked: ApiRequest) -> ApiResponse:
        key, upon = _change(asked)
        return _answer(await self._editor.end_trial(key, upon=upon))

    @_told
    async def delete(self, asked: ApiRequest) -> web.Response:
        key, upon = _change(asked)
        before = await self._before(key, "published")
        await self._editor.delete(key, upon=upon)
        _audit(asked, key, before, None)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    @_told
    async def import_text(self, asked: ApiRequest) -> Imported:
        body = asked.body
        found = await self._editor.import_text(body.yaml, by=asked.by, comment=body.comment, dry_run=body.dry_run)
        changed = tuple("/".join(key) for key in found)
        asked.request[AUDIT_DETAILS] = {"changed": list(changed[:MOST_AUDITED]), "dry_run": body.dry_run}
        return Imported(changed=changed)

    async def _before(self, key: Key, which: Which) -> Any:
        """None: there is none."""
        try:
            return await self._editor.content(key, which)
        except NoSuchResource:
            return None


_TAGGED: dict[str, str] = {hdrs.ETAG: "For `If-Match`."}
_UPON: dict[str, str] = {
    hdrs.IF_MATCH: "The ETag of what is changed: nobody else's change is undone. `*`: whatever is there. Needed.",
    hdrs.IF_NONE_MATCH: "`*`, instead, for what is new.",
}


def _key(asked: ApiRequest) -> Key:
    return asked.part("kind"), asked.part("name")


def _change(asked: ApiRequest) -> tuple[Key, Upon]:
    """What is to be changed, and upon what. Raises as `_upon`."""
    kind, name = key = _key(asked)
    asked.request[AUDIT_DETAILS] = {"kind": kind[:64], "name": name[:64]}  # also of a change that is refused
    return key, _upon(asked)


def _name(key: Key) -> None:
    """Raises Problem 422: a name that no store keeps."""
    if len(key[1]) > 64:
        raise Problem("invalid-config", errors=({"path": key[1][:64], "detail": "has a name that is too long"},))


def _which(text: str) -> Which:
    return "published" if text == "published" else "draft" if text == "draft" else int(text)


def _upon(asked: ApiRequest) -> Upon:
    """Raises Problem 428, and 412 for what can be no tag of ours."""
    headers = asked.request.headers
    match, none = headers.get(hdrs.IF_MATCH), headers.get(hdrs.IF_NONE_MATCH)
    if match is None and none is None:
        raise Problem("precondition-required", _NEEDED)
    if match is None:
        if none != "*":
            raise Problem("changed-meanwhile", "`If-None-Match` can only be `*`.")
        return Upon()
    if match.strip() == "*":
        return Upon(anything=True)
    text = match.strip().removeprefix('"').removesuffix('"')
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Problem("changed-meanwhile", "`If-Match` names no state of this resource.")
    return Upon(edit=int(text))


def _answer(found: Resource) -> ApiResponse:
    return ApiResponse(ResourceAnswer.of(found), {hdrs.ETAG: etag_of(found)})


def _audit_published(asked: ApiRequest, before: Any, found: Resource) -> None:
    after = found.published
    _audit(asked, found.key, before, after.content if after else None, version=after.version if after else None)


def _audit(asked: ApiRequest, key: Key, before: Any = None, after: Any = None, **more: Any) -> None:
    told = [
        {"path": each.path, "kind": each.kind, "before": _short(each.before), "after": _short(each.after)}
        for each in changes(before, after)
    ]
    left = len(told) - MOST_AUDITED
    more |= {"changes_left_out": left} if left > 0 else {}
    asked.request[AUDIT_DETAILS] = {"kind": key[0], "name": key[1], **more, "changes": told[:MOST_AUDITED]}


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else repr(value)
    return value if len(text) <= LONGEST_AUDITED else text[:LONGEST_AUDITED] + "…"
