"""The resources that describe the API: the OpenAPI document, a page that shows it, and the pages of problems.

Owns the files of the page, and the policy that lets a browser load nothing from other servers. No token is needed.
"""

import asyncio
import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from controller.api.openapi import document
from controller.api.operation import Operation
from controller.api.resources import problem_pages

PAGE = Path(__file__).parent / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)

_FILES = {"/docs": ("index.html", "text/html"), "/docs/docs.js": ("docs.js", "text/javascript")}
_VENDORED = ("swagger-ui-bundle.js", "swagger-ui.css")
"""Of Swagger UI (page/vendor/LICENSE.txt). They are 2 MB, so they are sent from the disk, and again only if changed."""
_FILES |= {"/docs/docs.css": ("docs.css", "text/css"), "/docs/problems.css": ("problems.css", "text/css")}


def routes(operations: Iterable[Operation]) -> list[web.RouteDef]:
    of_all, made, making = tuple(operations), "", asyncio.Lock()

    async def openapi(_: web.Request) -> web.Response:
        """Made when it is first asked for, as it takes 6 MB, and by a thread, as it takes a third of a second."""
        nonlocal made
        async with making:
            made = made or await asyncio.to_thread(_written, of_all)
        return web.Response(text=made, content_type="application/json")

    pages = [web.get(path, _file(name, kind)) for path, (name, kind) in _FILES.items()]
    pages += [web.get(f"/docs/vendor/{name}", _vendored(name)) for name in _VENDORED]
    return [web.get("/openapi.json", openapi), *pages, *problem_pages.routes(of_all)]


def _written(operations: Iterable[Operation]) -> str:
    return json.dumps(document(operations, release()))


def _file(name: str, kind: str) -> Any:
    text = (PAGE / name).read_text()

    async def serve(_: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)

    return serve


def _vendored(name: str) -> Any:
    async def serve(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / "vendor" / name, headers={hdrs.CACHE_CONTROL: "no-cache"})

    return serve


def release() -> str:
    """Of voiceai, as it is installed."""
    try:
        return version("voiceai")
    except PackageNotFoundError:  # not installed as a package
        return "0"
