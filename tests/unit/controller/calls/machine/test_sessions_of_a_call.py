"""A call loses its agent, and what its former session had still to tell comes at any moment.

`Runtime` does what actor, pool and workers do: a queue of inputs that say of which session they are, workers that have
at most one session of the call, timers.
"""

from collections import deque
from itertools import permutations

import pytest
from hypothesis import given, settings, strategies as st

from bridge.contract import Counters
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import failover
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS, NOW, SPEC

LIVING = (State.TALKING, State.FAILOVER)


class Runtime:
    """`workers`: how many there are. A session that was told to end, or that another one has followed, is a former
    one at its worker until it has ended."""

    def __init__(self, workers: int) -> None:
        self.call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {}), NOW)
        self.queue: deque[inputs.Queued] = deque()
        self.timers: set[str] = set()
        self.session: dict[int, int | None] = dict.fromkeys(range(workers))
        """Its number, by worker."""
        self.assigned: int | None = None
        self.number = 1
        self.left = False
        """The session that was asked for last is told to end."""
        self.faults = 0
        """Of sessions that were the call's, and were to go on."""
        self.do(table.start(self.call))
        for what in (inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing()):
            self.put(what)
        self.take_all()
        assert self.call.state is State.TALKING

    def put(self, what: inputs.Input) -> None:
        self.queue.append(inputs.OfSession(self.number, what))

    def take_all(self) -> None:
        while self.queue:
            self.take()

    def take(self) -> None:
        if self.queue:
            self.do(table.handle(self.call, self.queue.popleft(), NOW))

    def fire(self, timer: str) -> None:
        if timer in self.timers:
            self.timers.remove(timer)
            self.do(table.handle(self.call, inputs.TimeUp(timer), NOW))

    def end(self, worker: int) -> None:
        """`Ended` of the session that this worker has."""
        number, self.session[worker] = self.session[worker], None
        if number is None:
            return
        over = inputs.SessionOver("closed", Counters(turns=number))
        if worker == self.assigned:
            self.faults += not self.left
            self.assigned = None
            self.put(over)
        else:
            self.queue.append(inputs.OfSession(inputs.FORMER, over))

    def lose(self, worker: int) -> None:
        """The process is gone, and another one there."""
        self.session[worker] = None
        if worker == self.assigned:
            self.faults += not self.left
            self.assigned = None
            self.put(inputs.WorkerLost("gone"))

    def tell(self, what: inputs.Input) -> None:
        """By the worker that has the call."""
        if self.assigned is not None:
            self.faults += not isinstance(what, inputs.AiReady)
            self.put(what)

    def step(self, name: str) -> None:
        match name.split():
            case ["take"]:
                self.take()
            case ["timer", timer]:
                self.fire(timer)
            case ["ended", worker]:
                self.end(int(worker))
            case ["lost", worker]:
                self.lose(int(worker))
            case ["ready"]:
                self.tell(inputs.AiReady())
            case ["failed"]:
                self.tell(inputs.AiFailed("transient", "no answer"))
            case ["media"]:
                self.tell(inputs.MediaLost("closed"))
        self.check()

    def do(self, issued: list[commands.Command]) -> None:
        for command in issued:
            match command:
                case commands.StartTimer(timer):
                    self.timers.add(timer)
                case commands.StopTimer(timer):
                    self.timers.discard(timer)
                case commands.LeaveAi():
                    self.left = True
                case commands.PrepareAi():
                    self.prepare()

    def prepare(self) -> None:
        self.number, self.assigned, self.left = self.call.session, None, False
        free = [worker for worker, number in self.session.items() if number is None]
        if not free:
            self.put(inputs.NoWorkerFound("all have one of this call"))
            return
        self.assigned = free[0]
        self.session[self.assigned] = self.number

    def check(self) -> None:
        """No worker is asked twice, no session is asked for while the call has one, and none is lost but by a fault."""
        assert self.call.losses <= self.faults
        if self.call.state in LIVING and not self.queue and self.call.session_open:
            assert self.assigned is not None
            assert self.session[self.assigned] == self.call.session


