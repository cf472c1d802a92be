"""Who may do what: bearer tokens and their scopes.

Owns the comparison of tokens, in constant time and by hash; the text of a token is not kept. A request shows a token
in a header, or the cookie of a session (`cookie`, `sessions`) that was opened with a token. Guesses are slowed down by
address (`auth_throttle`). Tokens may change at any time: a stream is cut off when its token or session is gone.
"""

import asyncio
import hashlib
import hmac
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from bridge.common.auth_throttle import AuthThrottle
from bridge.common.token_bucket import RETRY_AFTER, TokenBucket
from controller.api.auth import cookie
from controller.api.auth.sessions import Credential, Sessions, hash_of
from controller.api.problems import PACE, USER, Problem
from controller.api.work_time import Worked
from controller.config.models.api import Api, Pace, Scope, Token, granted

CHECK_SECONDS = 0.5
"""While an answer is under way: how often it is checked that the token or session still exists."""

GRANTED = web.RequestKey("granted", frozenset[Scope])
"""All scopes of the token that the request came with."""


@dataclass(frozen=True, slots=True)
class User:
    """`scopes`: all of them, also those that others bring along."""

    name: str
    digest: bytes
    scopes: frozenset[Scope]
    pace: tuple[float, int]
    bucket: TokenBucket = field(compare=False)
    reads: "Reads" = field(compare=False, default_factory=lambda: Reads())

    @property
    def credential(self) -> Credential:
        return self.name, self.digest.hex()


class Reads:
    """Reading requests of one token: those under way, and the semaphore that the others wait for."""

    def __init__(self) -> None:
        self.count = 0
        self.turn = asyncio.Semaphore(READ_AT_ONCE)


SESSION = web.RequestKey("session", str)
"""The hash of the session's id, for who has come with a cookie."""
READ_AT_ONCE, MOST_READS = 2, 200
"""Reading requests of one token that are answered at the same time, and how many may wait. A page of 1,000 calls
occupies the event loop for 50 ms."""
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
        self._users: tuple[User, ...] = ()
        self.replace(tokens, pace)
        self._throttle = AuthThrottle() if throttle is None else throttle
        self.sessions = Sessions() if sessions is None else sessions
        self._most_streams = most_streams
        self._streams: Counter[tuple[str, Lasts]] = Counter()

    @classmethod
    def of(cls, api: Api, sessions: Sessions) -> "Authenticator":
        return cls(api.tokens, api.rate, sessions=sessions, most_streams=api.streams_per_token)

    def replace(self, tokens: Iterable[Token], pace: Pace | None = None) -> None:
        """Only these tokens are valid from now on. A token that stays keeps what is left of its pace."""
        fresh = (_user(token, token.rate or pace or Pace()) for token in tokens)
        known = {user: user for user in self._users}
        self._users = tuple(known.get(user, user) for user in fresh)

    @property
    def credentials(self) -> frozenset[Credential]:
        return frozenset(user.credential for user in self._users)

    def user_of(self, request: web.Request) -> User:
        """Raises Problem 401, 429 for an address from which too many wrong tokens came, and 403 for a cookie that
        came along with another site's request."""
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        if given:
            kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
            return self.known(token.strip() if kind.lower() == "bearer" else "", request.remote)
        kept = cookie.shown(request)
        if kept is None:
            return self.known(None, request.remote)
        if not cookie.from_here(request):
            raise Problem("forbidden", cookie.ELSEWHERE)
        request[SESSION] = hash_of(kept)
        found = self._of_session(request[SESSION])
        if found is None:  # no guess: nobody guesses 256 bits, and browsers show old cookies
            raise _unknown("The session is over: log in again.", wrong=True)
        return found

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
        if token is not None and (wait := self._throttle.wait(remote, shown, time.monotonic())):
            raise Problem("too-many-guesses", headers={RETRY_AFTER: str(math.ceil(wait))})
        if found is None:
            raise _unknown(
                "Send `Authorization: Bearer <token>`, with a token from `api.tokens` in the config.",
                wrong=token is not None,
            )
        return found

    def require(self, scopes: Sequence[Scope], handler: Handler, lasts: Lasts = "moment") -> Handler:
        """`handler` for requests whose token has all `scopes` and pace left. It raises Problem 401, 403, 429, 503."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            user = self.user_of(request)
            request[USER], request[GRANTED] = user.name, user.scopes
            wait = user.bucket.take(time.monotonic())
            request[PACE] = dict(user.bucket.headers(wait))
            if wait:
                raise Problem("too-many-requests")
            if not user.scopes.issuperset(scopes):
                raise lacking(scopes)
            if lasts == "moment":
                return await self._answered(user, request, handler)
            with self._open(user, lasts):
                return await self._while_allowed(user, request, handler)

        return guarded

    # ------------------------------------------------------------ inside

    def _of_session(self, hash_: str) -> User | None:
        session = self.sessions.use(hash_, datetime.now(UTC))
        return next((user for user in self._users if session and user.credential == session.credential), None)

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
        if (hash_ := request.get(SESSION)) is not None:
            return self._of_session(hash_) == user
        return user in self._users


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


def _user(token: Token, pace: Pace) -> User:
    digest = bytes.fromhex(token.token_sha256) if token.token_sha256 else b""
    if token.token is not None:
        digest = _digest(token.token.get_secret_value())
    rate = pace.per_second, pace.burst
    return User(token.name, digest, granted(token.scopes), rate, TokenBucket(*rate))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
