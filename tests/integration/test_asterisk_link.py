"""An Asterisk that refuses our requests counts as away, and is back soon after the repair."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from pydantic import SecretStr

from controller.ari import lease, link as links
from controller.ari.lease import Lease
from controller.ari.process_signs import Media
from controller.ari.rest import Ari
from controller.calls.runtime import asterisk_link
from controller.calls.runtime.asterisk_link import AsteriskLink
from tests.peers.http_server import http_server

WITHIN = 5.0


@dataclass
class Pbx:
    """As much of ARI as is asked. `refuse`: what it answers to requests that are not to be answered well."""

    refuse: tuple[int, dict[str, str]] | None = None
    read_only: bool = False
    registered: bool = True
    started_at: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.refuse is not None:
            status, body = self.refuse
            return web.json_response(body, status=status) if body else web.Response(status=status)
        if self.read_only and request.method != "GET":
            return web.json_response({"message": "Write access denied"}, status=403)
        if request.path == "/ari/asterisk/info" and self.started_at:
            up = {"startup_time": self.started_at}
            return web.json_response({"system": {"version": "22.10.1", "entity_id": "02:fc"}, "status": up})
        if request.path == "/ari/events":
            return await self._events(request)
        if request.path == "/ari/asterisk/variable":
            return await self._variable(request)
        if request.path.startswith("/ari/applications/"):
            if not self.registered:
                return web.json_response({"message": "Application not found"}, status=404)
            empty: dict[str, list[str]] = {
                each: [] for each in ("channel_ids", "bridge_ids", "endpoint_ids", "device_names")
            }
            return web.json_response({"name": "voiceai", **empty})
        return web.json_response({"message": "Channel not found"}, status=404)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert base64.b64decode(request.headers["Authorization"].split()[1]) == b"voiceai:s3cret"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self.registered = True
        async for _ in socket:  # as an Asterisk that knows no requests here
            pass
        return socket

    async def _variable(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"value": self.variables.get(request.query["variable"], "")})
        sent = await request.json()
        self.variables[sent["variable"]] = sent["value"]
        return web.Response(status=204)


@dataclass
class Calls:
    link_up: bool = False
    frozen: bool = False
    ended: list[AbstractSet[str] | None] = field(default_factory=list)

    def take(self, event: Any) -> None:
        raise AssertionError(event)

    def media(self) -> Media:
        return Media()

    def calls_in_asterisk(self) -> frozenset[str]:
        return frozenset({"a"})

    def process_ended(self, since: datetime, calls: AbstractSet[str] | None = None) -> None:
        self.ended.append(calls)


@dataclass
class Harness:
    pbx: Pbx
    ari: Ari
    calls: Calls
    replaced: list[str]
    link: AsteriskLink

    async def until(self, there: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN):
            while not there():  # noqa: ASYNC110 - what it waits for is no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def harness(**more: Any) -> AsyncIterator[Harness]:
    pbx = Pbx(**more)
    calls, replaced = Calls(), list[str]()
    async with http_server(pbx.answer) as host, Ari(f"http://{host}/ari", "voiceai", "s3cret", "voiceai") as ari:
        settings = SimpleNamespace(
            url=f"http://{host}/ari", username="voiceai", password=SecretStr("s3cret"), app="voiceai", ca_file=None
        )
        link = AsteriskLink(
            cast(Any, settings),
            ari,
            Lease(ari, "store", {"pid": 1}),
            calls,
            compare=lambda: None,
            replaced=replaced.append,
            lost=lambda: None,
        )
        ari.also_observe(link.observe)
        tasks = [asyncio.create_task(each) for each in (link.follow(), link.watch())]
        try:
            yield Harness(pbx, ari, calls, replaced, link)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for socket in pbx.sockets:
                await socket.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asterisk_link, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(links, "DENIED_PAUSE", 0.1)
    monkeypatch.setattr(lease, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(lease, "DEAD_SECONDS", 0.2)


def password(pbx: Pbx, wrong: bool) -> None:
    pbx.refuse = (401, {"message": "Authentication required"}) if wrong else None


def switched_off(pbx: Pbx, wrong: bool) -> None:
    pbx.refuse = (404, {}) if wrong else None


def read_only(pbx: Pbx, wrong: bool) -> None:
    pbx.read_only = wrong


def access_list(pbx: Pbx, wrong: bool) -> None:
    pbx.refuse = (403, {"message": "Access denied by ACL"}) if wrong else None


def unregistered(pbx: Pbx, wrong: bool) -> None:
    if wrong:
        pbx.registered = False


@pytest.mark.parametrize("change", [password, switched_off, read_only, access_list])
async def test_one_that_refuses_us_is_away_until_it_is_repaired(change: Callable[[Pbx, bool], None]) -> None:
    async with harness() as it:
        await it.until(lambda: it.calls.link_up)
        change(it.pbx, True)
        await it.until(lambda: not it.calls.link_up)
        assert it.pbx.sockets[0].closed, "Asterisk sends new callers to what comes after Stasis()"
        change(it.pbx, False)
        await it.until(lambda: it.calls.link_up)
        assert len(it.pbx.sockets) == 2


async def test_an_asterisk_that_was_started_again_has_nothing_of_before() -> None:
    async with harness(started_at="2026-12-01T01:00:00.250+0100") as it:
        for number, started in enumerate(("2026-12-01T00:00:00.250+0000", "", "2026-12-01T00:09:00.000+0000"), 1):
            await it.until(lambda: it.calls.link_up)
            assert it.calls.ended == [], "the same one, or it does not tell"
            it.pbx.started_at = started
            await it.pbx.sockets[-1].close()
            await it.until(lambda number=number: len(it.pbx.sockets) > number)  # type: ignore[misc]
        await it.until(lambda: it.calls.ended == [{"a"}])


async def test_an_app_that_asterisk_has_forgotten_is_registered_again() -> None:
    async with harness() as it:
        await it.until(lambda: it.calls.link_up)
        unregistered(it.pbx, True)
        await it.until(lambda: len(it.pbx.sockets) == 2)


async def test_one_request_that_is_refused_is_reason_to_look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asterisk_link, "RENEW_SECONDS", 60.0)
    async with harness() as it:
        await it.until(lambda: it.calls.link_up)
        password(it.pbx, True)
        with pytest.raises(Exception, match="401"):
            await it.ari.answer("1.1")
        await it.until(lambda: not it.calls.link_up)


async def test_an_app_that_another_controller_serves_is_not_taken() -> None:
    async with harness(refuse=(503, {})) as it, Ari(*_at(it)) as other:
        first = Lease(other, "another store", {"pid": 77, "host": "elsewhere"})
        it.pbx.refuse = None
        await first.renew()

        async def renewing() -> None:
            while True:
                await asyncio.sleep(0.02)
                await first.renew()

        task = asyncio.create_task(renewing())
        try:
            await it.until(lambda: bool(it.replaced))
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert "pid 77, host elsewhere" in it.replaced[0]
        assert it.pbx.sockets == []


def _at(it: Harness) -> tuple[str, str, str, str]:
    return it.ari._base, "voiceai", "s3cret", "voiceai"
