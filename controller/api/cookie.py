"""The cookie in which the console keeps its token, and whether a request that brings it may count.

Owns the cookie's name and attributes. A browser sends cookies by itself, so one counts only in a request that the
console's own page has made (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/; where a browser does not send that,
as over plain HTTP to another machine, the `Origin`). A token in a header needs none of this.
"""

import base64
import binascii
from urllib.parse import urlsplit

from aiohttp import hdrs, web

NAME = "voiceai"
SECONDS = 12 * 3600
"""A day's work; then the token is asked for again."""
LONGEST = 1024
"""Characters of a token. Browsers keep 4096 bytes of a cookie."""
ELSEWHERE = "A request with the console's cookie has to come from the console's own page."

_SAFE = frozenset({"GET", "HEAD"})


def shown(request: web.Request) -> str | None:
    """The token in the cookie; None: there is none. Text that is no token of ours is as good as a wrong one."""
    value = request.cookies.get(NAME)
    if value is None:
        return None
    try:
        return base64.b64decode(value.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        return ""


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


def give(response: web.Response, request: web.Request, token: str) -> None:
    value = base64.urlsafe_b64encode(token.encode()).decode()
    response.set_cookie(
        NAME, value, max_age=SECONDS, path="/", httponly=True, samesite="Strict", secure=_encrypted(request)
    )


def take(response: web.Response, request: web.Request) -> None:
    response.del_cookie(NAME, path="/", httponly=True, samesite="Strict", secure=_encrypted(request))


def _encrypted(request: web.Request) -> bool:
    """By us, or by the proxy in front. Who lies about it, hurts their own cookie only."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
