"""Who may do what: bearer tokens and their scopes.

Owns the comparison of tokens, in constant time and by hash. A token's text is not kept. Who shows wrong ones has
to wait (`strangers`). A token comes in a header, or in the console's cookie (`cookie`).
"""

import hashlib
import hmac
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from controller.api import cookie
from controller.api.pace import RETRY_AFTER, Bucket
from controller.api.problems import PACE, USER, Problem
from controller.api.strangers import Strangers
from controller.config_api import Pace, Scope, Token, granted

GRANTED = web.RequestKey("granted", frozenset[Scope])
"""All that who asks may do."""


@dataclass(frozen=True, slots=True)
class User:
    """`scopes`: all of them, also those that others bring along."""

    name: str
    digest: bytes
    scopes: frozenset[Scope]
    bucket: Bucket = field(compare=False)


class Doorkeeper:
    """Knows all tokens. `let_in` is the gate that each route is registered through. `pace` is for tokens without one of
    their own."""

    def __init__(self, tokens: Iterable[Token], pace: Pace | None = None, strangers: Strangers | None = None) -> None:
        self._users = [_user(token, token.rate or pace or Pace()) for token in tokens]
        self._strangers = Strangers() if strangers is None else strangers

    def user_of(self, request: web.Request) -> User:
        """Raises Problem 401, 429 for an address from which too many wrong tokens came, and 403 for a cookie that
        came along with another site's request."""
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        if given:
            kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
            return self.known(token.strip() if kind.lower() == "bearer" else "", request.remote)
        kept = cookie.shown(request)
        if kept is not None and not cookie.from_here(request):
            raise Problem("forbidden", cookie.ELSEWHERE)
        return self.known(kept, request.remote)

    def known(self, token: str | None, remote: str | None) -> User:
        """Whose token it is; None: none was shown. Raises Problem 401 and 429."""
        digest = _digest(token or "")
        found: User | None = None
        for user in self._users:  # all of them, always: the time taken tells nothing
            if hmac.compare_digest(user.digest, digest):
                found = user
        if not token:
            found = None
        shown = found.name if found else None
        if token is not None and (wait := self._strangers.wait(remote, shown, time.monotonic())):
            raise Problem("too-many-guesses", headers={RETRY_AFTER: str(math.ceil(wait))})
        if found is None:
            wanted = 'Bearer realm="voiceai"' + (', error="invalid_token"' if token is not None else "")
            raise Problem(
                "unauthorized",
                "Send `Authorization: Bearer <token>`, with a token from `api.tokens` in the config.",
                headers={hdrs.WWW_AUTHENTICATE: wanted},
            )
        return found

    def let_in(self, scopes: Sequence[Scope], handler: Handler) -> Handler:
        """`handler` for those whose token has all `scopes` and who don't ask too often."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            user = self.user_of(request)
            request[USER], request[GRANTED] = user.name, user.scopes
            wait = user.bucket.take(time.monotonic())
            request[PACE] = dict(user.bucket.headers(wait))
            if wait:
                raise Problem("too-many-requests")
            if not user.scopes.issuperset(scopes):
                raise lacking(scopes)
            return await handler(request)

        return guarded


def lacking(scopes: Sequence[Scope]) -> Problem:
    """For who does not have all of these."""
    wanted = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
    return Problem("forbidden", f"It needs {in_words(scopes)}.", headers={hdrs.WWW_AUTHENTICATE: wanted})


def in_words(scopes: Sequence[Scope]) -> str:
    named = " and ".join(f"`{scope}`" for scope in scopes)
    return f"the scope{'s' if len(scopes) > 1 else ''} {named}"


def _user(token: Token, pace: Pace) -> User:
    digest = bytes.fromhex(token.token_sha256) if token.token_sha256 else b""
    if token.token is not None:
        digest = _digest(token.token.get_secret_value())
    return User(token.name, digest, granted(token.scopes), Bucket(pace.per_second, pace.burst))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
