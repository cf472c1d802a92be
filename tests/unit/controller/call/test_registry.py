"""Which event belongs to which call, and what the reconcile takes for nobody's."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from bridge import contract
from controller.ari import events as ari_events
from controller.ari.resources import Channel
from controller.ari.rest import Ari
from controller.call import messages as m
from controller.call import registry as registries
from controller.call.actor import CallActor
from controller.call.record import Record
from controller.call.registry import Registry
from controller.cost import Prices
from controller.tools.http import HttpTools
from controller.workers import Workers
from tests.unit.controller.call.test_machine import CALL, CALLER
from tests.unit.controller.configs import SMALL, config

LEG = cast(Channel, SimpleNamespace(id=CALLER, name="PJSIP/trunk-00000001", state="Up"))


class Listing:
    """An Asterisk that lists one channel. `there`: it can be hung up."""

    def __init__(self, there: bool) -> None:
        self.there = there
        self.hung_up: list[str] = []

    async def channels(self) -> list[Channel]:
        return [LEG]

    async def bridges(self) -> list[Any]:
        return []

    async def application(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(channel_ids=(CALLER,))

    async def hangup(self, channel: str, **_: Any) -> bool:
        self.hung_up.append(channel)
        return self.there


def made(ari: Listing, tasks: asyncio.TaskGroup, **changes: Any) -> Registry:
    fakes = cast(Ari, ari), cast(Workers, SimpleNamespace())
    return Registry(config(SMALL, **changes), *fakes, tasks, cast(HttpTools, SimpleNamespace()), Prices({}))


@pytest.mark.parametrize("there", [True, False])
async def test_what_asterisk_only_lists_is_no_orphan(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    """Each reconcile sees it again, for as long as the carrier of a REFER owes its word."""
    monkeypatch.setattr(registries, "ORPHAN_GRACE", 0.0)
    ari = Listing(there)
    async with asyncio.TaskGroup() as tasks:
        with capture_logs() as logs:
            await made(ari, tasks).reconcile()
    assert ari.hung_up == [CALLER]
    assert [line["event"] for line in logs] == ["orphan channel removed"] * there


async def test_a_hang_up_out_there_is_told_before_the_leg_is_gone() -> None:
    async with asyncio.TaskGroup() as tasks:
        registry, got = made(Listing(True), tasks), list[m.Input]()
        registry._live[CALL] = cast(CallActor, SimpleNamespace(put=got.append))
        registry._by_leg[CALLER] = CALL
        registry.take(ari_events.ChannelHangupRequest(LEG, 16))
        registry.take(ari_events.ChannelHangupRequest(cast(Channel, SimpleNamespace(id="other")), 16))
        registry.take(ari_events.ChannelDestroyed(LEG, 16, ""))
    assert got == [m.LegHungUp(CALLER, 16), m.LegGone(CALLER, 16)]


def spender(registry: Registry, call: str) -> tuple[list[m.Input], Callable[[], None]]:
    """What a live call gets to hear, and how it spends half a dollar."""
    got, record = list[m.Input](), Record()
    registry._live[call] = cast(CallActor, SimpleNamespace(id=call, put=got.append, record=record))
    usage = {"output_text": round(0.5 / 2.40 * 1e6)}
    used = contract.Used(call=call, provider="openai", model="gpt-realtime-2.1-mini", kind="response", usage=usage)
    return got, lambda: registry._used(registry._live[call], used)


@pytest.mark.parametrize("limit", ["spend_per_day", "spend_per_call"])
async def test_a_limit_of_spending_ends_each_call_once_and_is_logged_once(limit: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        registry = made(Listing(True), tasks, **{f"limits__{limit}": 1.0})
        calls = [spender(registry, f"c{number}") for number in range(10)]
        with capture_logs() as logs:
            for _ in range(5):
                for _, spend in calls:
                    spend()
            latest, spend = spender(registry, "late")  # had its room before the limit was reached
            for _ in range(3):
                spend()
    assert [got for got, _ in calls] == [[m.WrapUpDue(limit)]] * 10
    assert latest == [m.WrapUpDue(limit)]
    lines = [line["call"] for line in logs if line["event"] == "a spend limit is reached"]
    assert len(lines) == len(set(lines)) == (1 if limit == "spend_per_day" else 11)
