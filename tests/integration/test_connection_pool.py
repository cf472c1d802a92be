"""Connections kept open for coming calls: taken, replaced, closed at their age; never a reason for a call to fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bridge.contract import Provider, SessionSpec
from bridge.realtime.protocol.client_events import SessionUpdate, session_update
from bridge.realtime.protocol.errors import ConnectionLost
from bridge.realtime.transport.client import open_client
from bridge.realtime.transport.pool import MOST_PROVIDERS, ConnectionPool
from simulator.realtime import RealtimeServer, ToneModel
from simulator.realtime.faults import Close, Freeze, Refuse, Script, Stall, before, refuse
from tests.integration.webhook_harness import eventually


def provider_of(server: RealtimeServer, model: str = "gpt-realtime-2.1-mini") -> Provider:
    return Provider.model_validate({"url": server.url, "api_key": "sk-test", "model": model})


def setup_of(provider: Provider) -> SessionUpdate:
    return session_update("setup_1", SessionSpec(agent="a", provider=provider, instructions="Be brief."))


@asynccontextmanager
async def kept(
    size: int, max_age_s: float = 3000.0, retry_s: float = 5.0, unused_s: float = 3600.0
) -> AsyncIterator[ConnectionPool]:
    warm = ConnectionPool(size, max_age_s=max_age_s, retry_s=retry_s, unused_s=unused_s)
    task = asyncio.create_task(warm.run())
    try:
        yield warm
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert len(warm) == 0


async def test_the_second_call_finds_an_open_connection_and_another_takes_its_place() -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(1) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        assert server.attempts == 2
        second = await warm.open(provider, setup_of(provider))
        assert second.updated.session_id
        await eventually(lambda: len(warm) == 1)
        assert server.attempts == 3
        await first.close()
        await second.close()


async def test_a_warm_connection_that_has_died_costs_no_call() -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(1, retry_s=60.0) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        await server.sessions[1].act(Close(1011))
        second = await warm.open(provider, setup_of(provider))
        assert second.alive
        await first.close()
        await second.close()


async def test_one_that_is_too_old_is_not_taken() -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(1, max_age_s=0.0) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        second = await warm.open(provider, setup_of(provider))
        assert server.attempts >= 3
        await first.close()
        await second.close()


async def test_each_provider_has_its_own_and_none_takes_from_another() -> None:
    """A call that fails over to another provider leaves the first one's connections for the next call."""
    async with RealtimeServer(ToneModel([])) as server, RealtimeServer(ToneModel([])) as other, kept(2) as warm:
        mini, full = provider_of(server), provider_of(server, "gpt-realtime-2.1")
        keyed = mini.model_copy(update={"api_key": SecretStr("sk-other")})
        server.api_key = None
        providers = [mini, full, keyed, provider_of(other)]
        clients = [await warm.open(provider, setup_of(provider)) for provider in providers]
        await eventually(lambda: len(warm) == 8)
        assert [warm.count(provider) for provider in providers] == [2, 2, 2, 2]
        tried = server.attempts, other.attempts
        assert tried == (9, 3)
        for provider in providers:
            clients.append(await warm.open(provider, setup_of(provider)))
            assert clients[-1].updated.model == provider.model
        await eventually(lambda: len(warm) == 8)
        assert (server.attempts, other.attempts) == (12, 4)
        for client in clients:
            await client.close()


async def test_what_does_not_concern_a_connection_makes_no_other_provider() -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(1) as warm:
        named = provider_of(server).model_copy(update={"name": "second", "max_session_s": 1800.0})
        first = await warm.open(provider_of(server), setup_of(named))
        await eventually(lambda: len(warm) == 1)
        second = await warm.open(named, setup_of(named))
        assert second.provider is named
        await eventually(lambda: len(warm) == 1)
        assert server.attempts == 3
        await first.close()
        await second.close()


@pytest.mark.parametrize("fault", [Freeze(), Stall()], ids=["freeze", "stall"])
async def test_a_warm_connection_that_answers_nothing_costs_a_part_of_the_one_deadline(fault: Freeze | Stall) -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(2, retry_s=60.0) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 2)
        for session in server.sessions[1:]:
            await session.act(fault)
        began = monotonic()
        second = await warm.open(provider, setup_of(provider), timeout=1.2)
        assert 0.2 < monotonic() - began < 1.2
        assert second.alive
        await eventually(lambda: warm.count(provider) == 2)  # its sibling was thrown away as well
        third = await warm.open(provider, setup_of(provider), timeout=1.2)
        assert third.alive
        for client in (first, second, third):
            await client.close()


