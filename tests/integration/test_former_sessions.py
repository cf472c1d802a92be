"""A call loses its agent while the worker still has, or still tells of, the former session. Real sockets."""

import asyncio
import uuid
from dataclasses import replace
from typing import cast

import aiohttp
import pytest

from bridge import contract
from bridge.engine import Emit
from bridge.worker.process import Worker
from controller.ari.errors import TimedOut
from controller.ari.rest import Ari
from controller.calls.admission.spending import Spending
from controller.calls.machine import commands, inputs
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import failover
from controller.calls.reporting import lifecycle
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.worker_events import WorkerEvents
from controller.calls.tools.http import HttpTools
from controller.config.prices import Prices
from controller.workers import assigned_calls
from controller.workers.worker import NoWorker
from tests.integration.test_worker_link import OPTIONS, PATIENCE, ToneSession
from tests.integration.test_worker_pool import TOKEN, PoolHarness, http as http, join, pool as pool
from tests.unit.controller.calls.machine.test_table import CALLER, SPEC
from tests.unit.controller.calls.runtime.test_actor import WITH_TOOL, FakeAri, FakeTools
from tests.unit.controller.configs import SMALL, current

HEARTBEAT = contract.encode(contract.Heartbeat(load=contract.Load()))
USED = contract.Used(
    call="c1", provider="openai", model="gpt-realtime-2.1-mini", kind="response", usage={"output_text": 500}
)


async def told(pool: PoolHarness, number: int) -> None:
    async with asyncio.timeout(10):
        while len(pool.events) < number:
            await pool.hear()


@pytest.fixture
def former(pool: PoolHarness) -> list[contract.CallEvent]:
    got: list[contract.CallEvent] = []
    pool.workers.on_former_event = got.append
    return got


async def test_a_worker_is_not_asked_again_before_the_former_session_has_ended(
    pool: PoolHarness, http: aiohttp.ClientSession, former: list[contract.CallEvent]
) -> None:
    socket, _ = await join(pool, http, "w1"), pool.workers.assign("c1")
    pool.workers.release("c1")
    with pytest.raises(NoWorker):
        pool.workers.assign("c1", again=True)
    pool.workers.assign("c2")
    ended = contract.Ended(call="c1", reason="left")
    story: tuple[contract.CallEvent, ...] = (USED, ended, contract.MediaConnected(call="c2"))
    for number, event in enumerate(story, 1):
        await socket.send_str(contract.encode_numbered(number, event))
    await told(pool, 1)
    assert former == [USED, ended]
    assert pool.workers.assign("c1", again=True).name == "w1"
    await socket.send_str(contract.encode_numbered(4, ended))
    await told(pool, 2)
    assert pool.events[1:] == [ended], "the end of the present one"
    assert pool.workers.of("c1") is None


async def test_another_worker_is_asked_meanwhile_and_what_the_former_one_spent_is_told(
    pool: PoolHarness, http: aiohttp.ClientSession, former: list[contract.CallEvent]
) -> None:
    first, second = await join(pool, http, "w1"), await join(pool, http, "w2", pid=2)
    at_first = pool.workers.assign("c1").name == "w1"
    pool.workers.release("c1")
    assert pool.workers.assign("c1", again=True).name == ("w2" if at_first else "w1")
    before, now = (first, second) if at_first else (second, first)
    await before.send_str(contract.encode_numbered(1, USED))
    await before.send_str(contract.encode_numbered(2, contract.Ended(call="c1", reason="left")))
    await before.send_str(contract.encode_numbered(3, USED))  # nothing more is believed
    await before.close()
    await pool.changed()
    await now.send_str(contract.encode_numbered(1, contract.MediaConnected(call="c1")))
    await told(pool, 1)
    assert [event.type for event in former] == ["used", "ended"]
    assert [event.type for event in pool.events] == ["media_connected"]


@pytest.mark.parametrize("lives", [True, False], ids=["it lives", "it has ended"])
async def test_a_worker_that_was_given_up_returns_with_the_former_session(
    pool: PoolHarness, http: aiohttp.ClientSession, former: list[contract.CallEvent], lives: bool
) -> None:
    """What it kept while its link was down comes in the half second behind its first heartbeat."""
    socket, _ = await join(pool, http, "w1"), pool.workers.assign("c1")
    await socket.close()
    await pool.changed()
    pool.workers.lost("w1", "its link did not return")
    await pool.changed()
    socket = await join(pool, http, "w1", calls=("c1",) if lives else ())
    with pytest.raises(NoWorker):
        pool.workers.assign("c1", again=True)
    pool.workers.assign("c2")
    await socket.send_str(HEARTBEAT)
    await socket.send_str(contract.encode_numbered(1, contract.Ended(call="c1", reason="left")))
    await socket.send_str(HEARTBEAT)
    await socket.send_str(contract.encode_numbered(2, contract.MediaConnected(call="c2")))
    await told(pool, 1)
    assert [event.type for event in former] == ["ended"] * lives
    assert pool.workers.assign("c1", again=True).name == "w1"
    assert pool.lost == ["c1"]


