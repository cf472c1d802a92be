"""`GET /v1/live` over real HTTP: readers see the latest of each call, and workers measure only while somebody reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from bridge import contract
from controller.api.auth.authenticator import Authenticator
from controller.api.auth.cookie import NAME
from controller.api.auth.sessions import Sessions, hash_of
from controller.api.resources.live_status import LiveStatusResources
from controller.config.models.api import ConsoleSession, Token
from controller.telemetry import live_status
from controller.telemetry.live_status import LiveStatusHub
from tests.integration.api_harness import Harness, harness


def status_of(call: str, saying: str = "") -> contract.LiveStatus:
    return contract.LiveStatus(call=call, caller_dbfs=-31.5, agent_dbfs=None, speaking=("caller",), saying=saying)


@dataclass
class Live:
    """Calls of which the id begins with `over` have ended."""

    asked: list[contract.WatchLive] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.hub = LiveStatusHub(self._tell, lambda call: None if call.startswith("over") else 0.25)

    async def _tell(self, command: contract.WatchLive) -> None:
        self.asked.append(command)
        self.told.set()


@asynccontextmanager
async def running(**more: Any) -> AsyncIterator[tuple[Live, Harness]]:
    live = Live()
    async with harness(more=lambda calls, _: LiveStatusResources(live.hub, calls).operations(), **more) as it:
        task = asyncio.create_task(live.hub.run())
        try:
            yield live, it
        finally:
            task.cancel()
            live.hub.close()


async def looks(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """The next event."""
    async with asyncio.timeout(10):
        while not (line := (await answer.content.readline()).decode()).startswith("data: "):
            assert line, "the stream is over"
    found: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return found


async def test_workers_are_asked_only_while_somebody_looks() -> None:
    async with running() as (live, it):
        live.hub.take([status_of("a")])
        assert not live.asked
        async with it.request("GET", "/v1/live") as answer:
            assert answer.content_type == "text/event-stream"
            async with asyncio.timeout(10):
                await live.told.wait()
            assert live.asked[0].seconds > live_status.WATCH_SECONDS / 2
            live.hub.take([status_of("a", "Good <b>day"), status_of("over")])
            told = await looks(answer)
        assert told == {
            "scenes": [
                {
                    "call": "a",
                    "caller_dbfs": -31.5,
                    "agent_dbfs": None,
                    "speaking": ["caller"],
                    "saying": "Good <b>day",
                    "cost": 0.25,
                }
            ]
        }


async def test_who_looks_at_one_call_sees_no_other_and_the_stream_ends_with_the_process() -> None:
    async with running() as (live, it), it.request("GET", "/v1/live?call=b") as answer:
        async with asyncio.timeout(10):
            await live.told.wait()
        live.hub.take([status_of("a"), status_of("b")])
        live.hub.take([status_of("b", "later")])
        assert [each["saying"] for each in (await looks(answer))["scenes"]] == ["later"]
        live.hub.close()
        async with asyncio.timeout(10):
            assert (await answer.content.read()).strip() == b": still here"


async def test_the_agents_words_are_for_those_who_may_have_recordings() -> None:
    async with running() as (live, it), it.request("GET", "/v1/live", "reader-0123456789") as answer:
        async with asyncio.timeout(10):
            await live.told.wait()
        live.hub.take([status_of("a", "my card is 1234")])
        assert (await looks(answer))["scenes"][0]["saying"] == ""


async def test_a_token_that_may_not_read_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_status, "MOST_SUBSCRIBERS", 0)
    async with running() as (_, it):
        async with it.request("GET", "/v1/live", "caller-0123456789") as answer:
            assert answer.status == 403
        async with it.request("GET", "/v1/live") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")


# ---------------------------------------------------------------- streams end with who may have them

A, B = "a-0123456789abcdef", "b-0123456789abcdef"


def tokens(*names: str, scopes: tuple[str, ...] = ("read",)) -> list[Token]:
    return [Token.model_validate({"name": name[0], "token": name, "scopes": scopes}) for name in names]


async def over(answer: aiohttp.ClientResponse) -> None:
    """Within two seconds."""
    async with asyncio.timeout(2):
        try:
            while await answer.content.readany():
                pass
        except aiohttp.ClientError:
            pass


@pytest.mark.parametrize("fate", ["gone", "exchanged", "fewer scopes"])
async def test_streams_of_a_token_that_is_gone_end_and_others_go_on(fate: str) -> None:
    keeper = Authenticator(tokens(A, B))
    async with running(authenticator=keeper) as (live, it):
        async with it.request("GET", "/v1/live", A) as mine, it.request("GET", "/v1/live", B) as other:
            await live.told.wait()
            keeper.users.replace_tokens(
                {
                    "gone": tokens(B),
                    "exchanged": [
                        *tokens(B),
                        Token.model_validate({"name": "a", "token": A + "x", "scopes": ["read"]}),
                    ],
                    "fewer scopes": [*tokens(B), *tokens(A, scopes=("metrics",))],
                }[fate]
            )
            await over(mine)
            live.hub.take([status_of("c")])
            assert (await looks(other))["scenes"][0]["call"] == "c"
        async with it.request("GET", "/v1/live", A) as answer:
            assert answer.status == (403 if fate == "fewer scopes" else 401)


@pytest.mark.parametrize("fate", ["logged out", "too old"])
async def test_streams_of_a_session_end_with_it(fate: str) -> None:
    limits = ConsoleSession(idle_s=60, max_s=1 if fate == "too old" else 60)
    keeper = Authenticator(tokens(A), sessions=Sessions(limits))
    async with running(authenticator=keeper) as (live, it):
        id_ = keeper.sessions.open(next(iter(keeper.users)).credential, datetime.now(UTC))
        headers = {"Cookie": f"{NAME}={id_}", "Sec-Fetch-Site": "same-origin"}
        async with it.request("GET", "/v1/live", None, headers=headers) as mine:
            await live.told.wait()
            if fate == "logged out":
                keeper.sessions.close(hash_of(id_))
            await over(mine)


async def test_one_token_holds_so_many_streams_and_leaves_the_rest_to_others() -> None:
    async with running(authenticator=Authenticator(tokens(A, B), most_streams=3)) as (_, it), AsyncExitStack() as stack:
        for _attempt in range(3):
            assert (await stack.enter_async_context(it.request("GET", "/v1/live", A))).status == 200
        async with it.request("GET", "/v1/live", A) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
            assert (await answer.json())["type"] == "/problems/too-many-streams"
        async with it.request("GET", "/v1/live", B) as answer:
            assert answer.status == 200
