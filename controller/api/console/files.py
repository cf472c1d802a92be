"""The files of the console, as they lie in `static`: no build step, nothing from elsewhere.

Owns their paths, their caching and the policy under which a browser runs them. All but the page itself lie under the
hash of them all: a browser keeps them for ever, and a new release is another path. Nothing here needs a token.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

from controller.api.problems import Problem

STATIC = Path(__file__).parent / "static"
PAGE = "index.html"
ROOT = "/console/"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FOR_EVER = "public, max-age=31536000, immutable"

_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    kind: str
    tag: str


def routes(connect: Iterable[str] = ()) -> list[web.RouteDef]:
    """Reads all files once. `connect`: origins besides our own that pages may connect to."""
    policy = POLICY.replace("connect-src 'self'", " ".join(("connect-src 'self'", *connect)))
    found = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.suffix in _KINDS}
    build = _digest(*(part for name, path in found.items() for part in (name.encode(), path.read_bytes())))
    files = {name: _file(path.read_bytes(), path.suffix) for name, path in found.items()}
    page = _file(files.pop(PAGE).body.replace(b"{build}", build.encode()), ".html")

    async def index(request: web.Request) -> web.Response:
        return _answer(request, page, "no-cache", policy)

    async def part(request: web.Request) -> web.Response:
        wanted = files.get(request.match_info["name"])
        if wanted is None or request.match_info["build"] != build:
            raise Problem("not-found")
        return _answer(request, wanted, FOR_EVER, policy)

    async def to_page(_: web.Request) -> web.Response:
        return web.Response(status=308, headers={hdrs.LOCATION: ROOT})

    return [
        web.get(ROOT.rstrip("/"), to_page),
        web.get(ROOT, index),
        web.get(ROOT + "{build:[0-9a-f]{12}}/{name:[a-z/]+[.][a-z]+}", part),
    ]


def _file(body: bytes, suffix: str) -> File:
    return File(body, _KINDS[suffix], f'"{_digest(body)}"')


def _digest(*parts: bytes) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)
    return made.hexdigest()[:12]


def _answer(request: web.Request, file: File, caching: str, policy: str) -> web.Response:
    headers: dict[str, str] = {
        hdrs.CACHE_CONTROL: caching,
        hdrs.ETAG: file.tag,
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }
    if file.tag in (each.strip().removeprefix("W/") for each in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")):
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, content_type=file.kind, charset="utf-8", headers=headers)
