"""The app `<app>-ready` against a small Asterisk of our own: registered exactly while calls are accepted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from controller.ari.rest import Ari
from controller.calls.runtime.readiness_app import ReadinessApp


@dataclass
class Pbx:
    """Says which websockets are open, and what was hung up."""

    accepts: bool = True
    opened: list[ServerConnection] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)

    async def talk(self, connection: ServerConnection) -> None:
        self.opened.append(connection)
        await connection.wait_closed()

    async def hangup(self, channel: str) -> bool:
        self.hung_up.append(channel)
        return True

    async def until(self, what: Any) -> None:
        async with asyncio.timeout(5):
            while not what():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)

    def open(self) -> int:
        return sum(each.state == 1 for each in self.opened)


@asynccontextmanager
async def running(*, on: bool = True) -> AsyncIterator[tuple[Pbx, "asyncio.Task[None]"]]:
    pbx = Pbx()
    async with serve(pbx.talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        ari = SimpleNamespace(
            url=f"http://127.0.0.1:{port}/ari", username="u", password=SecretStr("p"), app="voiceai", ca_file=None
        )
        settings = SimpleNamespace(readiness_app=on, ari=ari)
        task = asyncio.create_task(ReadinessApp(settings, cast(Ari, pbx), lambda: pbx.accepts).run())
        try:
            yield pbx, task
        finally:
            task.cancel()
            await asyncio.wait({task})
        await pbx.until(lambda: not pbx.open())


async def test_it_is_registered_exactly_while_calls_are_accepted() -> None:
    async with running() as (pbx, _):
        for times in (1, 2):
            pbx.accepts = True
            await pbx.until(pbx.open)
            assert (len(pbx.opened), pbx.opened[-1].request and pbx.opened[-1].request.path) == (
                times,
                "/ari/events?app=voiceai-ready&subscribeAll=false",
            )
            pbx.accepts = False
            await pbx.until(lambda: not pbx.open())


async def test_a_call_that_reaches_it_is_declined() -> None:
    async with running() as (pbx, _):
        await pbx.until(pbx.open)
        channel = {"id": "lost", "name": "PJSIP/trunk-1", "state": "Ring"}
        await pbx.opened[0].send(json.dumps({"type": "StasisStart", "args": [], "channel": channel}))
        await pbx.until(lambda: pbx.hung_up == ["lost"])


async def test_who_has_taken_it_keeps_it() -> None:
    async with running() as (pbx, task):
        await pbx.until(pbx.open)
        await pbx.opened[0].send(json.dumps({"type": "ApplicationReplaced", "application": "voiceai-ready"}))
        await pbx.until(lambda: not pbx.open())
        await asyncio.sleep(0.6)  # two looks
        assert (len(pbx.opened), task.done()) == (1, False)


async def test_without_the_key_there_is_none() -> None:
    async with running(on=False) as (pbx, task):
        await asyncio.wait_for(task, 1)
        assert not pbx.opened
