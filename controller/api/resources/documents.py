"""What the API tells of itself: the OpenAPI document, a page that shows it, and the list of problems.

Owns these resources and the files of the page, which are served as they are, with a policy that lets a browser load
nothing from elsewhere. Nothing here needs a token: it is the same for everybody.
"""

import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from controller.api.openapi import document
from controller.api.operation import Operation
from controller.api.problems import TITLES, Problem

PAGE = Path(__file__).parent / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)

_FILES = {"/docs": ("index.html", "text/html"), "/docs/docs.js": ("docs.js", "text/javascript")}
_FILES |= {"/docs/docs.css": ("docs.css", "text/css")}


def routes(operations: Iterable[Operation]) -> list[web.RouteDef]:
    told = json.dumps(document(operations, _version()))

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(text=told, content_type="application/json")

    pages = [web.get(path, _file(name, kind)) for path, (name, kind) in _FILES.items()]
    return [web.get("/openapi.json", openapi), *pages, web.get("/problems/{type}", _problem)]


def _file(name: str, kind: str) -> Any:
    text = (PAGE / name).read_text()

    async def serve(_: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)

    return serve


async def _problem(request: web.Request) -> web.Response:
    """What a problem's `type` leads to."""
    type_ = request.match_info["type"]
    if type_ == "http-error":
        text = "What the HTTP server refuses by itself; the status says why"
    elif type_ in TITLES:
        status, title = TITLES[type_]
        text = f"{title}\n\nHTTP status {int(status)}"
    else:
        raise Problem("not-found")
    text += f". More in docs/api.md#problem-{type_}\n"
    return web.Response(text=text, content_type="text/plain", headers={hdrs.CACHE_CONTROL: "no-store"})


def _version() -> str:
    try:
        return version("voiceai")
    except PackageNotFoundError:  # run from a folder that was not installed
        return "0"
