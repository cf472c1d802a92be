"""Log-in to the console at a real OpenID provider, and at one that is away, slow, or lies."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from yarl import URL

from controller.api.auth import oidc
from controller.api.auth.authenticator import Authenticator
from controller.api.auth.cookie import NAME as SESSION
from controller.api.auth.oidc import Provider
from controller.api.console import files
from controller.api.console.session import SessionResources
from controller.api.console.sign_in import NAME, SignInResources
from controller.api.models.session import Choices
from controller.api.resources.live_status import LiveStatusResources
from controller.config.models.api import OpenIdConnect, Pace
from controller.telemetry.live_status import LiveStatusHub
from simulator.ports import free_port
from tests.integration.api_harness import Harness, harness
from tests.integration.test_live_status import over
from tests.peers import openid
from tests.peers.openid import PERSONS, ROLES, SECRET, OpenIdProvider, signed_in

HERE = {"Sec-Fetch-Site": "same-origin"}
AWAY = "http://127.0.0.1:1"
CONSOLE = "http://127.0.0.1:9/console"
"""The console's address as the provider knows it; nobody listens there: the tests carry each answer over."""


@dataclass
class Console(Harness):
    keeper: Authenticator = None  # type: ignore[assignment]
    provider: Provider = None  # type: ignore[assignment]

    @asynccontextmanager
    async def get(self, url: str, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """With the headers given and no others: no cookie comes along by itself."""
        there = URL(f"http://127.0.0.1:{self.port}{url}", encoded=True)
        async with self.http.get(there, headers=headers, allow_redirects=False) as answer:
            self.http.cookie_jar.clear()
            yield answer

    async def begun(self, next_: str = "") -> tuple[str, str]:
        """The provider's URL, and the cookie."""
        async with self.get(f"/console/sign-in{next_}") as answer:
            assert answer.status == 303, await answer.text()
            return answer.headers["Location"], answer.cookies[NAME].value

    async def back(self, query: str, cookie: str) -> aiohttp.ClientResponse:
        async with self.get(f"/console/signed-in?{query}", Cookie=f"{NAME}={cookie}") as answer:
            await answer.read()
            return answer

    async def ask(self, path: str, session: str, method: str = "GET") -> int:
        headers = {"Cookie": f"{SESSION}={session}"} | HERE
        async with self.request(method, path, None, headers=headers) as answer:
            self.http.cookie_jar.clear()
            return int(answer.status)


@asynccontextmanager
async def console(issuer: str, **more: Any) -> AsyncIterator[Console]:
    values = {"issuer": issuer, "client_id": "voiceai", "client_secret": SECRET, "roles": ROLES}
    settings = OpenIdConnect.model_validate(values | {"console_url": f"{CONSOLE}/"} | more)
    keeper = Authenticator([], Pace(per_second=10_000, burst=100_000))
    provider = Provider(settings)
    keeper.users.trust(provider.digest, settings.roles)
    hub = LiveStatusHub(_nobody, lambda _: 0.1)
    session = SessionResources(
        keeper, lambda: Choices(agents=(), trunks=(), targets=(), supervisors=(), softphone=False)
    )
    pages = (*files.routes(), *session.routes(), *SignInResources(keeper, provider, 600).routes())
    async with harness(
        *pages, authenticator=keeper, store=True, more=lambda calls, _: LiveStatusResources(hub, calls).operations()
    ) as it:
        yield Console(**vars(it), keeper=keeper, provider=provider)


async def _nobody(_: Any) -> None: ...


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider([f"{CONSOLE}/signed-in"]).running() as running:
        yield running


@asynccontextmanager
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """At the provider."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield http


async def came_back(url: str, login: str) -> str:
    async with browser() as http:
        return (await signed_in(http, url, login)).raw_query_string


# ---------------------------------------------------------------- a real provider


async def test_a_person_signs_in_and_out(provider: OpenIdProvider) -> None:
    async with console(provider.issuer) as it:
        url, cookie = await it.begun("?next=history")
        asked = parse_qs(urlsplit(url).query)
        assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
        async with it.get("/console/sign-in") as answer:
            given = answer.cookies[NAME]
            assert (given["httponly"], given["samesite"], given["path"]) == (True, "Lax", "/console/")
        query = await came_back(url, "ada")
        answer = await it.back(query, cookie)
        assert (answer.status, answer.headers["Location"]) == (303, "/console/#/history")
        session = answer.cookies[SESSION]
        assert (session["httponly"], session["samesite"]) == (True, "Strict")
        headers = {"Cookie": f"{SESSION}={session.value}"} | HERE
        async with it.request("GET", "/console/session", None, headers=headers) as told:
            who = await told.json()
        assert who["name"].startswith("sso:ada@example.com~")
        assert "admin" in who["scopes"]
        assert (await it.back(query, cookie)).status == 403, "the code was used: the provider refuses it"
        assert await it.ask("/v1/audit", session.value) == 200
        assert it.kept is not None
        await it.kept.audit_log.drain()
        async with it.request("GET", "/v1/audit?operation=console_sign_in", None, headers=headers) as told:
            entries = (await told.json())["entries"]
        assert [(each["by"], each["status"]) for each in entries] == [(who["name"], 303)]
        async with it.request("GET", "/v1/live", None, headers=headers) as stream:
            assert stream.status == 200
            assert await it.ask("/console/session", session.value, "DELETE") == 204
            async with asyncio.timeout(2):
                await over(stream)
        assert await it.ask("/v1/calls", session.value) == 401, "a copied cookie dies at log-out"


async def test_roles_say_what_a_person_may_and_count_as_they_are_in_the_config(provider: OpenIdProvider) -> None:
    async with console(provider.issuer) as it:
        url, cookie = await it.begun()
        answer = await it.back(await came_back(url, "ben"), cookie)
        session = answer.cookies[SESSION].value
        assert [await it.ask(path, session) for path in ("/v1/calls", "/v1/audit")] == [200, 403]
        it.keeper.users.trust(it.provider.digest, {"watchers": ["admin"]})
        assert await it.ask("/v1/audit", session) == 200
        it.keeper.users.trust(it.provider.digest, {"ops": ["admin"]})
        assert await it.ask("/v1/calls", session) == 401, "the role opens nothing any more"
        it.keeper.users.trust("0" * 64, {"watchers": ["read"]})
        assert await it.ask("/v1/calls", session) == 401, "another provider"


@pytest.mark.parametrize("login", ["eve", "nobody"])
async def test_a_person_without_a_role_does_not_get_in(provider: OpenIdProvider, login: str) -> None:
    async with console(provider.issuer) as it:
        url, cookie = await it.begun()
        answer = await it.back(await came_back(url, login), cookie)
        assert (answer.status, SESSION in answer.cookies) == (403, False)
        assert "You have no access" in await answer.text()
        assert answer.headers["Content-Security-Policy"] == files.POLICY


async def test_who_calls_themselves_like_another_has_another_name(provider: OpenIdProvider) -> None:
    names = set()
    assert PERSONS["ada"]["preferred_username"] == PERSONS["eve"]["preferred_username"]
    async with console(provider.issuer, roles={"everybody": ["read"]}) as it:
        for login in ("ada", "eve"):
            url, cookie = await it.begun()
            await it.back(await came_back(url, login), cookie)
        names = {each.credential[0] for each in it.keeper.sessions._live.values()}
    assert len(names) == 2


async def test_claims_that_only_the_userinfo_has_and_a_client_without_a_secret() -> None:
    with OpenIdProvider([f"{CONSOLE}/signed-in"], userinfo=True, public=True).running() as other:
        async with console(other.issuer, client_secret=None) as it:
            url, cookie = await it.begun()
            answer = await it.back(await came_back(url, "ada"), cookie)
            assert answer.status == 303
            assert await it.ask("/v1/audit", answer.cookies[SESSION].value) == 200


async def test_a_provider_may_change_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "ASK_AGAIN_SECONDS", 0.0)
    first = OpenIdProvider([f"{CONSOLE}/signed-in"], keys=[openid.signing_key("first")])
    second = OpenIdProvider(first.redirect_uris, port=first.port, keys=[openid.signing_key("second")])
    async with console(first.issuer) as it:
        for each in (first, second):
            with each.running():
                url, cookie = await it.begun()
                assert (await it.back(await came_back(url, "ada"), cookie)).status == 303


async def test_a_wrong_secret_of_ours_opens_nothing(provider: OpenIdProvider) -> None:
    async with console(provider.issuer, client_secret="wrong-0123456789") as it:
        url, cookie = await it.begun()
        answer = await it.back(await came_back(url, "ada"), cookie)
        assert (answer.status, SESSION in answer.cookies) == (403, False)


async def test_what_was_not_begun_in_this_browser_opens_nothing(provider: OpenIdProvider) -> None:
    async with console(provider.issuer) as it:
        url, cookie = await it.begun()
        query = await came_back(url, "ada")
        _, other = await it.begun()
        wrong = [
            (query, ""),
            (query, other),
            (query, cookie[:-8]),
            (query, "x" * 3000),
            (query, "e30"),
            (query.replace("state=", "state=x"), cookie),
            (query.replace("state=", "stat="), cookie),
            (f"{query}&state=x", cookie),
            (f"{query}&code=x", cookie),
            (query.replace("127.0.0.1", "127.0.0.2"), cookie),
            ("", cookie),
            ("code=%00&state=%ff", cookie),
        ]
        for each, kept in wrong:
            answer = await it.back(each, kept)
            assert (answer.status, SESSION in answer.cookies) == (400, False), each
        assert (await it.back(query, cookie)).status == 303, "none of these used the code up"


async def test_another_browsers_code_opens_nothing(provider: OpenIdProvider) -> None:
    """An attacker's code in a victim's log-in: its PKCE verifier and its nonce are others."""
    async with console(provider.issuer) as it:
        (mine, cookie), (theirs, _) = await it.begun(), await it.begun()
        code = parse_qs(await came_back(theirs, "ada"))["code"][0]
        state = parse_qs(urlsplit(mine).query)["state"][0]
        answer = await it.back(f"code={code}&state={state}", cookie)
        assert (answer.status, SESSION in answer.cookies) == (403, False)


ELSEWHERE = (
    *(
        "https://evil.example.com",
        "//evil.example.com",
        "/\\evil.example.com",
        "javascript:alert(1)",
        "..//evil.example.com",
    ),
    *("%0d%0aSet-Cookie:x=1", "@evil.example.com", "a?b", "a%23b", "a" * 300, ""),
)


async def test_after_it_only_a_page_of_the_console_is_shown() -> None:
    async with lying() as (liar, it):
        for wanted in ELSEWHERE:
            liar.nonce = ""
            answer = await attempt(liar, it, f"?next={wanted}")
            assert (answer.status, answer.headers["Location"]) == (303, "/console/#/"), wanted
            assert "x=1" not in str(answer.headers)
            forged = base64.urlsafe_b64encode(json.dumps(["s" * 43, "n" * 43, "v" * 43, wanted]).encode()).decode()
            liar.nonce = "n" * 43
            answer = await it.back(f"code=c&state={'s' * 43}", forged.rstrip("="))
            assert (answer.status, answer.headers["Location"]) == (303, "/console/#/"), "nor by the cookie"


async def test_who_cancels_at_the_provider_is_told(provider: OpenIdProvider) -> None:
    async with console(provider.issuer) as it:
        url, cookie = await it.begun()
        state = parse_qs(urlsplit(url).query)["state"][0]
        answer = await it.back(f"error=access_denied&error_description=%3Cb%3E&state={state}", cookie)
        assert answer.status == 403
        assert "<b>" not in await answer.text()


# ---------------------------------------------------------------- providers that are away, slow, or lie

KEY = RSAKey.generate_key(2048, {"kid": "k", "use": "sig", "alg": "RS256"})


class Liar:
    """A provider that answers what the test says."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "k"}
        self.token: str | None = None
        self.nonce = ""
        self.slow = asyncio.Event()
        self.slow.set()
        self.answers: dict[str, web.Response] = {}
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        await self.slow.wait()
        self.asked.append(request.path)
        if request.path in self.answers:
            told = self.answers[request.path]
            return web.Response(body=told.body, status=told.status, headers=told.headers)
        if request.path.endswith("openid-configuration"):
            ends = {"authorization": "auth", "token": "token", "userinfo": "me"}
            found = {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in ends.items()}
            return web.json_response({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"} | found | self.metadata)
        if request.path == "/keys":
            return web.json_response({"keys": [KEY.as_dict(private=False)]})
        if request.path == "/me":
            return web.json_response({"sub": "somebody else", "groups": ["ops"]})
        claims = {"iss": self.issuer, "aud": "voiceai", "sub": "ada", "groups": ["ops"], "nonce": self.nonce}
        claims |= {"iat": time.time(), "exp": time.time() + 300} | self.claims
        claims = {name: each for name, each in claims.items() if each is not None}
        token = self.token or jwt.encode(self.header, claims, KEY, algorithms=["RS256", "HS256"])
        return web.json_response({"id_token": token, "access_token": "t", "token_type": "Bearer"})


@asynccontextmanager
async def lying(**more: Any) -> AsyncIterator[tuple[Liar, Console]]:
    async with AsyncExitStack() as stack:
        liar = Liar(free_port())
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", liar.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", int(urlsplit(liar.issuer).port or 0)).start()
        it = await stack.enter_async_context(console(liar.issuer, **more))
        stack.callback(liar.slow.set)
        yield liar, it


async def attempt(liar: Liar, it: Console, next_: str = "") -> aiohttp.ClientResponse:
    url, cookie = await it.begun(next_)
    asked = parse_qs(urlsplit(url).query)
    liar.nonce = liar.nonce or asked["nonce"][0]
    return await it.back(f"code=c&state={asked['state'][0]}", cookie)


async def test_the_stand_in_lets_somebody_in_unless_it_lies() -> None:
    async with lying() as (liar, it):
        assert (await attempt(liar, it)).status == 303


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another log-in"},
        {"exp": 1},
        {"iss": "https://evil.example.com"},
        {"aud": "another"},
        {"iat": 4_000_000_000},
        {"groups": None},
    ],
    ids=repr,
)
async def test_a_lie_in_the_token_opens_nothing(claims: dict[str, Any]) -> None:
    async with lying() as (liar, it):
        liar.claims = claims
        answer = await attempt(liar, it)
        assert (answer.status, SESSION in answer.cookies) == (403, False)
        assert "be trusted" in await answer.text()


