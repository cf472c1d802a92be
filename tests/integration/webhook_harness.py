"""Events with a real store and a real receiver; the tests report what happens in a call as call control does."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from bridge import contract
from controller.api.server import ApiServer
from controller.calls.reporting import lifecycle
from controller.cluster.nodes import NodeRegistry
from controller.config import Config, CurrentConfig
from controller.config.models import webhook_secrets
from controller.events.pipeline import Events
from controller.events.webhooks import signing
from controller.store.database import Database
from tests.peers.stores import store_at
from tests.unit.controller.configs import SMALL, config
from tests.unit.controller.views import call_view

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = webhook_secrets.key_of(SECRET)


@dataclass(frozen=True)
class Got:
    """One request, whose signature was right."""

    path: str
    body: dict[str, Any]

    @property
    def lane(self) -> tuple[str, str]:
        return self.path, self.body["data"]["call"]

    @property
    def number(self) -> int:
        return int(self.body["data"]["number"])


Answer = Callable[[web.Request, dict[str, Any]], Any]
"""Returns the response; may be a coroutine. None: the connection is reset."""


@dataclass
class Receiver:
    """Checks every signature. `answer` says what to answer; `got` holds what was answered with 2xx, `tries` all."""

    answer: Answer = lambda request, body: web.Response(status=204)
    got: list[Got] = field(default_factory=list)
    tries: list[Got] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    port: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        try:
            signing.verify([KEY], {name.lower(): text for name, text in request.headers.items()}, raw, time.time())
        except signing.Forged as error:
            self.forged.append(str(error))
        body = json.loads(raw)
        if request.headers.get(signing.ID) != body["id"]:
            self.forged.append("another id")
        tried = Got(request.path, body)
        self.tries.append(tried)
        try:
            answer = self.answer(request, body)
            response: web.StreamResponse | None = await answer if asyncio.iscoroutine(answer) else answer
            if response is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if 200 <= response.status < 300:
                self.got.append(tried)
            return response
        finally:
            self.news.set()

    async def until(self, true: Callable[["Receiver"], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not true(self):
                self.news.clear()
                await self.news.wait()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    async with ApiServer(app, "127.0.0.1", 0) as server:
        made.port = server.port
        yield made


def hook(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "secret": SECRET, "allowed_hosts": ["127.0.0.1"], **more}


def told_to(hooks: Mapping[str, Mapping[str, Any]], **more: Any) -> Config:
    return config(SMALL, webhooks={name: dict(each) for name, each in hooks.items()}, **more)


@asynccontextmanager
async def events(settings: Config, folder: Path, **more: Any) -> AsyncIterator[Events]:
    """Running; drained at the end, as at a shutdown."""
    async with Database(store_at(folder)) as database:
        await NodeRegistry(database).join("node1", "1", "")
        made = Events(CurrentConfig(settings), database, CollectorRegistry(), **more)
        running = asyncio.create_task(made.run())
        try:
            yield made
            await made.drain()
        finally:
            running.cancel()
            await asyncio.wait([running])


def begin(made: Events, call: str, webhook: str | None = None) -> None:
    made.observe(lifecycle.CallBegan("inbound", call_view(id=call), webhook))


def say(made: Events, call: str, text: str = "hello", times: int = 1) -> None:
    for _ in range(times):
        made.observe(contract.Said(call=call, who="caller", text=text, item="i"))


def end(made: Events, call: str) -> None:
    made.observe(lifecycle.CallOver("inbound", "answered", 1.0, call_view(id=call)))


def assert_in_order(got: list[Got]) -> None:
    """Each lane from 1 without holes; the same one may come twice in a row."""
    lanes: dict[tuple[str, str], int] = {}
    for each in got:
        before = lanes.get(each.lane, 0)
        assert each.number in (before, before + 1), f"{each.lane}: {each.number} after {before}"
        lanes[each.lane] = each.number


async def eventually(true: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """For what nobody tells of."""
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)
