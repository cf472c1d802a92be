"""The end of a controller: who may finish, who says goodbye, who is hung up, and what a second signal does."""

import asyncio
from dataclasses import dataclass, field

import pytest

from controller.calls.machine import inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from controller.calls.runtime import shutdown
from tests.unit.controller.calls.machine.test_table import inbound

BYE, OUT = inputs.WrapUpDue(shutdown.WHY), inputs.HangUpAsked(shutdown.WHY)


@dataclass
class Stage:
    """One live call, which ends when it is told `ends_at`."""

    ends_at: inputs.Input | None = OUT
    state: State = State.TALKING
    told: list[inputs.Input] = field(default_factory=list)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def call(self) -> Call:
        made = inbound()
        made.state = self.state
        return made

    def put(self, what: inputs.Input) -> None:
        self.told.append(what)
        if what == self.ends_at:
            self.empty.set()

    async def drain(self, patience: float) -> list[inputs.Input]:
        async with asyncio.timeout(5):
            await shutdown.finish(lambda: [] if self.empty.is_set() else [self], self.empty, patience, self.hurry)
        return self.told


async def test_without_patience_calls_are_hung_up_at_once() -> None:
    assert await Stage().drain(0) == [OUT]


async def test_a_call_that_ends_by_itself_is_told_nothing() -> None:
    stage = Stage()
    asyncio.get_running_loop().call_later(0.01, stage.empty.set)
    assert await stage.drain(60) == []


async def test_after_the_deadline_the_agent_says_goodbye() -> None:
    assert await Stage(ends_at=BYE).drain(0.01) == [BYE]


async def test_whoever_does_not_end_then_is_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutdown, "LAST_WORDS_LIMIT", -0.99)
    assert await Stage().drain(0.01) == [BYE, OUT]
    monkeypatch.setattr(shutdown, "HANG_UP", 0.01)
    assert await Stage(ends_at=None).drain(0.01) == [BYE, OUT]


async def test_a_second_signal_does_not_wait() -> None:
    stage = Stage()
    asyncio.get_running_loop().call_later(0.01, stage.hurry.set)
    assert await stage.drain(60) == [OUT]


async def test_who_waits_in_line_waits_no_longer() -> None:
    waits = inputs.TimeUp("wait")
    assert await Stage(ends_at=waits, state=State.WAITING).drain(60) == [waits]


async def test_nothing_to_wait_for() -> None:
    stage = Stage()
    stage.empty.set()
    assert await stage.drain(60) == []
