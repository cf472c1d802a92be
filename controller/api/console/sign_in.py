"""Log-in to the console by OpenID Connect: there, back, and what went wrong.

Owns `/console/sign-in` (to the provider), `/console/signed-in` (the redirect URI), `/console/options` (what the log-in
page offers) and the cookie in which a browser keeps a log-in that was begun: state, nonce and PKCE verifier. So nothing
of a log-in is kept here that a stranger could fill. `auth/oidc` asks the provider.
"""

import base64
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import hdrs, web

from controller.api.auth import cookie
from controller.api.auth.authenticator import Authenticator
from controller.api.auth.oidc import Kind, Pending, Provider, SignInFailed
from controller.api.auth.sessions import hash_of
from controller.api.console.files import ROOT, notice
from controller.api.models.session import LogInOptions
from controller.api.operation import AUDITED
from controller.api.problems import USER

log = structlog.get_logger()

NAME = "voiceai-sign-in"
MINUTES_S = 600
"""So long a log-in may take at the provider."""
LONGEST_COOKIE = 2000
OPERATION = "console_sign_in"

_NEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_.~-]{0,200}", re.ASCII)
"""A page of the console, as after `#/`."""
_PAGES: Mapping[Kind | str, tuple[HTTPStatus, str, str]] = {
    "provider-away": (
        HTTPStatus.BAD_GATEWAY,
        "The sign-in service does not answer",
        "Try again in a moment. If it stays so, the controller's log says what is wrong. A key opens the console, too.",
    ),
    "refused": (
        HTTPStatus.FORBIDDEN,
        "The sign-in did not succeed",
        "Its code is used up or has expired. Sign in again.",
    ),
    "bad-token": (
        HTTPStatus.FORBIDDEN,
        "The sign-in can't be trusted",
        "What the sign-in service sent does not hold. Sign in again; the controller's log says what is wrong.",
    ),
    "no-role": (
        HTTPStatus.FORBIDDEN,
        "You have no access",
        "You are signed in, but none of your roles opens this console. Ask whoever runs it.",
    ),
    "other": (
        HTTPStatus.BAD_REQUEST,
        "This sign-in was not begun here",
        "It took longer than ten minutes, was begun in another browser, or came twice. Sign in again.",
    ),
    "cancelled": (HTTPStatus.FORBIDDEN, "The sign-in was not completed", "The sign-in service did not let you in."),
}


class SignInResources:
    """`provider`: None offers no such log-in. `longest`: seconds that a session may last."""

    def __init__(self, authenticator: Authenticator, provider: Provider | None, longest: float) -> None:
        self._authenticator = authenticator
        self._provider = provider
        self._longest = longest

    def routes(self) -> list[web.RouteDef]:
        there = [web.get(f"{ROOT}sign-in", self.begin), web.get(f"{ROOT}signed-in", self.back)]
        return [web.get(f"{ROOT}options", self.options), *(there if self._provider is not None else ())]

    async def options(self, _: web.Request) -> web.Response:
        name = self._provider.settings.name if self._provider is not None else None
        return web.Response(text=LogInOptions(sign_in=name).model_dump_json(), content_type="application/json")

    async def begin(self, request: web.Request) -> web.Response:
        """To the provider. `next`: the page of the console to show then."""
        assert self._provider is not None
        wanted = request.query.get("next", "")
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        pending = Pending(state, nonce, verifier, wanted if _NEXT.fullmatch(wanted) else "")
        try:
            url = await self._provider.authorization_url(pending)
        except SignInFailed as failed:
            return self._failed(request, failed)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: url, **_PRIVATE})
        cookie.give_for_sign_in(response, request, NAME, _written(pending), MINUTES_S)
        return response

    async def back(self, request: web.Request) -> web.Response:
        assert self._provider is not None
        pending = _read(request.cookies.get(NAME, ""))
        given = {name: request.query.getall(name, []) for name in ("state", "code", "error", "iss")}
        if pending is None or any(len(each) > 1 for each in given.values()):
            return self._told(request, "other")
        state, code, error, issuer = (each[0] if each else "" for each in given.values())
        if not hmac.compare_digest(state.encode("utf-8", "replace"), pending.state.encode("utf-8", "replace")):
            return self._told(request, "other")
        if issuer and issuer.rstrip("/") != self._provider.settings.issuer:
            return self._told(request, "other")
        if error or not code:
            return self._told(request, "cancelled")
        try:
            person = await self._provider.person(code, pending)
        except SignInFailed as failed:
            return self._failed(request, failed)
        return await self._let_in(request, person.name, person.roles, pending.next)

    async def _let_in(self, request: web.Request, name: str, roles: tuple[str, ...], wanted: str) -> web.Response:
        assert self._provider is not None
        request[USER], request[AUDITED] = name, (OPERATION, None)
        sessions = self._authenticator.sessions
        if (before := cookie.shown(request)) is not None:
            sessions.close(hash_of(before))
        source = (request.remote or "")[:64]
        id_ = sessions.open((name, self._provider.digest), datetime.now(UTC), source=source, roles=roles)
        await sessions.written()
        log.info("signed in to the console", user=name, roles=roles, source=request.remote)
        headers: dict[str, str] = {hdrs.LOCATION: f"{ROOT}#/{wanted}", **_PRIVATE}
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)
        cookie.give(response, request, id_, self._longest)
        response.del_cookie(NAME, path=ROOT)
        return response

    def _failed(self, request: web.Request, failed: SignInFailed) -> web.Response:
        log.warning("a sign-in to the console failed", reason=str(failed), kind=failed.kind, source=request.remote)
        if failed.name is not None:
            request[USER], request[AUDITED] = failed.name, (OPERATION, None)
        return self._told(request, failed.kind)

    def _told(self, request: web.Request, kind: Kind | str) -> web.Response:
        status, title, text = _PAGES[kind]
        links = {"Sign in again": f"{ROOT}sign-in", "Use a key": ROOT}
        response = notice(title, text, links, status)
        response.del_cookie(NAME, path=ROOT)
        return response


_PRIVATE: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store", "Referrer-Policy": "no-referrer"}


def _written(pending: Pending) -> str:
    values = [pending.state, pending.nonce, pending.verifier, pending.next]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _read(text: str) -> Pending | None:
    """None: there is none, or somebody has written another one."""
    if not text or len(text) > LONGEST_COOKIE:
        return None
    try:
        values: Any = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or len(values) != 4 or not all(isinstance(each, str) for each in values):
        return None
    state, nonce, verifier, wanted = values
    if min(map(len, (state, nonce, verifier))) < 43 or not "".join((state, nonce, verifier)).isascii():
        return None
    return Pending(state, nonce, verifier, wanted if _NEXT.fullmatch(wanted) else "")
