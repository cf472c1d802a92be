"""Checks of workers, with real workers and sockets. Asterisk is simulated: it connects and shows the media id."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import aiohttp
import pytest

from bridge import contract
from controller.ari.rest import Ari, AriError
from controller.telemetry import media_checks
from controller.telemetry.media_checks import MediaChecks
from controller.workers.worker import Worker
from controller.workers.worker_admission import WorkerAdmission
from tests.integration.test_worker_identity import door
from tests.integration.test_worker_link import OPTIONS, running
from tests.integration.test_worker_pool import TOKEN, PoolHarness, join
from tests.integration.webhook_harness import eventually
from tests.peers.audiosocket import AsteriskPeer


@dataclass
class FakeAri:
    """Connects as Asterisk does: 500 where nobody accepts."""

    away: bool = False
    channels: dict[str, AsteriskPeer] = field(default_factory=dict)
    made: int = 0

    async def external_media(self, *, channel_id: str, host_port: str, uuid: str) -> None:
        if self.away:
            raise AriError("external_media", None, "no answer")
        host, _, port = host_port.rpartition(":")
        peer = AsteriskPeer(host, int(port), uuid)
        try:
            await peer.__aenter__()
        except OSError:
            raise AriError("external_media", 500, "An internal error prevented this request") from None
        self.channels[channel_id] = peer
        self.made += 1

    async def hangup(self, channel: str) -> None:
        if channel in self.channels:
            await self.channels.pop(channel).__aexit__(None, None, None)


@dataclass
class Harness:
    pool: PoolHarness
    ari: FakeAri
    checks: MediaChecks

    async def worker(self, name: str) -> Worker:
        await eventually(lambda: (found := self.pool.workers.get(name)) is not None and not found.catching_up)
        worker = self.pool.workers.get(name)
        assert worker is not None
        return worker

    async def eventually(self, worker: Worker, reached: bool) -> None:
        await eventually(lambda: worker.media.reached is reached and worker.media.check_due != 0.0)


@pytest.fixture
async def harness(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    monkeypatch.setattr(media_checks, "ANSWER", 0.3)
    monkeypatch.setattr(media_checks, "LOOK", 0.02)
    monkeypatch.setattr("controller.workers.reachability.FIRST_DELAY", 0.05)
    async with door(WorkerAdmission("secret", shared=TOKEN)) as pool:
        ari = FakeAri()
        harness = Harness(pool, ari, MediaChecks(pool.workers, cast(Ari, ari), lambda: True))
        task = asyncio.create_task(harness.checks.run())
        yield harness
        task.cancel()
        await asyncio.wait([task])
        assert ari.channels == {}, "nothing is left in Asterisk"


def at(harness: Harness, **options: Any) -> Any:
    return running(replace(OPTIONS, controller=harness.pool.url.replace("http", "ws", 1), **options), TOKEN)


async def test_a_worker_is_checked_when_it_comes(harness: Harness) -> None:
    async with at(harness) as worker:
        known = await harness.worker("w1")
        await harness.eventually(known, True)
        assert (harness.ari.made, known.media.check_due) == (1, None)
        assert worker.address == (known.host, known.port)


async def test_one_that_asterisk_does_not_reach_gets_no_call_until_it_does(harness: Harness) -> None:
    """Refused at first; then the port is another program's; then it is the worker's after all."""
    async with at(harness, name="w1"), at(harness, name="w2"):
        good, bad = await harness.worker("w1"), await harness.worker("w2")
        await harness.eventually(good, True)
        await harness.eventually(bad, True)
        right, bad.port = bad.port, 1
        harness.pool.workers.assign("a", None)
        bad.media.check_due = 0.0
        await harness.eventually(bad, False)
        assert bad.media.reason == media_checks.NOBODY
        assert [harness.pool.workers.assign(call).name for call in ("b", "c", "d")] == ["w1"] * 3
        strangers: list[asyncio.StreamWriter] = []
        stranger = await asyncio.start_server(lambda _, writer: strangers.append(writer), "127.0.0.1", 0)
        bad.port = stranger.sockets[0].getsockname()[1]
        await eventually(lambda: bad.media.reason == media_checks.OTHER)
        stranger.close()
        for each in strangers:
            each.close()
        bad.port = right
        await harness.eventually(bad, True)
        assert harness.pool.workers.assign("e").name == "w2"


async def test_a_worker_that_does_not_let_asterisk_in(harness: Harness) -> None:
    async with at(harness, allow=("192.0.2.0/24",)):
        known = await harness.worker("w1")
        await harness.eventually(known, False)
        assert known.media.reason == media_checks.OTHER


async def test_a_call_that_did_not_reach_it_leads_to_a_check(harness: Harness) -> None:
    async with at(harness):
        known = await harness.worker("w1")
        await harness.eventually(known, True)
        harness.pool.workers.assign("a")
        assert harness.pool.workers.media_failed("a", "the media leg did not come up in time") == known.boot
        assert not known.media.reached
        await harness.eventually(known, True)


async def test_while_asterisk_is_away_nobody_is_blamed(harness: Harness) -> None:
    harness.ari.away = True
    async with at(harness):
        known = await harness.worker("w1")
        await asyncio.sleep(0.3)
        assert known.media.reached
        harness.ari.away = False
        await eventually(lambda: harness.ari.made > 0)
        await harness.eventually(known, True)


async def test_a_worker_that_says_nonsense_of_checks_is_no_better_off(harness: Harness) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await join(harness.pool, http)
        with contextlib.suppress(TimeoutError):
            await socket.send_str(contract.encode_numbered(1, contract.MediaChecked(call="no such check")))
        await harness.eventually(await harness.worker("w1"), False)
