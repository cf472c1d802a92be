"""The resource that tries a tool over HTTP: one real request, by the code that a call uses.

Owns how many may be tried at once and in a minute, and that no secret is in the answer, also if the tool's server sends
it back.
"""

import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from aiohttp import hdrs

from bridge.common.token_bucket import TokenBucket
from controller.api.models.tool_tries import ToolTried, TryTool
from controller.api.operation import AUDIT_DETAILS, ApiRequest, Operation
from controller.api.problems import Problem
from controller.api.resources.configuration import invalid
from controller.calls.tools.http import Answer
from controller.calls.tools.request import BadArguments, request_of
from controller.config import ConfigErrors
from controller.config.models.agents import HttpTool
from controller.config.resources import STARS, Content, may_be_plain, references
from controller.versions.editor import ResourceEditor
from controller.versions.edits import NoSuchResource
from controller.versions.publisher import Publisher

AT_ONCE = 5
PER_SECOND, BURST = 0.5, 20
SHORTEST_SECRET = 4
"""Characters. What is shorter would star words that have nothing to do with it."""
_KIND = "http_tools"

RunTool = Callable[[str, str, HttpTool, Mapping[str, Any]], Awaitable[Answer]]


class ToolTryResources:
    def __init__(self, publisher: Publisher, run: RunTool, clock: Callable[[], float] = monotonic) -> None:
        """`run`: `HttpTools.run`."""
        self._publisher = publisher
        self._editor = ResourceEditor(publisher)
        self._run = run
        self._clock = clock
        self._pace = TokenBucket(PER_SECOND, BURST)
        self._running = 0

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("try_http_tool", "POST", "/v1/resources/http_tools/{name}/try", "Try a tool: one real request"),
                *(self.try_, ToolTried),
                body=TryTool,
                problems=("unknown-resource", "invalid-config", "store-away"),
                scopes=("config",),
                tag="resources",
            ),
        )

    async def try_(self, asked: ApiRequest) -> ToolTried:
        """Whatever the tool's server does is an answer. Raises Problem."""
        name, body = asked.part("name"), asked.body
        asked.request[AUDIT_DETAILS] = {"kind": _KIND, "name": name[:64]}
        tool, content = await self._tool(name, draft=body.draft)
        self._admit()
        self._running += 1
        try:
            tried = await self._tried(name, tool, body.arguments, _secrets(tool, content, self._publisher.file.env))
        finally:
            self._running -= 1
        told = {"ok": tried.ok, "reason": tried.reason, "answered": tried.status, "ms": tried.duration_ms}
        asked.request[AUDIT_DETAILS] |= {key: value for key, value in told.items() if value is not None}
        return tried

    def _admit(self) -> None:
        """Raises Problem 429."""
        if self._running >= AT_ONCE:
            raise Problem("too-many-requests", f"{AT_ONCE} tools are being tried.", headers=_after(1))
        if wait := self._pace.take(self._clock()):
            raise Problem("too-many-requests", "Tools are tried too often.", headers=_after(wait))

    async def _tool(self, name: str, *, draft: bool) -> tuple[HttpTool, Content]:
        """Raises Problem."""
        key = (_KIND, name)
        try:
            content = await self._editor.content(key, "draft" if draft else "published")
            config = await self._editor.check(key, content) if draft else self._publisher.current.config
        except NoSuchResource as reason:
            raise Problem("unknown-resource", str(reason)) from None
        except ConfigErrors as errors:
            raise invalid(errors) from None
        if (tool := config.http_tools.get(name)) is None:
            raise Problem("unknown-resource", f"There is no tool `{name}`.")
        return tool, content

    async def _tried(
        self, name: str, tool: HttpTool, arguments: Mapping[str, Any], secrets: Iterable[str]
    ) -> ToolTried:
        try:
            url = request_of(tool, arguments).url
        except BadArguments:
            url = None
        began = self._clock()
        answer = await self._run(f"try-{uuid4()}", name, tool, arguments)
        took = round((self._clock() - began) * 1000)
        failure = answer.failure
        return ToolTried(
            ok=answer.ok,
            output=hidden(answer.output, secrets),
            reason=failure.reason if failure is not None else None,
            detail=failure.detail if failure is not None else "",
            status=answer.status,
            duration_ms=took,
            method=tool.method,
            url=None if url is None else hidden(url, secrets),
        )


def _secrets(tool: HttpTool, content: Content, env: Mapping[str, str]) -> frozenset[str]:
    """The values that must not be shown: of headers, whole and without their scheme, and of references."""
    values = [env.get(name, "") for name in references(content)]
    for header, value in tool.headers.items():
        if not may_be_plain(header):
            values += [value, value.partition(" ")[2]]
    return frozenset(values)


def hidden(text: str, secrets: Iterable[str]) -> str:
    """`text` with stars in place of each secret, as it is, in JSON and in a URL."""
    written = {form for each in secrets if len(each) >= SHORTEST_SECRET for form in _forms(each)}
    for form in sorted(written, key=len, reverse=True):
        text = text.replace(form, STARS)
    return text


def _forms(secret: str) -> tuple[str, ...]:
    return secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe="")


def _after(seconds: float) -> dict[str, str]:
    return {hdrs.RETRY_AFTER: str(math.ceil(seconds))}
