"""The files of the console, as they lie in `static`: no build step, nothing from elsewhere.

Owns their paths, their caching and the policy under which a browser runs them. All but the page itself lie under the
hash of them all: a browser keeps them for ever, and a new release is another path. Nothing here needs a token.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
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

_SAFE = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
_NOTICE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · voiceai</title><link rel="stylesheet" href="{css}"></head>
<body><main id="main" class="notice"><h1>{title}</h1><p>{text}</p><p class="buttons">{ways}</p></main></body></html>
"""
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    kind: str
    tag: str


@cache
def _read() -> tuple[str, dict[str, File]]:
    """The hash of all files, and each by its path."""
    found = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.suffix in _KINDS}
    build = _digest(*(part for name, path in found.items() for part in (name.encode(), path.read_bytes())))
    return build, {name: _file(path.read_bytes(), path.suffix) for name, path in found.items()}


def routes(connect: Iterable[str] = ()) -> list[web.RouteDef]:
    """Reads all files once. `connect`: origins besides our own that pages may connect to."""
    policy = POLICY.replace("connect-src 'self'", " ".join(("connect-src 'self'", *connect)))
    build, files = _read()[0], dict(_read()[1])
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


def notice(title: str, text: str, links: Mapping[str, str], status: int) -> web.Response:
    """A page without script, for what goes wrong before there is a session."""
    ways = " ".join(f'<a class="button" href="{escape(to)}">{escape(name)}</a>' for name, to in links.items())
    page = _NOTICE.format(title=escape(title), text=escape(text), ways=ways, css=f"{ROOT}{_read()[0]}/style/base.css")
    headers = {hdrs.CACHE_CONTROL: "no-store", **_SAFE}
    return web.Response(text=page, status=status, content_type="text/html", charset="utf-8", headers=headers)


def _file(body: bytes, suffix: str) -> File:
    return File(body, _KINDS[suffix], f'"{_digest(body)}"')


def _digest(*parts: bytes) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)
    return made.hexdigest()[:12]


def _answer(request: web.Request, file: File, caching: str, policy: str) -> web.Response:
    headers: dict[str, str] = {hdrs.CACHE_CONTROL: caching, hdrs.ETAG: file.tag, **_SAFE}
    headers["Content-Security-Policy"] = policy
    if file.tag in (each.strip().removeprefix("W/") for each in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")):
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, content_type=file.kind, charset="utf-8", headers=headers)
