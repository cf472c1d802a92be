"""Clients that cause much work: a bounded part of it per round of the event loop, charged to the token's rate limit."""

import asyncio
import time
from collections import Counter

import pytest
from pydantic import SecretStr

from controller.api.auth import authenticator, users
from controller.api.work_time import Worked
from controller.config.models.api import Pace, Token
from tests.integration.api_harness import harness

READER, OTHER = "slow-0123456789", "other-0123456789"
TOKENS = [
    Token(name=token.partition("-")[0], token=SecretStr(token), scopes=("read",), rate=Pace())
    for token in (READER, OTHER)
]


@pytest.mark.parametrize("path", ["/v1/calls?limit=1000", "/v1/queue?limit=1000"])
async def test_large_pages_are_made_in_turns_and_cost_more_than_small_ones(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(authenticator, "REQUEST_SECONDS", 0.0002)
    rounds, over = [0], asyncio.Event()

    async def others() -> None:
        while not over.is_set():
            rounds[0] += 1
            await asyncio.sleep(0)

    async with harness(tokens=TOKENS) as it:
        for _ in range(300):
            it.calls.add()
            it.orders.add()

        async def ask(token: str = READER) -> int:
            async with it.request("GET", path, token) as answer:
                assert answer.status == 200 or int(answer.headers["Retry-After"]) >= 1
                return int(answer.status)

        busy = asyncio.create_task(others())
        statuses = Counter(await asyncio.gather(*(ask() for _ in range(80))))
        over.set()
        await busy
        assert set(statuses) == {200, 429}
        assert statuses[200] < 20
        assert rounds[0] > statuses[200] / users.READ_AT_ONCE
        assert await ask(OTHER) == 200, "another token has its own pace"
        assert await ask() == 429
        async with it.request("GET", "/healthz", None) as answer:
            assert answer.status == 200


async def test_small_requests_cost_what_they_did() -> None:
    async with harness(tokens=TOKENS) as it:
        it.calls.add()

        async def ask() -> int:
            async with it.request("GET", "/v1/calls?limit=1", READER) as answer:
                return int(answer.status)

        assert Counter(await asyncio.gather(*(ask() for _ in range(100)))) == {200: 100}


async def test_work_is_counted_without_its_waits() -> None:
    def spins(seconds: float) -> None:
        began = time.thread_time()
        while time.thread_time() - began < seconds:
            pass

    async def works(raises: bool) -> str:
        spins(0.02)
        await asyncio.sleep(0.1)
        spins(0.02)
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)
        except TimeoutError:
            pass
        if raises:
            raise ValueError
        return "done"

    work = Worked(works(False), time.thread_time)
    assert await work == "done"
    assert 0.04 <= work.seconds < 0.08
    failing = Worked(works(True), time.thread_time)
    with pytest.raises(ValueError, match="^$"):
        await failing
    assert failing.seconds >= 0.04
    cancelled = Worked(works(False), time.thread_time)

    async def waits() -> None:
        await cancelled

    task = asyncio.create_task(waits())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert 0.02 <= cancelled.seconds < 0.04