@pytest.mark.parametrize("moment", ["session.created", "session.updated"])
async def test_a_server_that_answers_nothing_costs_the_deadline_and_no_more(moment: str) -> None:
    """Neither with a warm connection nor without: closing what failed is not waited for."""
    faults: dict[int, list[Script]] = {number: [before(moment, Freeze())] for number in range(2, 9)}
    faults[1] = [before("session.updated", Freeze())]
    async with RealtimeServer(ToneModel([]), faults=faults) as server, kept(1, retry_s=60.0) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        for open_ in (warm.open, open_client):
            began = monotonic()
            with pytest.raises(ConnectionLost):
                await open_(provider, setup_of(provider), timeout=0.8)
            assert monotonic() - began < 1.4  # a second more would be the closing of one of them
        await first.close()


async def test_a_provider_that_is_not_asked_for_any_more_gets_no_connections() -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(1, unused_s=0.3) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        await server.sessions[1].wait_for(lambda session: session.closed)
        assert len(warm) == 0
        assert repr(warm) == "<ConnectionPool [0 to 0 providers]>"
        second = await warm.open(provider, setup_of(provider))  # and it may come back
        await eventually(lambda: len(warm) == 1)
        await first.close()
        await second.close()


async def test_a_worker_of_many_providers_keeps_those_that_were_asked_for_last() -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(1) as warm:
        server.api_key = None
        providers = [
            provider_of(server).model_copy(update={"api_key": SecretStr(f"sk-{number}")})
            for number in range(MOST_PROVIDERS + 2)
        ]
        clients = [await warm.open(provider, setup_of(provider)) for provider in providers]
        await eventually(lambda: len(warm) == MOST_PROVIDERS)
        assert [warm.count(provider) for provider in providers] == [0, 0] + [1] * MOST_PROVIDERS
        for client in clients:
            await client.close()


async def test_a_provider_that_is_back_is_known_as_soon_as_a_call_gets_through() -> None:
    async with RealtimeServer(ToneModel([]), faults={1: [refuse(503)]}) as server, kept(1, retry_s=60.0) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: server.attempts == 2)
        second = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        await first.close()
        await second.close()


async def test_a_provider_that_wants_to_be_left_alone_is() -> None:
    limited = Refuse(429, '{"error": {"code": "rate_limit_exceeded", "message": "Please try again in 30s."}}')
    faults = {number: [limited] for number in range(2, 90)}
    async with RealtimeServer(ToneModel([]), faults=faults) as server, kept(1, retry_s=0.01) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        second = await warm.open(provider, setup_of(provider))
        await eventually(lambda: server.attempts == 3)
        await asyncio.sleep(0.3)
        assert (server.attempts, len(warm)) == (3, 0)
        await first.close()
        await second.close()


async def test_a_provider_that_is_away_does_not_keep_another_one_waiting_and_is_told_of_once() -> None:
    async with (
        RealtimeServer(ToneModel([]), faults={number: [refuse(503)] for number in range(1, 90)}) as away,
        RealtimeServer(ToneModel([])) as server,
        kept(1, retry_s=0.01) as warm,
    ):
        with capture_logs() as logs:
            gone = await warm.open(provider_of(away), setup_of(provider_of(away)))
            there = await warm.open(provider_of(server), setup_of(provider_of(server)))
            await eventually(lambda: warm.count(provider_of(server)) == 1)
            await eventually(lambda: away.attempts >= 5)
        assert len([line for line in logs if "no warm connection" in line["event"]]) == 1
        await gone.close()
        await there.close()


async def test_a_connection_knows_its_age_though_it_was_warm_before_its_call() -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(1) as warm:
        provider = provider_of(server)
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        opened = monotonic()
        await asyncio.sleep(0.2)  # what is measured is time
        second = await warm.open(provider, setup_of(provider))
        assert second.age_s >= monotonic() - opened >= 0.2
        await first.close()
        await second.close()


async def test_one_waits_for_its_call_no_longer_than_its_server_lets_it_live() -> None:
    async with RealtimeServer(ToneModel([])) as server, kept(1) as warm:
        provider = provider_of(server).model_copy(update={"max_session_s": 0.2})
        first = await warm.open(provider, setup_of(provider))
        await eventually(lambda: len(warm) == 1)
        tried = server.attempts
        await asyncio.sleep(0.2)  # what is waited for is age
        second = await warm.open(provider, setup_of(provider))
        assert second.age_s < 0.2
        assert server.attempts > tried
        await first.close()
        await second.close()
