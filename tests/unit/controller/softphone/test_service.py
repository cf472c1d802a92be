"""Every way in which a session ends, and that nothing of it is left in an Asterisk that fails now and then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.ari.rest import Ari
from controller.calls import errors
from controller.calls.reporting import lifecycle
from controller.config.models.softphone import Softphone
from controller.softphone import service
from controller.softphone.service import Softphones
from controller.softphone.sessions import SoftphoneSession
from tests.unit.controller.softphone.fake_ari import FakeAri


@asynccontextmanager
async def running(ari: FakeAri, settings: Softphone | None = None) -> AsyncIterator[Softphones]:
    phones = Softphones(settings or Softphone(), cast(Ari, ari), lambda: not ari.away)
    task = asyncio.create_task(phones.run())
    try:
        yield phones
    finally:
        task.cancel()
        await asyncio.wait({task})


async def gone(ari: FakeAri) -> None:
    async with asyncio.timeout(5):
        while ari.left:
            ari.changed.clear()
            await ari.changed.wait()


async def opened(phones: Softphones, agent: str | None = "reception", **more: Any) -> SoftphoneSession:
    return await phones.open(agent=agent, variables={}, **{"by": "ops", "allowed": lambda: True, **more})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(service, "RETRY_SECONDS", 0.02)


async def test_off_without_a_section_or_a_transport_or_asterisk() -> None:
    ari = FakeAri()
    phones = Softphones(None, cast(Ari, ari), lambda: True)
    with pytest.raises(errors.NotReady, match="has no `softphone`"):
        await opened(phones)
    ari.objects.clear()
    async with running(ari) as phones:
        with pytest.raises(errors.NotReady, match="no PJSIP transport"):
            await opened(phones)
        ari.away = True
        with pytest.raises(errors.NotReady, match="Asterisk is away"):
            await opened(phones)
    assert ari.left == set()


async def test_a_session_makes_one_call_and_no_other() -> None:
    ari = FakeAri()
    async with running(ari) as phones:
        talk, supervisor = await opened(phones), await opened(phones, None)
        assert len(ari.objects) == 7
        wanted = phones.call_of("1.1", f"PJSIP/{talk.id}-00000001")
        assert (wanted.call, wanted.agent) == (talk.call, "reception")
        for name in (talk.id, supervisor.id, "browser-" + talk.id[8:16] + "-0000000000000000"):
            with pytest.raises(errors.WrongState):
                phones.call_of("1.2", f"PJSIP/{name}-00000002")
        with pytest.raises(errors.WrongState):
            phones.target_of(talk)
        assert phones.target_of(supervisor).dial == f"PJSIP/{supervisor.id}"
        with pytest.raises(errors.UnknownSoftphone):
            phones.find(talk.id, "somebody else")


@pytest.mark.parametrize("way", ["its call", "not allowed", "unused", "closed", "lost", "stopped"])
async def test_however_it_ends_nothing_is_left(way: str) -> None:
    ari, allowed = FakeAri(), [True]
    settings = Softphone.model_construct(**{**dict(Softphone()), "unused_s": 0.05 if way == "unused" else 60.0})
    async with running(ari, settings) as phones:
        session = await opened(phones, allowed=lambda: allowed[0])
        ari.channels[session.id] = ["1.1"]
        over = asyncio.create_task(phones.closed(session))
        match way:
            case "its call":
                view = SimpleNamespace(id=session.call)
                phones.observe(lifecycle.CallOver("inbound", "answered", 1.0, cast(Any, view)))
            case "not allowed":
                allowed[0] = False
            case "closed":
                await phones.close(session, "it was hung up")
            case "lost":
                ari.objects.clear()
                phones.compare()
            case "stopped":
                await phones.finish()
        async with asyncio.timeout(5):
            await over
        await gone(ari)
        assert way == "lost" or ari.channels[session.id] == []
        with pytest.raises(errors.UnknownSoftphone):
            phones.find(session.id, "ops")


async def test_what_asterisk_could_not_remove_is_removed_later() -> None:
    ari = FakeAri()
    async with running(ari) as phones:
        session = await opened(phones)
        ari.away = True
        await phones.close(session, "it was hung up")
        assert ari.left
        ari.away = False
        await gone(ari)


async def test_what_an_earlier_controller_left_is_removed_and_nothing_of_others() -> None:
    ari = FakeAri()
    async with running(ari) as earlier:
        session = await opened(earlier)
    ari.objects |= {("endpoint", "trunk"), ("endpoint", "browser-of-another-app")}
    async with running(ari) as phones:
        mine = await opened(phones)
        phones.compare()
        async with asyncio.timeout(5):
            while ("endpoint", session.id) in ari.objects:
                ari.changed.clear()
                await ari.changed.wait()
        assert phones.find(mine.id, "ops") is mine
    assert {("endpoint", "trunk"), ("endpoint", "browser-of-another-app"), ("endpoint", mine.id)} <= ari.objects


async def test_the_supervisors_session_ends_with_the_supervision() -> None:
    ari = FakeAri()
    async with running(ari) as phones:
        session = await opened(phones, None)
        session.call = "c1"
        for state in ("ringing", "on"):
            phones.observe(lifecycle.SupervisionMoved("c1", state, "listen"))
        phones.observe(lifecycle.SupervisionMoved("c2", "left", "listen"))
        assert phones.find(session.id, "ops")
        phones.observe(lifecycle.SupervisionMoved("c1", "left", "listen"))
        await gone(ari)


async def test_who_has_waited_longest_is_rung_and_nobody_else() -> None:
    ari = FakeAri()
    async with running(ari) as phones:
        first, second = await opened(phones, None, available=True), await opened(phones, None, available=True, by="ada")
        await opened(phones, None)
        await opened(phones)
        with pytest.raises(errors.WrongState):
            phones.target_of(first)
        ari.offline.add(first.id)
        assert await phones.available("*", "c1") == f"PJSIP/{second.id}"
        assert await phones.available("ada", "c2") is None, "she is rung already"
        ari.offline.clear()
        assert await phones.available("nobody", "c2") is None
        assert await phones.available("*", "c2") == f"PJSIP/{first.id}"
        assert await phones.available("*", "c3") is None
        assert first.opened_at > second.opened_at, "the time of the call begins when it rings"
        for state in ("ringing", "consulting", "answered"):
            phones.observe(lifecycle.TransferMoved("c1", 1, state, "", "ops", None))
        assert phones.find(second.id, "ada").call == "c1"
        phones.observe(lifecycle.TransferMoved("c1", 1, "failed", "", "ops", "declined"))
        with pytest.raises(errors.UnknownSoftphone):
            phones.find(second.id, "ada")
        assert phones.find(first.id, "ops").call == "c2"


async def test_who_may_not_ask_any_more_is_not_rung() -> None:
    ari, allowed = FakeAri(), [True]
    phones = Softphones(Softphone(), cast(Ari, ari), lambda: True)
    await opened(phones, None, available=True, allowed=lambda: allowed[0])
    allowed[0] = False
    assert await phones.available("*", "c1") is None


async def test_a_browser_that_is_gone_without_a_word_is_not_available_for_long() -> None:
    ari = FakeAri()
    settings = Softphone.model_construct(**{**dict(Softphone()), "unused_s": 0.1})
    async with running(ari, settings) as phones:
        session = await opened(phones, None, available=True)
        await asyncio.sleep(0.5)
        assert phones.find(session.id, "ops"), "it is registered"
        ari.offline.add(session.id)
        await gone(ari)