@pytest.mark.parametrize("token", ["eyJhbGciOiJub25lIn0.e30.", "", "a.b.c", "x" * 70_000])
async def test_a_token_without_a_signature_opens_nothing(token: str) -> None:
    async with lying() as (liar, it):
        liar.answers["/token"] = web.json_response({"id_token": token})
        answer = await attempt(liar, it)
        assert (answer.status, SESSION in answer.cookies) == (403, False)


@pytest.mark.parametrize(
    ("path", "answered", "status"),
    [
        ("/.well-known/openid-configuration", web.Response(status=500), 502),
        ("/.well-known/openid-configuration", web.Response(text="<html>"), 502),
        ("/.well-known/openid-configuration", web.json_response([]), 502),
        ("/.well-known/openid-configuration", web.json_response({"issuer": "https://evil.example.com"}), 502),
        ("/.well-known/openid-configuration", web.Response(status=302, headers={"Location": "/me"}), 502),
        ("/token", web.Response(status=500), 502),
        ("/token", web.Response(body=b"x" * 1_000_000), 502),
        ("/token", web.json_response({"error": "invalid_grant"}, status=400), 403),
        ("/token", web.json_response({}), 403),
        ("/keys", web.json_response({"keys": "none"}), 403),
        ("/keys", web.json_response({"keys": [{"kty": "oct", "k": "AAAA", "kid": "k"}, 1, {}]}), 403),
    ],
)
async def test_answers_that_no_provider_gives_end_in_a_page(path: str, answered: web.Response, status: int) -> None:
    async with lying() as (liar, it):
        liar.answers[path] = answered
        if path.startswith("/.well"):
            async with it.get("/console/sign-in") as answer:
                assert (answer.status, NAME in answer.cookies) == (status, True)
                assert "does not answer" in await answer.text()
            return
        found = await attempt(liar, it)
        assert (found.status, SESSION in found.cookies, found.content_type) == (status, False, "text/html")


