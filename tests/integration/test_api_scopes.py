"""Which scopes open what: every operation with every set of scopes, against the table in docs/api.md."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bridge.common.auth_throttle import AuthThrottle
from controller.api import metrics as exposition
from controller.api.auth.authenticator import Authenticator
from controller.api.operation import ApiRequest, Operation, routes
from controller.api.problems import answer_problems
from controller.api.server import ApiServer
from controller.calls.reporting import view
from controller.calls.reporting.call_log import Utterance
from controller.config.models.api import Pace, Scope, Token
from docs.reference.__main__ import operations
from tests.integration.api_harness import LIMITED, harness, with_limited_key
from tests.unit.controller.views import STARTED

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
ACCESS = DOCS.with_name("access.md")
SCOPES: tuple[Scope, ...] = get_args(Scope)
OPERATIONS = operations()
OPEN = {"health", "readiness"}


def documented() -> Mapping[str, frozenset[str]]:
    """By operation, the scopes that docs/api.md names."""
    section = DOCS.read_text("utf-8").split("\n## Scopes\n")[1].split("\n## ")[0]
    found: dict[str, frozenset[str]] = {}
    for row in re.findall(r"^\| (`.+?) \| (.+) \|$", section, re.M):
        scopes = frozenset(re.findall(r"`(\w+)`", row[0]))
        for name in re.findall(r"`(\w+)`", row[1].split(". With ")[0]):
            if name not in SCOPES or (name == "supervise" and "call" in scopes):
                assert name not in found, f"{name} stands there twice"
                found[name] = scopes
    return found


def test_the_table_of_scopes_names_every_operation_and_no_other() -> None:
    names = {each.name for each in OPERATIONS}
    assert set(documented()) == names - OPEN
    assert {each.name for each in OPERATIONS if not each.scopes} == OPEN


def test_whatever_dials_needs_the_scope_call() -> None:
    dialling = {"place_call", "transfer", "supervise", "add_participant"}
    talking = {"open_talk", "talk_websocket", "close_talk"}  # no telephone rings, but it costs
    typing = {each.name for each in OPERATIONS if each.tag == "text sessions"}
    assert {each.name for each in OPERATIONS if "call" in each.scopes} == dialling | talking | typing


def served(operation: Operation) -> Operation:
    async def answer(asked: ApiRequest) -> web.StreamResponse:
        return web.Response(text=operation.name)

    return replace(operation, handle=answer, body=None, query=None, answer=None)


def url_of(operation: Operation) -> str:
    path = re.sub(r"\{\w+:[^{}]*(\{[^{}]*\})?[^{}]*\}", "1", operation.path)
    return re.sub(r"{[^{}]+}", "x", path)


async def test_each_operation_opens_to_its_scopes_and_to_no_others() -> None:
    sets = [frozenset(each) for size in (1, 2, len(SCOPES) - 1) for each in itertools.combinations(SCOPES, size)]
    tokens = {"-".join(sorted(each)).ljust(20, "x"): each for each in sets}
    known = [
        Token(name=f"t{at}", token=SecretStr(text), scopes=tuple(each))
        for at, (text, each) in enumerate(tokens.items())
    ]
    keeper = Authenticator(known, Pace(per_second=10_000, burst=100_000), AuthThrottle(10_000, 100_000))
    app = web.Application(middlewares=[answer_problems])
    app.router.add_routes(routes(map(served, OPERATIONS), keeper))
    wanted = documented()
    async with ApiServer(app, "127.0.0.1", 0) as server, aiohttp.ClientSession() as http:
        for operation in OPERATIONS:
            url = f"http://127.0.0.1:{server.port}{url_of(operation)}"
            for token, scopes in tokens.items():
                headers = {"Authorization": f"Bearer {token}"}
                async with http.request(operation.method, url, headers=headers) as answer:
                    may = operation.name in OPEN or "admin" in scopes or wanted[operation.name] <= scopes
                    assert answer.status == (200 if may else 403), (operation.name, scopes)
                    if not may:
                        told = answer.headers["WWW-Authenticate"]
                        assert all(each in told for each in wanted[operation.name])


def test_the_page_of_keys_tells_what_a_limited_key_may() -> None:
    section = ACCESS.read_text("utf-8").split("\n### Limits\n")[1].split("\n## ")[0]
    row = next(line for line in section.splitlines() if line.startswith("| allowed"))
    assert set(re.findall(r"`(\w+)`", row)) == {each.name for each in OPERATIONS if each.limited}
    assert not any(each.limited for each in OPERATIONS if not each.scopes)


async def test_a_limited_key_is_refused_what_concerns_all_calls() -> None:
    app = web.Application(middlewares=[answer_problems])
    keeper = with_limited_key(Authenticator([]))
    app.router.add_routes(routes(map(served, OPERATIONS), keeper))
    app.router.add_routes([exposition.route(CollectorRegistry(), keeper, public=False)])
    async with ApiServer(app, "127.0.0.1", 0) as server, aiohttp.ClientSession() as http:
        for method, url, fine in [
            *((each.method, url_of(each), each.limited or not each.scopes) for each in OPERATIONS),
            ("GET", "/metrics", False),
        ]:
            headers = {"Authorization": f"Bearer {LIMITED}"}
            async with http.request(method, f"http://127.0.0.1:{server.port}{url}", headers=headers) as answer:
                assert answer.status == (200 if fine else 403), (method, url)


async def test_a_key_for_metrics_reads_metrics_and_nothing_else() -> None:
    app = web.Application(middlewares=[answer_problems])
    keeper = Authenticator([Token(name="prometheus", token=SecretStr("x" * 20), scopes=("metrics",))])
    app.router.add_routes(routes(map(served, OPERATIONS), keeper))
    app.router.add_routes([exposition.route(CollectorRegistry(), keeper, public=False)])
    headers = {"Authorization": "Bearer " + "x" * 20}
    async with ApiServer(app, "127.0.0.1", 0) as server, aiohttp.ClientSession(headers=headers) as http:
        opened = set()
        for method, url in [*((each.method, url_of(each)) for each in OPERATIONS if each.scopes), ("GET", "/metrics")]:
            async with http.request(method, f"http://127.0.0.1:{server.port}{url}") as answer:
                opened |= {url} if answer.status == 200 else set()
    assert opened == {"/metrics"}


def test_the_document_tells_the_scopes_of_each_operation() -> None:
    from controller.api.openapi import document

    told: dict[str, Any] = {
        operation["operationId"]: operation
        for methods in document(OPERATIONS, "")["paths"].values()
        for operation in methods.values()
    }
    for name, scopes in documented().items():
        assert frozenset(told[name]["security"][0]["token"]) == scopes
    assert all("security" not in told[name] for name in OPEN)


@pytest.mark.parametrize(("token", "words"), [("reader", False), ("listener", True), ("admin", True)])
async def test_what_was_said_in_a_call_needs_recordings_besides_read(token: str, words: bool) -> None:
    async with harness() as it:
        call = it.calls.add()
        said = Utterance(STARTED, "caller", "my card is 1234", False, None, False)
        it.calls.details[call.id] = view.CallDetail(call, (said,))
        async with it.request("GET", f"/v1/calls/{call.id}", token=f"{token}-0123456789") as answer:
            text = await answer.text()
            assert answer.status == 200
        assert ("my card is 1234" in text) is words
        assert ('"transcript":null' in text) is not words
