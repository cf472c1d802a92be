"""The console's login: a token shown once, and from then on a session.

Owns `/console/session`: POST with a token logs in, GET answers who is logged in, with which scopes, and the choices of
the console's forms, DELETE ends the session. Sessions are kept by `auth/sessions`, the cookie is `auth/cookie`'s, and
`auth/authenticator` accepts it for the API. Wrong tokens are slowed down here as there.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import get_args

import structlog
from aiohttp import web

from controller.api.auth import cookie
from controller.api.auth.authenticator import Authenticator
from controller.api.auth.sessions import hash_of
from controller.api.auth.users import PERSON, User
from controller.api.models.session import Choices, LogIn, SessionAnswer
from controller.api.operation import AUDITED
from controller.api.problems import USER, Problem
from controller.api.request_body import read
from controller.config import CurrentConfig
from controller.config.models.api import Scope

log = structlog.get_logger()

PATH = "/console/session"


def choices_of(current: CurrentConfig) -> Choices:
    config = current.config

    def names(entries: Mapping[str, object]) -> Sequence[str]:
        return tuple(entries)

    return Choices(
        agents=names(config.agents),
        trunks=names(config.trunks),
        targets=names(config.transfer.targets),
        supervisors=names(config.supervisor.extensions),
        softphone=config.softphone is not None,
    )


class SessionResources:
    def __init__(
        self,
        authenticator: Authenticator,
        choices: Callable[[], Choices],
        longest: float = 43200.0,
        log_out_url: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`longest`: seconds that a session may last. `log_out_url`: of persons who came from a provider."""
        self._log_out_url = log_out_url
        self._authenticator = authenticator
        self._choices = choices
        self._longest = longest

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.log_in), web.get(PATH, self.show), web.delete(PATH, self.log_out)]

    async def log_in(self, request: web.Request) -> web.Response:
        """Only from the console's own page: nobody is to be logged in by another site, as somebody else. Whoever was
        logged in there before is logged out."""
        request[AUDITED] = "console_log_in", None
        if not cookie.from_here(request):
            raise Problem("forbidden", cookie.ELSEWHERE)
        token = (await read(request, LogIn)).token
        user = self._authenticator.known(token, request)
        request[USER] = user.name
        sessions = self._authenticator.sessions
        if (before := cookie.shown(request)) is not None:
            sessions.close(hash_of(before))
        id_ = sessions.open(user.credential, datetime.now(UTC), source=(request.remote or "")[:64])
        await sessions.written()
        log.info("logged in to the console", user=user.name, source=request.remote)
        response = self._told(user)
        cookie.give(response, request, id_, self._longest)
        return response

    async def show(self, request: web.Request) -> web.Response:
        user = self._authenticator.user_of(request)
        request[USER] = user.name
        return self._told(user)

    async def log_out(self, request: web.Request) -> web.Response:
        """Of whoever asks. What is open of the session, such as streams, ends with it."""
        if not cookie.from_here(request):
            raise Problem("forbidden", cookie.ELSEWHERE)
        sessions, shown = self._authenticator.sessions, cookie.shown(request)
        closed = sessions.close(hash_of(shown)) if shown is not None else None
        if closed is not None:
            request[USER], request[AUDITED] = closed.credential[0], ("console_log_out", None)
            await sessions.written()
            log.info("logged out of the console", user=closed.credential[0], source=request.remote)
        response = web.Response(status=HTTPStatus.NO_CONTENT)
        cookie.take(response, request)
        return response

    def _told(self, user: User) -> web.Response:
        scopes = tuple(scope for scope in get_args(Scope) if scope in user.scopes)
        url = self._log_out_url() if user.name.startswith(PERSON) else None
        told = SessionAnswer(name=user.name, scopes=scopes, choices=self._choices(), log_out_url=url)
        return web.Response(text=told.model_dump_json(), content_type="application/json")