async def test_a_session_that_ended_or_never_began_while_the_link_was_down(
    pool: PoolHarness, http: aiohttp.ClientSession, former: list[contract.CallEvent]
) -> None:
    socket = await join(pool, http, "w1", capacity=3)
    for call in ("c1", "c2", "c3"):
        pool.workers.assign(call)
    await socket.close()
    await pool.changed()
    socket = await join(pool, http, "w1", capacity=3, calls=("c3",))
    assert pool.lost == ["c1", "c2"]
    for call in pool.lost:
        with pytest.raises(NoWorker):
            pool.workers.assign(call, again=True)
    await socket.send_str(HEARTBEAT)
    await socket.send_str(contract.encode_numbered(1, contract.Ended(call="c1", reason="left")))
    await socket.send_str(HEARTBEAT)
    await socket.send_str(contract.encode_numbered(2, contract.MediaConnected(call="c3")))
    await told(pool, 1)
    assert [event.type for event in former] == ["ended"]
    assert {pool.workers.assign(call, again=True).name for call in pool.lost} == {"w1"}


async def test_a_worker_of_an_earlier_controller_may_have_kept_the_end_of_a_session(
    pool: PoolHarness, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assigned_calls, "AWAITED", 0.2)
    pool.workers.expect("c0")
    await join(pool, http, "w1")
    with pytest.raises(NoWorker):
        pool.workers.assign("c1", again=True)
    async with asyncio.timeout(10):
        while pool.lost != ["c0"]:
            await pool.hear()
    await join(pool, http, "w2", pid=2)
    assert pool.workers.assign("c1", again=True).name == "w2", "nobody else is waited for any more"


# ---------------------------------------------------------------- call, link and worker


class SlowSession(ToneSession):
    """The first one ends when it may."""

    made: list["SlowSession"]
    may_end: asyncio.Event

    def __init__(self, spec: contract.SessionSpec, call: str, emit: Emit) -> None:
        super().__init__(spec, call, emit)
        self.made.append(self)

    async def run(self) -> None:
        await super().run() if self is not self.made[0] else await self._slow()

    async def _slow(self) -> None:
        self.emit(contract.Ready(call=self.call, model="m", session="s", took_ms=1))
        await self.closing.wait()
        await self.may_end.wait()
        self.emit(USED.model_copy(update={"call": self.call}))
        self.emit(contract.Ended(call=self.call, reason=self.reason, counters=contract.Counters(turns=7)))


async def test_the_former_session_ends_right_after_the_leave_timer(
    pool: PoolHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its media leg does not come up, it has not ended in time, and there is one worker: the call goes on there."""
    monkeypatch.setattr(failover, "LEAVE", 0.05)
    monkeypatch.setattr(SlowSession, "made", [], raising=False)
    monkeypatch.setattr(SlowSession, "may_end", asyncio.Event(), raising=False)
    call, ari, looked, joining = str(uuid.uuid4()), FakeAri(), asyncio.Event(), asyncio.Event()
    ari.fails["external_media"] = TimedOut("external_media", None, "no answer in time")

    def observe(what: lifecycle.LifecycleEvent) -> None:
        if isinstance(what, lifecycle.InputTaken) and isinstance(what.what, inputs.NoWorkerFound):
            looked.set()
        if isinstance(what, lifecycle.CommandDone) and isinstance(what.command, commands.OpenMedia) and not what.error:
            joining.set()

    plan = Plan(call, "inbound", CALLER, AgentPlan(SPEC), {})
    actor = CallActor(plan, WITH_TOOL, cast(Ari, ari), pool.workers, cast(HttpTools, FakeTools()), observe)
    prices = Prices.of_config(WITH_TOOL.prices)
    heard = WorkerEvents(current(SMALL), Spending(WITH_TOOL.limits, prices), {call: actor}, observe)
    monkeypatch.setattr(pool.workers, "_on_event", lambda event: heard.take(actor, event))
    pool.workers.on_former_event = lambda event: heard.take_former(actor, event)
    options = replace(OPTIONS, controller=pool.url.replace("http", "ws"))
    worker = Worker(options, TOKEN, session_factory=SlowSession)
    running = asyncio.create_task(worker.run())
    await pool.changed()
    living = asyncio.create_task(actor.run())
    async with asyncio.timeout(PATIENCE):
        await looked.wait()
        assert (actor.call.state, len(SlowSession.made)) == (State.FAILOVER, 1)
        ari.fails.clear()
        SlowSession.may_end.set()
        await joining.wait()
        assert (len(SlowSession.made), actor.call.losses) == (2, 1)
        assert actor.call.counters == contract.Counters(turns=7), "of the former session"
        assert actor.call_log.cost > 0
        actor.put(inputs.HangUpAsked("ops"))
        await living
        worker.stop()
        await running
    assert (actor.call.state, actor.call.counters) == (State.ENDED, contract.Counters())