@pytest.mark.parametrize(
    "endpoint", ["http://id.example.com/auth", "javascript:alert(1)", "file:///etc/passwd", 1, None, "https://[", ""]
)
async def test_an_address_that_is_not_encrypted_is_not_gone_to(endpoint: Any) -> None:
    async with lying() as (liar, it):
        liar.metadata = {"authorization_endpoint": endpoint}
        async with it.get("/console/sign-in") as answer:
            assert (answer.status, "Location" in answer.headers) == (502, False)


async def test_a_provider_that_is_away_or_slow_keeps_nobody_waiting() -> None:
    async with console(AWAY) as it, it.get("/console/sign-in") as answer:
        assert answer.status == 502
    async with lying(timeout_s=0.3) as (liar, it):
        liar.slow.clear()
        began = time.monotonic()

        async def begin() -> int:
            async with it.get("/console/sign-in") as answer:
                return answer.status

        assert set(await asyncio.gather(*(begin() for _ in range(150)))) == {502}
        assert time.monotonic() - began < 3, "each waits once for all"
    async with lying(timeout_s=0.3) as (liar, it):
        url, cookie = await it.begun()
        state = parse_qs(urlsplit(url).query)["state"][0]
        liar.slow.clear()
        began = time.monotonic()
        answers = await asyncio.gather(*(it.back(f"code=c&state={state}", cookie) for _ in range(20)))
        assert {each.status for each in answers} == {502}
        assert time.monotonic() - began < 5


