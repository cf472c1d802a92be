"""Calls of a controller that has workers of its own and one of another node, on real sockets: which of them gets a
call, what becomes of one that is refused or loses its worker. Asterisk is simulated: it connects where it is told to.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import aiohttp
import pytest

from bridge import contract
from bridge.worker.options import LinkOptions, Options
from bridge.worker.process import Worker
from controller.ari.rest import Ari
from controller.calls.admission.spending import Spending
from controller.calls.errors import NoAiSession
from controller.calls.machine import inputs
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.worker_events import WorkerEvents
from controller.calls.tools.http import HttpTools
from controller.config.prices import Prices
from controller.text_sessions.session import Options as TextOptions, RunTool
from controller.text_sessions.sessions import TextSessions
from controller.workers.worker import OthersWorker
from tests.integration.test_worker_link import OPTIONS, PATIENCE, TONE, ToneSession
from tests.integration.test_worker_pool import TOKEN, PoolHarness, http as http, join, listening, pool as pool
from tests.peers.audiosocket import AsteriskPeer
from tests.unit.controller.calls.machine.test_table import CALLER, SPEC
from tests.unit.controller.calls.runtime.test_actor import WITH_TOOL, FakeAri, FakeTools
from tests.unit.controller.configs import SMALL, config, current

OWN_PROCESS = (
    "import sys; from tests.peers.heavy_worker import work; "
    "from tests.integration.test_worker_link import ToneSession; "
    "work('w1', sys.argv[1], capacity=2, sessions=ToneSession)"
)


class Asterisk(FakeAri):
    """Its media channels are real connections: each joins when it is there, and tells its call when it breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.actor: CallActor
        self.legs: list[AsteriskPeer] = []
        self._following: set[asyncio.Task[None]] = set()

    async def external_media(self, *, channel_id: str, host_port: str, **more: Any) -> None:
        host, _, port = host_port.rpartition(":")
        leg = await AsteriskPeer(host, int(port), more["uuid"]).__aenter__()
        self.legs.append(leg)
        self._following.add(asyncio.create_task(self._follow(leg, channel_id)))
        self.actor.put(inputs.LegEntered(channel_id))

    async def _follow(self, leg: AsteriskPeer, channel: str) -> None:
        await leg.closed.wait()
        self.actor.put(inputs.LegGone(channel))
        await leg.__aexit__(None, None, None)


