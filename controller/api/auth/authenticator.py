"""Who may do what: tokens, keys, sessions, and their scopes and limits.

A request shows a token or a key (`users`) in a header, or the cookie of a session (`cookie`, `sessions`). Guesses are
slowed down by address (`auth_throttle`). Tokens may change at any time: a stream is cut off when its token or session
is gone.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from bridge.common.auth_throttle import AuthThrottle
from bridge.common.token_bucket import RETRY_AFTER
from controller.api.auth import cookie
from controller.api.auth.limits import Limits
from controller.api.auth.sessions import Sessions, hash_of
from controller.api.auth.users import User, Users
from controller.api.problems import PACE, USER, Problem
from controller.api.work_time import Worked
from controller.config.models.api import Api, Pace, Scope, Token

CHECK_SECONDS = 0.5
"""While an answer is under way: how often it is checked that the token or session still exists."""

GRANTED = web.RequestKey("granted", frozenset[Scope])
"""All scopes of the token that the request came with."""
LIMITS = web.RequestKey("limits", Limits)
"""What its key reaches."""
OWNER = web.RequestKey("owner", str)
"""Whose idempotency keys count: a name that is given away anew has none of those before."""
ELSEWHERE = web.RequestKey("elsewhere", bool)
"""A right key was shown from an address from which it may not be used."""


SESSION = web.RequestKey("session", str)
"""The hash of the session's id, for who has come with a cookie."""
MOST_READS = 200
"""Reading requests of one token that may wait."""
REQUEST_SECONDS = 0.005
"""CPU seconds that count as one request of a token's pace. A request that takes more counts as several."""
OVERDRAWN = 10
"""Requests. A waiting request is refused once its token is this far beyond its pace."""
BEGUN = web.RequestKey("begun", bool)
"""The headers of the answer are sent."""

Lasts = Literal["moment", "download", "stream"]
"""How long an answer takes: a moment, as long as there is something to send, or until one side ends it."""


