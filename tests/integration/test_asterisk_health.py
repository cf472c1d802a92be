"""The health check of Asterisk: healthy, slow, frozen and recovered, and away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from controller.ari import health as pulse
from controller.ari.health import AsteriskHealth
from controller.ari.rest import TimedOut, Unavailable


@dataclass
class Patient:
    """Asterisk as the pulse feels it. `free` unset: questions wait."""

    free: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    up: bool = True
    asked: int = 0
    waiting: int = 0
    most: int = 0
    told: list[bool] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def look_up(self, nobody: str) -> None:
        self.asked += 1
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        self.news.set()
        try:
            await self.free.wait()
        finally:
            self.waiting -= 1
        if self.error is not None:
            raise self.error

    def tell(self, frozen: bool) -> None:
        self.told.append(frozen)
        self.news.set()

    async def asked_again(self, times: int = 3) -> None:
        wanted = self.asked + times
        async with asyncio.timeout(10):
            while self.asked < wanted:
                self.news.clear()
                await self.news.wait()

    async def hear(self) -> bool:
        async with asyncio.timeout(10):
            while not self.told:
                self.news.clear()
                await self.news.wait()
        return self.told.pop(0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "INTERVAL", 0.01)
    monkeypatch.setattr(pulse, "ANSWER_TIMEOUT", 0.05)
    monkeypatch.setattr(pulse, "GRACE", 0.05)


@asynccontextmanager
async def feeling(patient: Patient) -> AsyncIterator[None]:
    task = asyncio.create_task(AsteriskHealth(patient, lambda: patient.up, patient.tell).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def test_a_healthy_one_is_no_news() -> None:
    patient = Patient()
    patient.free.set()
    async with feeling(patient):
        await patient.asked_again()
    assert patient.told == []


async def test_a_frozen_one_is_told_once_and_asked_one_question_at_a_time() -> None:
    patient = Patient()
    async with feeling(patient):
        assert await patient.hear() is True
        assert (patient.asked, patient.most) == (1, 1)
        patient.free.set()
        assert await patient.hear() is False
        await patient.asked_again()
    assert patient.told == []
    assert patient.waiting == 0


async def test_a_question_without_answer_is_followed_by_the_next() -> None:
    patient = Patient(error=TimedOut("look_up", None, "no answer in time"))
    patient.free.set()
    async with feeling(patient):
        assert await patient.hear() is True
        await patient.asked_again()
        assert patient.told == []
        patient.error = None
        assert await patient.hear() is False


async def test_one_that_refuses_connections_is_not_frozen() -> None:
    patient = Patient(error=Unavailable("look_up", None, "ConnectError"))
    patient.free.set()
    async with feeling(patient):
        await patient.asked_again()
    assert patient.told == []


async def test_one_that_is_away_is_not_asked() -> None:
    patient = Patient(up=False)
    patient.free.set()
    async with feeling(patient):
        await asyncio.sleep(0)
        assert patient.asked == 0
        patient.up = True
        await patient.asked_again()


async def test_our_own_standing_still_is_not_its_fault() -> None:
    """The loop stands still for longer than an answer may take; the answer came meanwhile."""
    patient = Patient()
    async with feeling(patient):
        await patient.asked_again(1)
        asyncio.get_running_loop().call_later(0.01, patient.free.set)
        time.sleep(0.2)  # noqa: ASYNC251 - it is what is tried
        await patient.asked_again(2)
    assert patient.told == []
