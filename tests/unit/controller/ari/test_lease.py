"""Who serves an app: alive, gone, ours, or of our own store."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from controller.ari import lease
from controller.ari.lease import Lease
from controller.ari.rest import Ari, Unauthorized
from controller.calls.runtime import asterisk_link
from controller.store.instance import AlreadyRunning


class Pbx:
    """Global variables. `look` is called before each is read."""

    app = "voiceai"

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.look: Callable[[], Any] | None = None

    async def get_global(self, variable: str) -> str:
        if self.look is not None and self.variables:
            await self.look()
        return self.variables.get(variable, "")

    async def set_global(self, variable: str, value: str) -> None:
        self.variables[variable] = value


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(lease, "DEAD_SECONDS", 0.1)


def lease_of(pbx: Pbx, store: str, pid: int = 1) -> Lease:
    return Lease(cast(Ari, pbx), store, {"pid": pid, "host": "there", "since": "2026", "api": "127.0.0.1:1"})


async def test_a_lease_that_is_renewed_is_alive_and_one_that_is_not_is_over() -> None:
    pbx = Pbx()
    first, second = lease_of(pbx, "one", 77), lease_of(pbx, "two")
    assert await second.holder() is None
    await first.renew()
    assert await second.holder() is None, "it is not renewed"
    pbx.look = first.renew
    found = await second.holder()
    assert found is not None
    assert found["pid"] == 77
    with pytest.raises(AlreadyRunning, match="pid 77, host there") as told:
        await asterisk_link.claim(second, "voiceai", takeover=False)
    assert "\n" not in str(told.value)
    pbx.look = None
    await asterisk_link.claim(second, "voiceai", takeover=True)
    assert not await first.is_ours()


async def test_an_earlier_controller_of_our_store_is_gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock is ours."""
    monkeypatch.setattr(lease, "DEAD_SECONDS", 60.0)
    pbx = Pbx()
    await lease_of(pbx, "one").renew()
    async with asyncio.timeout(5):
        assert await lease_of(pbx, "one").holder() is None


async def test_who_ends_in_order_leaves_no_lease_and_takes_nobodys() -> None:
    pbx = Pbx()
    first, second = lease_of(pbx, "one"), lease_of(pbx, "two")
    await first.renew()
    await first.release()
    assert set(pbx.variables.values()) == {""}
    await second.renew()
    await first.release()
    assert json.loads(next(iter(pbx.variables.values())))["store"] == "two"


@pytest.mark.parametrize("value", ["", "nonsense", "[]", "5", "[" * 10_000])
async def test_what_is_no_lease_is_none(value: str) -> None:
    pbx = Pbx()
    one = lease_of(pbx, "one")
    await one.renew()
    pbx.variables = dict.fromkeys(pbx.variables, value)
    assert await one.holder() is None
    assert await one.is_ours()


async def test_an_asterisk_that_cannot_be_asked_keeps_nobody_from_starting() -> None:
    pbx = Pbx()

    async def denied() -> None:
        raise Unauthorized("get_global", 401, "no")

    await lease_of(pbx, "one").renew()
    pbx.look = denied
    await asterisk_link.claim(lease_of(pbx, "two"), "voiceai", takeover=False)
