"""Which event belongs to which call, and what the reconcile takes for nobody's."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from controller.ari import events as ari_events
from controller.ari.resources import Channel
from controller.ari.rest import Ari
from controller.call import messages as m
from controller.call import registry as registries
from controller.call.actor import CallActor
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


def made(ari: Listing, tasks: asyncio.TaskGroup) -> Registry:
    fakes = cast(Ari, ari), cast(Workers, SimpleNamespace())
    return Registry(config(SMALL), *fakes, tasks, cast(HttpTools, SimpleNamespace()), Prices({}))


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
