"""Connections kept open for coming calls: taken, replaced, aged out, and never a reason for a call to fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from bridge.contract import Provider, SessionSpec
from bridge.realtime.frames import session_update
from bridge.realtime.warm import WarmLines
from demo.realtime import StandIn, ToneBrain
from demo.realtime.faults import Close


def provider_of(server: StandIn, model: str = "gpt-realtime-2.1-mini") -> Provider:
    return Provider.model_validate({"url": server.url, "api_key": "sk-test", "model": model})


def setup_of(provider: Provider) -> bytes:
    return session_update("setup_1", SessionSpec(agent="a", provider=provider, instructions="Be brief."))


@asynccontextmanager
async def kept(size: int, max_age_s: float = 3000.0, retry_s: float = 5.0) -> AsyncIterator[WarmLines]:
    warm = WarmLines(size, max_age_s=max_age_s, retry_s=retry_s)
    task = asyncio.create_task(warm.run())
    try:
        yield warm
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert len(warm) == 0


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for is a number of another task
            await asyncio.sleep(0.01)


async def test_the_second_call_finds_an_open_connection_and_another_takes_its_place() -> None:
    async with StandIn(ToneBrain([])) as server, kept(1) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await until(lambda: len(warm) == 1)
        assert server.attempts == 2
        second = await warm.open(provider, setup_of(provider))
        assert second.updated.session_id
        await until(lambda: len(warm) == 1)
        assert server.attempts == 3
        await first.close()
        await second.close()


async def test_a_warm_connection_that_has_died_costs_no_call() -> None:
    async with StandIn(ToneBrain([])) as server, kept(1, retry_s=60.0) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await until(lambda: len(warm) == 1)
        await server.sessions[1].act(Close(1011))
        second = await warm.open(provider, setup_of(provider))
        assert second.alive
        await first.close()
        await second.close()


async def test_one_that_is_too_old_is_not_taken() -> None:
    async with StandIn(ToneBrain([])) as server, kept(1, max_age_s=0.0) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await until(lambda: len(warm) == 1)
        second = await warm.open(provider, setup_of(provider))
        assert server.attempts >= 3
        await first.close()
        await second.close()


async def test_another_provider_gets_none_of_those_for_the_former() -> None:
    async with StandIn(ToneBrain([])) as server, kept(2) as warm:
        mini, full = provider_of(server), provider_of(server, "gpt-realtime-2.1")
        clients = [await warm.open(mini, setup_of(mini))]
        await until(lambda: len(warm) == 2)
        clients.append(await warm.open(full, setup_of(full)))
        assert clients[1].updated.model == "gpt-realtime-2.1"
        await until(lambda: len(warm) == 2)
        clients.append(await warm.open(full, setup_of(full)))
        assert clients[2].updated.model == "gpt-realtime-2.1"
        for client in clients:
            await client.close()


async def test_a_connection_knows_its_age_though_it_was_warm_before_its_call() -> None:
    async with StandIn(ToneBrain([])) as server, kept(1) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await until(lambda: len(warm) == 1)
        opened = monotonic()
        await asyncio.sleep(0.2)  # what is measured is time
        second = await warm.open(provider, setup_of(provider))
        assert second.age_s >= monotonic() - opened >= 0.2
        await first.close()
        await second.close()


async def test_one_waits_for_its_call_no_longer_than_its_server_lets_it_live() -> None:
    async with StandIn(ToneBrain([])) as server, kept(1) as warm:
        provider = provider_of(server).model_copy(update={"max_session_s": 0.2})
        first = await warm.open(provider, setup_of(provider))
        await until(lambda: len(warm) == 1)
        tried = server.attempts
        await asyncio.sleep(0.2)  # what is waited for is age
        second = await warm.open(provider, setup_of(provider))
        assert second.age_s < 0.2
        assert server.attempts > tried
        await first.close()
        await second.close()
