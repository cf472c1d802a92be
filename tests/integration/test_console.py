"""The console's files and its login, over real HTTP: what is served, what a cookie opens, and from where."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.api.auth.authenticator import Authenticator
from controller.api.auth.cookie import NAME
from controller.api.console import files
from controller.api.console.session import PATH, SessionResources
from controller.api.models.session import Choices
from controller.config.models.api import Pace, Token
from tests.integration.api_harness import ADMIN, TOKENS, Harness, harness

CHOICES = Choices(agents=("reception",), trunks=("main",), targets=("sales",), supervisors=("ada",), softphone=False)
HERE = {"Sec-Fetch-Site": "same-origin"}
READER = "reader-0123456789"


@dataclass
class Console(Harness):
    keeper: Authenticator = field(default_factory=lambda: Authenticator([]))


@asynccontextmanager
async def console(**more: Any) -> AsyncIterator[Console]:
    known = [
        Token.model_validate({"name": token.partition("-")[0], "token": token, "scopes": scopes})
        for token, scopes in TOKENS.items()
    ]
    keeper = Authenticator(known, Pace(per_second=10_000, burst=100_000))
    session = SessionResources(keeper, lambda: CHOICES)
    async with harness(*files.routes(), *session.routes(), authenticator=keeper, **more) as it:
        yield Console(**vars(it), keeper=keeper)


async def logged_in(it: Harness, token: str = ADMIN, **headers: str) -> str:
    """The cookie as a browser would send it back."""
    async with it.request("POST", PATH, None, json={"token": token}, headers=HERE | headers) as answer:
        assert answer.status == 200
        it.http.cookie_jar.clear()
        return str(answer.cookies[NAME].value)


def asking(it: Harness, method: str, path: str, cookie: str, headers: dict[str, str], **more: Any) -> Any:
    return it.request(method, path, None, headers={"Cookie": f"{NAME}={cookie}"} | headers, **more)


async def test_the_page_and_all_it_names_are_served_under_a_policy_that_lets_nothing_else_in() -> None:
    async with console() as it:
        async with it.request("GET", "/console/", None) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Content-Security-Policy"] == files.POLICY
            page, tag = await answer.text(), answer.headers["ETag"]
        assert "unsafe" not in files.POLICY
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|https?://", page)
        named = re.findall(r'(?:href|src)="(/console/[0-9a-f]{12}/[^"]+)"', page)
        assert len(named) == 9
        for path in named:
            async with it.request("GET", path, None) as answer:
                assert answer.status == 200
                assert answer.headers["Cache-Control"] == files.FOR_EVER
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with it.request("GET", "/console/", None, headers={"If-None-Match": f'W/{tag}, "x"'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with it.request("GET", "/console", None, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (308, "/console/")


async def test_every_import_of_the_modules_leads_to_a_file() -> None:
    scripts = {path.relative_to(files.STATIC): path.read_text() for path in files.STATIC.rglob("*.js")}
    assert scripts
    for name, text in scripts.items():
        for wanted in re.findall(r'^import [^;]* from "([^"]+)";$', text, re.M):
            assert (files.STATIC / name.parent / wanted).is_file(), (name, wanted)
        for hostile in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert hostile not in text, (name, hostile)
        assert text.count("\n") <= 220, name


@pytest.mark.parametrize("path", ["/console/000000000000/app.js", "/console/../app.js", "/console/nothing.js"])
async def test_what_is_no_file_of_this_build_is_not_found(path: str) -> None:
    async with console() as it, it.request("GET", path, None) as answer:
        assert answer.status == 404


async def test_a_token_becomes_a_cookie_that_no_script_reads_and_opens_the_api() -> None:
    async with console() as it:
        async with it.request("POST", PATH, None, json={"token": READER}, headers=HERE) as answer:
            told, set_cookie = await answer.json(), answer.headers["Set-Cookie"]
            cookie = answer.cookies[NAME].value
        assert told == {
            "name": "reader",
            "scopes": ["metrics", "read"],
            "choices": CHOICES.model_dump(mode="json"),
            "log_out_url": None,
        }
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(set_cookie.split("; "))
        assert "Secure" not in set_cookie
        assert READER not in set_cookie
        it.http.cookie_jar.clear()
        async with asking(it, "GET", "/v1/calls", cookie, HERE) as answer:
            assert answer.status == 200
        async with asking(it, "GET", PATH, cookie, HERE) as answer:
            assert (await answer.json())["name"] == "reader"
        async with asking(it, "GET", "/v1/calls", base64.urlsafe_b64encode(READER.encode()).decode(), HERE) as answer:
            assert answer.status == 401, "the cookie is not the token"
        async with asking(it, "POST", "/v1/queue/pause", cookie, HERE, json={}) as answer:
            assert answer.status == 403
            assert (await answer.json())["type"] == "/problems/forbidden"


async def test_the_cookie_is_secure_behind_tls_and_gone_after_logging_out() -> None:
    async with console() as it:
        headers = HERE | {"X-Forwarded-Proto": "https"}
        async with it.request("POST", PATH, None, json={"token": ADMIN}, headers=headers) as answer:
            assert "Secure" in answer.headers["Set-Cookie"]
        async with it.request("DELETE", PATH, None, headers=HERE) as answer:
            assert answer.status == 204
            assert "Max-Age=0" in answer.headers["Set-Cookie"]


async def test_a_stolen_cookie_is_worth_nothing_after_the_log_out() -> None:
    async with console() as it:
        cookie, other = await logged_in(it), await logged_in(it)
        assert cookie != other
        async with asking(it, "DELETE", PATH, cookie, {"Sec-Fetch-Site": "cross-site"}) as answer:
            assert answer.status == 403, "nobody is logged out by another site"
        async with asking(it, "DELETE", PATH, cookie, HERE) as answer:
            assert answer.status == 204
        for each, status in ((cookie, 401), (other, 200)):
            async with asking(it, "GET", "/v1/calls", each, HERE) as answer:
                assert answer.status == status
        async with asking(it, "DELETE", PATH, cookie, HERE) as answer:
            assert answer.status == 204


async def test_logging_in_again_ends_the_session_before() -> None:
    async with console() as it:
        cookie = await logged_in(it, READER)
        fresh = await logged_in(it, READER, Cookie=f"{NAME}={cookie}")
        for each, status in ((cookie, 401), (fresh, 200)):
            async with asking(it, "GET", PATH, each, HERE) as answer:
                assert answer.status == status


async def test_a_session_dies_with_its_token() -> None:
    async with console() as it:
        cookie = await logged_in(it, READER)
        it.keeper.users.replace_tokens([Token.model_validate({"name": "reader", "token": ADMIN, "scopes": ["read"]})])
        async with asking(it, "GET", PATH, cookie, HERE) as answer:
            assert answer.status == 401, "the name is the same, the token is not"


async def test_old_cookies_are_no_guesses() -> None:
    async with console() as it:
        for number in range(30):
            async with asking(it, "GET", "/v1/calls", f"old-{number}", HERE) as answer:
                assert answer.status == 401
        async with it.request("GET", "/v1/calls", READER) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("token", ["wrong", "reader-0123456788", "ü\u2028"])
async def test_a_wrong_token_gets_no_cookie(token: str) -> None:
    async with console() as it, it.request("POST", PATH, None, json={"token": token}, headers=HERE) as answer:
        assert answer.status == 401
        assert "Set-Cookie" not in answer.headers


async def test_wrong_tokens_at_the_login_are_counted_as_guesses() -> None:
    async with console() as it:
        found = []
        for number in range(22):
            async with it.request("POST", PATH, None, json={"token": f"guess-{number}"}, headers=HERE) as answer:
                found.append(answer.status)
        assert found[0] == 401
        assert found[-1] == 429


@pytest.mark.parametrize(
    ("headers", "well"),
    [
        (HERE, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://127.0.0.1:1"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://{host}"}, True),
        ({"Origin": "https://{host}"}, True),
        ({"Origin": "http://{host}", "Sec-Fetch-Site": "cross-site"}, False),
    ],
)
async def test_what_changes_something_counts_from_the_consoles_own_page_only(
    headers: dict[str, str], well: bool
) -> None:
    async with console() as it:
        cookie = await logged_in(it)
        given = {name: value.format(host=f"127.0.0.1:{it.port}") for name, value in headers.items()}
        async with asking(it, "POST", "/v1/queue/pause", cookie, given, json={}) as answer:
            assert answer.status == (200 if well else 403)
        assert bool(it.calls.asked) is well
        async with it.request("POST", PATH, None, json={"token": ADMIN}, headers=given) as answer:
            assert answer.status == (200 if well else 403)
        async with it.request("POST", "/v1/queue/pause", headers=given, json={}) as answer:
            assert answer.status == 200, "a token in the header comes from no page"


async def test_reading_is_refused_to_other_sites_and_to_a_broken_cookie() -> None:
    async with console() as it:
        cookie = await logged_in(it)
        for site, status in (("cross-site", 403), ("same-site", 403), ("none", 200), ("same-origin", 200)):
            async with asking(it, "GET", "/v1/calls", cookie, {"Sec-Fetch-Site": site}) as answer:
                assert answer.status == status, site
        for broken in ("", "%%%", cookie[:-4] + "AAAA", "w7w="):
            async with asking(it, "GET", "/v1/calls", broken, HERE) as answer:
                assert answer.status == 401, broken


async def test_a_token_in_the_header_counts_before_the_cookie() -> None:
    async with console() as it:
        cookie = await logged_in(it, READER)
        headers = {"Cookie": f"{NAME}={cookie}", "Sec-Fetch-Site": "cross-site"}
        async with it.request("POST", "/v1/queue/pause", headers=headers, json={}) as answer:
            assert answer.status == 200
        async with it.request("GET", "/v1/calls", "nonsense", headers=headers) as answer:
            assert answer.status == 401