async def test_without_a_provider_nothing_is_offered() -> None:
    keeper = Authenticator([])
    async with harness(*SignInResources(keeper, None, 600).routes(), authenticator=keeper) as it:
        async with it.request("GET", "/console/options", None) as answer:
            assert json.loads(await answer.text()) == {"sign_in": None}
        async with it.request("GET", "/console/sign-in", None) as answer:
            assert answer.status == 404


def test_a_wrong_config_is_told() -> None:
    good = {"issuer": "https://id.example.com", "client_id": "v", "roles": ROLES}
    good |= {"console_url": "https://voice.example.com/console/"}
    found = OpenIdConnect.model_validate(good)
    assert (found.console_url, found.client_secret) == ("https://voice.example.com/console", None)
    faults: tuple[dict[str, Any], ...] = (
        {"issuer": "http://id.example.com"},
        {"console_url": "https://voice.example.com/"},
        {"console_url": "http://voice.example.com/console/"},
        {"roles": {}},
        {"roles": {"ops": []}},
        {"roles": {"ops": ["root"]}},
        {"ask_for": ["profile"]},
        {"client_secret": SecretStr(" ")},
    )
    for wrong in faults:
        with pytest.raises(ValueError, match="validation error"):
            OpenIdConnect.model_validate(good | wrong)