class Authenticator:
    """All tokens. Each route is registered with `require(scopes, handler)`. `pace`: for tokens without a `rate`."""

    def __init__(
        self,
        tokens: Iterable[Token],
        pace: Pace | None = None,
        throttle: AuthThrottle | None = None,
        sessions: Sessions | None = None,
        most_streams: int = 50,
    ) -> None:
        self.users = Users(tokens, pace)
        self.throttle = AuthThrottle() if throttle is None else throttle
        self.sessions = Sessions() if sessions is None else sessions
        self._most_streams = most_streams
        self._streams: Counter[tuple[str, Lasts]] = Counter()

    @classmethod
    def of(cls, api: Api, sessions: Sessions) -> "Authenticator":
        return cls(api.tokens, api.rate, sessions=sessions, most_streams=api.streams_per_token)

    def end_sessions(self) -> int:
        """Those whose token, key or provider is gone. Returns how many that were."""
        return self.sessions.keep(self.users)

    def user_of(self, request: web.Request) -> User:
        """Raises Problem 401, 403 for an address from which a key may not be used and for a cookie that came along with
        another site's request, and 429 for an address from which too many wrong tokens came."""
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        if given:
            kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
            return self.known(token.strip() if kind.lower() == "bearer" else "", request)
        kept = cookie.shown(request)
        if kept is None:
            return self.known(None, request)
        if not cookie.from_here(request):
            raise Problem("forbidden", cookie.ELSEWHERE)
        request[SESSION] = hash_of(kept)
        found = self._of_session(request[SESSION])
        if found is None:  # no guess: nobody guesses 256 bits, and browsers show old cookies
            raise _unknown("The session is over: log in again.", wrong=True)
        return _admitted(found, request)

    def known(self, token: str | None, request: web.Request) -> User:
        """Whose token it is; None: none was shown. Raises Problem 401, 403 and 429."""
        found = self.users.find(token or "")
        shown = found.name if found else None
        if token is not None and (wait := self.throttle.wait(request.remote, shown, time.monotonic())):
            raise Problem("too-many-guesses", headers={RETRY_AFTER: str(math.ceil(wait))})
        if found is None:
            raise _unknown(
                "Send `Authorization: Bearer <key>`, with an API key or a token from `api.tokens` in the config.",
                wrong=token is not None,
            )
        return _admitted(found, request)

    def require(
        self, scopes: Sequence[Scope], handler: Handler, lasts: Lasts = "moment", *, limited: bool = False
    ) -> Handler:
        """`handler` for requests whose token has all `scopes` and pace left. It raises Problem 401, 403, 429, 503.
        `limited`: it keeps to what a limited key reaches (LIMITS); otherwise such keys are refused."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            user = self.user_of(request)
            request[USER], request[GRANTED], request[LIMITS] = user.name, user.scopes, user.limits
            request[OWNER] = user.key or user.name
            wait = user.bucket.take(time.monotonic())
            request[PACE] = dict(user.bucket.headers(wait))
            if wait:
                raise Problem("too-many-requests")
            if not user.scopes.issuperset(scopes):
                raise lacking(scopes)
            if user.limits.of_calls and not limited:
                raise Problem("forbidden", "This key is limited to some agents or trunks, and this concerns all.")
            if lasts == "moment":
                return await self._answered(user, request, handler)
            with self._open(user, lasts):
                return await self._while_allowed(user, request, handler)

        return guarded

    def watch(self, request: web.Request) -> Callable[[], bool]:
        """Tells from now on whether who has sent this request may still ask for anything."""
        user = self.user_of(request)
        return lambda: self._allowed(user, request)

    # ------------------------------------------------------------ inside

    def _of_session(self, hash_: str) -> User | None:
        session = self.sessions.use(hash_, datetime.now(UTC))
        return self.users.of(session) if session is not None else None

    async def _answered(self, user: User, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Raises Problem 429 for a token whose requests were more work than its pace allows."""
        if request.method not in ("GET", "HEAD"):
            return await self._charged(user, request, handler)
        if user.reads.count >= MOST_READS:
            raise Problem("too-many-requests", headers={RETRY_AFTER: "1"})
        user.reads.count += 1
        try:
            async with user.reads.turn:
                await asyncio.sleep(0)  # whoever else has come in this round waits: so many in each round of the loop
                if user.bucket.level < -OVERDRAWN:
                    wait = math.ceil(-user.bucket.level / user.bucket.per_second)
                    raise Problem("too-many-requests", headers={RETRY_AFTER: str(max(1, wait))})
                return await self._charged(user, request, handler)
        finally:
            user.reads.count -= 1

    async def _charged(self, user: User, request: web.Request, handler: Handler) -> web.StreamResponse:
        work: Worked[web.StreamResponse] = Worked(handler(request), time.thread_time)
        try:
            return await work
        finally:
            user.bucket.level -= max(0.0, work.seconds / REQUEST_SECONDS - 1)

    @contextmanager
    def _open(self, user: User, lasts: Lasts) -> Iterator[None]:
        """Counts streams and downloads of a token: a slow download holds a connection, too. Raises Problem 503."""
        mine = user.name, lasts
        if self._streams[mine] >= self._most_streams:
            detail = f"This token has {self._most_streams} {lasts}s open (api.streams_per_token)."
            raise Problem("too-many-streams", detail, headers={RETRY_AFTER: "10"})
        self._streams[mine] += 1
        try:
            yield
        finally:
            self._streams[mine] -= 1

    async def _while_allowed(self, user: User, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The answer, cut off within `CHECK_SECONDS` after `user` may not ask any more."""
        answering = asyncio.ensure_future(handler(request))
        try:
            while not (await asyncio.wait({answering}, timeout=CHECK_SECONDS))[0]:
                if not self._allowed(user, request):
                    if request.get(BEGUN) and request.transport is not None:
                        request.transport.abort()
                    raise _unknown("The token or the session is gone.", wrong=True)
            return answering.result()
        finally:
            answering.cancel()
            await asyncio.wait({answering})

    def _allowed(self, user: User, request: web.Request) -> bool:
        if user.limits.expired(datetime.now(UTC)):
            return False
        if (hash_ := request.get(SESSION)) is not None:
            return self._of_session(hash_) == user
        return self.users.has(user)


def _admitted(user: User, request: web.Request) -> User:
    """Raises Problem 401 after its end, and 403 where it may not be used from."""
    now = datetime.now(UTC)
    if user.limits.expired(now):
        raise _unknown("This key has expired.", wrong=True)
    if not user.limits.admits(request.remote):
        request[USER], request[ELSEWHERE] = user.name, True
        raise Problem("forbidden", "This key may not be used from this address.")
    user.use.at, user.use.source = now, request.remote
    return user


async def mark_begun(request: web.Request, _: web.StreamResponse) -> None:
    """For `app.on_response_prepare`."""
    request[BEGUN] = True


def _unknown(detail: str, *, wrong: bool) -> Problem:
    wanted = 'Bearer realm="voiceai"' + (', error="invalid_token"' if wrong else "")
    return Problem("unauthorized", detail, headers={hdrs.WWW_AUTHENTICATE: wanted})


def lacking(scopes: Sequence[Scope]) -> Problem:
    """For who does not have all of these."""
    wanted = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
    return Problem("forbidden", f"It needs {in_words(scopes)}.", headers={hdrs.WWW_AUTHENTICATE: wanted})


def in_words(scopes: Sequence[Scope]) -> str:
    named = " and ".join(f"`{scope}`" for scope in scopes)
    return f"the scope{'s' if len(scopes) > 1 else ''} {named}"
