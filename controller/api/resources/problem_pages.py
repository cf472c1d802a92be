"""The pages at the `type` of a problem: what it means, what to do, and which operations answer with it.

HTML for browsers, text for others. No token is needed.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape

from aiohttp import hdrs, web

from controller.api.operation import Operation
from controller.api.problem_meanings import MEANINGS
from controller.api.problems import TITLES, Problem

POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'"

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>voiceai: {title}</title>
<link rel="stylesheet" href="/docs/problems.css">
</head>
<body>
<p><a href="/docs">HTTP API</a> › <a href="/problems">Problems</a></p>
"""


def routes(operations: Iterable[Operation]) -> list[web.RouteDef]:
    """`/problems`, and `/problems/<type>` of each type."""
    answered = answered_by(operations)

    async def every(request: web.Request) -> web.Response:
        return _answer(request, _list(), "".join(f"{_line(type_)}\n" for type_ in MEANINGS))

    async def one(request: web.Request) -> web.Response:
        type_ = request.match_info["type"]
        if type_ not in MEANINGS:
            raise Problem("not-found")
        return _answer(request, _page(type_, answered.get(type_, ())), f"{_line(type_)}\n\n{MEANINGS[type_]}\n")

    return [web.get("/problems", every), web.get("/problems/{type}", one)]


def answered_by(operations: Iterable[Operation]) -> Mapping[str, list[Operation]]:
    """By type of problem, which operations answer with it, apart from those with which all do."""
    found: dict[str, list[Operation]] = {}
    for each in operations:
        for type_ in dict.fromkeys(each.problems):
            found.setdefault(type_, []).append(each)
    return found


def status_and_title(type_: str) -> tuple[str, str]:
    """Of `http-error` any status."""
    if type_ not in TITLES:
        return "any", "The HTTP server refused the request"
    status, title = TITLES[type_]
    return str(int(status)), title


def _line(type_: str) -> str:
    status, title = status_and_title(type_)
    return f"{type_}: {title} (HTTP status {status})"


def _answer(request: web.Request, html: str, text: str) -> web.Response:
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        return web.Response(text=text, content_type="text/plain", headers={hdrs.VARY: hdrs.ACCEPT})
    headers = {hdrs.VARY: hdrs.ACCEPT, "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return web.Response(text=html, content_type="text/html", charset="utf-8", headers=headers)


def _list() -> str:
    rows = []
    for type_ in MEANINGS:
        status, title = status_and_title(type_)
        link = f'<a href="/problems/{type_}">{type_}</a>'
        rows.append(f"<tr><td>{status}</td><td>{link}</td><td>{escape(title)}</td></tr>")
    table = "<table><thead><tr><th>Status</th><th>Type</th><th>Title</th></tr></thead>"
    head = f"{_HEAD.format(title='Problems')}<h1>Problems</h1>"
    return f"{head}{table}<tbody>{''.join(rows)}</tbody></table></body></html>\n"


def _page(type_: str, operations: Iterable[Operation]) -> str:
    status, title = status_and_title(type_)
    meaning = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(MEANINGS[type_]))
    links = [
        f'<li><a href="/docs#/{each.tag}/{each.name}"><code>{each.method} {escape(plain_path(each))}</code></a> '
        f"{escape(each.summary)}</li>"
        for each in operations
    ]
    listed = f"<h2>Operations that answer with it</h2><ul>{''.join(links)}</ul>" if links else ""
    facts = f"<p>Type <code>/problems/{type_}</code>, HTTP status {status}</p>"
    return f"{_HEAD.format(title=escape(title))}<h1>{escape(title)}</h1>{facts}<p>{meaning}</p>{listed}</body></html>\n"


def plain_path(operation: Operation) -> str:
    """Without the patterns of its parts."""
    return re.sub(r"\{(\w+):[^{}]*(?:\{[^{}]*\})?[^{}]*\}", r"{\1}", operation.path)