@pytest.mark.parametrize("order", list(permutations(["timer leave", "ended 0", "take"])))
def test_the_end_of_the_former_session_around_the_leave_timer(order: tuple[str, ...]) -> None:
    runtime = Runtime(1)
    runtime.step("media")
    runtime.take_all()
    assert runtime.call.failover is not None
    assert runtime.call.failover.phase == "leaving"
    for step in order:
        runtime.step(step)
    runtime.take_all()
    runtime.fire("again")
    assert runtime.call.losses == 1
    assert (runtime.call.session_open, runtime.session[0]) == (True, runtime.call.session)
    assert runtime.call.counters == Counters(turns=1)
    issued = table.handle(runtime.call, inputs.OfSession(runtime.number, inputs.AiReady()), NOW)
    assert isinstance(issued[0], commands.OpenMedia)


@pytest.mark.parametrize(
    "late",
    [
        inputs.SessionOver("closed", Counters()),
        inputs.WorkerLost("gone"),
        inputs.AiFailed("config", "no"),
        inputs.AiReady(),
        inputs.MediaFlowing(),
        inputs.MediaLost("closed"),
        inputs.NoWorkerFound("none"),
        inputs.LastSaid("length"),
        inputs.HangUpTool("t1"),
        inputs.RecordingTold("paused"),
    ],
    ids=lambda what: type(what).__name__,
)
@pytest.mark.parametrize("ready", [False, True], ids=["looking", "joining"])
def test_what_is_told_of_a_former_session_changes_nothing(late: inputs.Input, ready: bool) -> None:
    runtime = Runtime(2)
    runtime.step("media")
    runtime.take_all()
    runtime.fire("leave")
    if ready:
        runtime.put(inputs.AiReady())
        runtime.take_all()
    call, failing = runtime.call, runtime.call.failover
    assert failing is not None
    before = (failing.phase, call.session_open, call.session, call.losses, call.media_flowing, call.recording)
    assert table.handle(call, inputs.OfSession(1, late), NOW) == []
    assert call.state is State.FAILOVER
    assert before == (failing.phase, call.session_open, call.session, call.losses, call.media_flowing, call.recording)
    assert not call.open_tools


def test_the_end_of_a_former_session_does_not_end_a_call_before_the_present_one_has() -> None:
    runtime = Runtime(2)
    runtime.step("media")
    runtime.take_all()
    runtime.fire("leave")
    table.handle(runtime.call, inputs.HangUpAsked("ops"), NOW)
    runtime.end(0)
    runtime.take_all()
    assert runtime.call.state is State.ENDING
    runtime.end(1)
    runtime.take_all()
    assert runtime.call.state.value == "ended"


STEPS = ["take", "timer leave", "timer again", "ended 0", "ended 1", "lost 0", "lost 1", "ready", "failed", "media"]


@settings(max_examples=80)
@given(st.integers(1, 2), st.lists(st.sampled_from(STEPS), max_size=30))
def test_a_call_has_one_session_whatever_comes_when(workers: int, story: list[str]) -> None:
    runtime = Runtime(workers)
    for name in ("media", "take", *story):
        if not name.endswith("1") or workers == 2:
            runtime.step(name)
    for _ in range(2 * failover.MOST + 2):
        runtime.take_all()
        for worker, number in runtime.session.items():
            if worker != runtime.assigned and number is not None:
                runtime.end(worker)
        runtime.take_all()
        for timer in ("leave", "again"):
            runtime.fire(timer)
            runtime.take_all()
        runtime.check()
    call = runtime.call
    if call.state in LIVING:
        assert call.session_open
        assert [number for number in runtime.session.values() if number] == [call.session]
    else:
        assert call.losses == failover.MOST