@dataclass
class Controller:
    """The pool of one controller, and its calls."""

    pool: PoolHarness = field(default_factory=PoolHarness)
    calls: dict[str, CallActor] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return self.pool.url.replace("http", "ws")

    def __post_init__(self) -> None:
        prices = Prices.of_config(WITH_TOOL.prices)
        heard = WorkerEvents(current(SMALL), Spending(WITH_TOOL.limits, prices), self.calls, lambda _: None)
        workers = self.pool.workers
        workers._node = "a"
        workers._on_event = lambda event: heard.take(self.calls[event.call], event)
        workers._on_lost = lambda call: self.calls[call].put(inputs.WorkerLost("lost"))
        workers.on_former_event = lambda event: heard.take_former(self.calls[event.call], event)

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                self.news.clear()
                await self.news.wait()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[tuple[CallActor, Asterisk]]:
        """One that talks."""
        asterisk, plan = Asterisk(), Plan(str(uuid.uuid4()), "inbound", CALLER, AgentPlan(SPEC), {})
        tools = cast(HttpTools, FakeTools())
        actor = CallActor(plan, WITH_TOOL, cast(Ari, asterisk), self.pool.workers, tools, lambda _: self.news.set())
        asterisk.actor = self.calls[actor.id] = actor
        living = asyncio.create_task(actor.run())
        await self.until(lambda: actor.call.state in (State.TALKING, State.ENDED))
        try:
            yield actor, asterisk
        finally:
            actor.put(inputs.HangUpAsked("ops"))
            async with asyncio.timeout(PATIENCE):
                await living

    def worker_of(self, actor: CallActor) -> str:
        worker = self.pool.workers.of(actor.id)
        return worker.name if worker is not None else ""

    async def there(self, *names: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while {each.name for each in self.pool.workers.all() if each.socket and each.load.cpu_s} != set(  # noqa: ASYNC110
                names
            ):
                await asyncio.sleep(0.02)  # a first heartbeat changes nothing that the pool would tell


@asynccontextmanager
async def worker(options: Options, *tokens: str) -> AsyncIterator[Worker]:
    made = Worker(options, *tokens, session_factory=ToneSession)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        made.stop()
        async with asyncio.timeout(PATIENCE):
            await task


@dataclass
class Rig:
    a: Controller
    b: Controller
    shared: Worker


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Controllers a and b; one worker that is b's and that a may use: `b.w1` there."""
    async with AsyncExitStack() as stack:
        a, b = Controller(), Controller()
        b.pool.workers._node = "b"
        for each in (a, b):
            await stack.enter_async_context(listening(each.pool))
        other = LinkOptions(a.url, "b.w1", "auto", OPTIONS.allow)
        options = replace(OPTIONS, controller=b.url, others=(other,), capacity=2)
        shared = await stack.enter_async_context(worker(options, TOKEN, TOKEN))
        await a.there("b.w1")
        await b.there("w1")
        yield Rig(a, b, shared)


async def test_own_workers_come_first_and_the_other_node_s_when_they_are_full(rig: Rig) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(worker(replace(OPTIONS, controller=rig.a.url, capacity=1), TOKEN))
        await rig.a.there("w1", "b.w1")
        calls = [await stack.enter_async_context(rig.a.call()) for _ in range(3)]
        assert [rig.a.worker_of(actor) for actor, _ in calls] == ["w1", "b.w1", "b.w1"]
        assert not rig.a.pool.workers.has_room()
        found = rig.a.pool.workers.get("b.w1")
        assert found is not None
        assert found.home == "b"
        with pytest.raises(OthersWorker, match="node b"):
            await rig.a.pool.workers.retire("b.w1", 0)


async def test_whoever_waits_for_a_place_is_told_when_another_controller_has_freed_one(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    socket = await join(pool, http, "b.w1", capacity=2)
    (found,) = pool.workers.all()
    await socket.send_str(contract.encode(contract.Heartbeat(load=contract.Load(home=False, elsewhere=2))))
    async with asyncio.timeout(PATIENCE):
        await found.beaten.wait()
        assert (pool.workers.has_room(), found.home) == (False, "")
        waiting = asyncio.create_task(pool.workers.wait_changed())
        await asyncio.sleep(0)
        await socket.send_str(contract.encode(contract.Heartbeat(load=contract.Load(home=False, elsewhere=1))))
        await waiting
        assert (pool.workers.has_room(), found.room) == (True, 1)


async def test_a_worker_that_refuses_costs_the_call_nothing(rig: Rig) -> None:
    """It was full, or about to end, before this controller knew."""
    async with worker(replace(OPTIONS, controller=rig.a.url), TOKEN) as own:
        await rig.a.there("w1", "b.w1")
        own._sessions._draining = True
        async with rig.a.call() as (actor, asterisk):
            assert (rig.a.worker_of(actor), actor.call.state, actor.call.losses) == ("b.w1", State.TALKING, 0)
            await asterisk.legs[0].hear(3)
        rig.shared._sessions._draining = True
        rig.shared._controllers.all[1].sessions._draining = True
        async with rig.a.call() as (actor, _):
            assert actor.call.state is State.ENDED, "nobody takes it"
        assert all(not each.calls and not each.former for each in rig.a.pool.workers.all())


async def test_a_text_session_is_given_to_the_next_worker_too(rig: Rig) -> None:
    workers = rig.a.pool.workers
    async with worker(replace(OPTIONS, controller=rig.a.url), TOKEN) as own, asyncio.TaskGroup() as tasks:
        await rig.a.there("w1", "b.w1")
        own._sessions._draining = True
        texts = TextSessions(workers, tasks, cast(RunTool, FakeTools().run), lambda _: (0.0, False), lambda: None)
        workers._on_event, workers.on_former_event = lambda event: None if texts.take(event) else None, lambda _: None
        async with asyncio.timeout(PATIENCE):
            session = texts.open(config(), "reception", TextOptions(), by="test")
            await session.opened()
            assert (found := workers.of(session.id)) is not None
            assert (session.state, found.name) == ("open", "b.w1")
            for each in (rig.shared._controllers.all[1].sessions, own._sessions):
                each._draining = True
            refused = texts.open(config(), "reception", TextOptions(), by="test")
            with pytest.raises(NoAiSession, match="no bridge worker is free"):
                await refused.opened()
        await texts.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
async def test_a_call_goes_on_at_the_other_node_s_worker_and_new_ones_come_home_again(rig: Rig) -> None:
    """Its own worker is killed. The calls that the other controller has there are heard without a gap."""

    async def own() -> asyncio.subprocess.Process:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", OWN_PROCESS, rig.a.url), env={contract.TOKEN_ENV: TOKEN}
        )
        await rig.a.there("w1", "b.w1")
        return started

    processes = [await own()]
    try:
        async with rig.b.call() as (_, theirs), rig.a.call() as (actor, asterisk):
            assert rig.a.worker_of(actor) == "w1"
            (leg,) = theirs.legs
            before, began = len(leg.frames), asyncio.get_running_loop().time()
            processes[0].kill()
            await rig.a.until(lambda: len(asterisk.legs) == 2 and actor.call.state is State.TALKING)
            assert (rig.a.worker_of(actor), actor.call.losses) == ("b.w1", 1)
            async with asyncio.timeout(PATIENCE):
                while TONE not in asterisk.legs[1].sound:
                    await asterisk.legs[1].hear(1)
            seconds = asyncio.get_running_loop().time() - began
            assert len(leg.frames) - before == pytest.approx(50 * seconds, abs=5)
            processes.append(await own())
            async with rig.a.call() as (after, _):
                assert rig.a.worker_of(after) == "w1"
    finally:
        for each in processes:
            if each.returncode is None:
                each.kill()
            await each.wait()
