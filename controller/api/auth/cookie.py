"""The cookie that holds the id of a session of the console, and whether a request that brings it may count.

Owns the cookie's name and attributes. A browser sends cookies by itself, so one counts only in a request that the
console's own page has made (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/; where a browser does not send that,
as over plain HTTP to another machine, the `Origin`). A token in a header needs none of this.
"""

from urllib.parse import urlsplit

from aiohttp import hdrs, web

NAME = "voiceai"
ELSEWHERE = "A request with the console's cookie has to come from the console's own page."

_SAFE = frozenset({"GET", "HEAD"})


def shown(request: web.Request) -> str | None:
    """The id in the cookie; None: there is none."""
    return request.cookies.get(NAME)


def from_here(request: web.Request) -> bool:
    """The console's own page asks, or for what only reads: the person in front of the browser."""
    safe = request.method in _SAFE
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin" or (safe and site == "none")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return safe
    # Not the scheme: a proxy in front of us may speak TLS.
    return urlsplit(origin).netloc.lower() == request.host.lower()


def give(response: web.Response, request: web.Request, session: str, seconds: float) -> None:
    response.set_cookie(
        NAME, session, max_age=int(seconds), path="/", httponly=True, samesite="Strict", secure=_encrypted(request)
    )


def give_for_sign_in(response: web.Response, request: web.Request, name: str, value: str, seconds: float) -> None:
    """A cookie that comes back with a navigation from the provider's site, and to the console's paths only."""
    response.set_cookie(
        name, value, max_age=int(seconds), path="/console/", httponly=True, samesite="Lax", secure=_encrypted(request)
    )


def take(response: web.Response, request: web.Request) -> None:
    response.del_cookie(NAME, path="/", httponly=True, samesite="Strict", secure=_encrypted(request))


def _encrypted(request: web.Request) -> bool:
    """By us, or by the proxy in front. Who lies about it, hurts their own cookie only."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
