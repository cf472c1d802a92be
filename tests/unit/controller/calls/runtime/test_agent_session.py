"""What an actor says is worth counting: when the agent greets, and how long tools take."""

from typing import Any, cast

import pytest

from bridge import contract
from controller.ari.rest import Ari
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.reporting.lifecycle import (
    CallGreeted,
    CallRang,
    CommandDone,
    InputTaken,
    LifecycleEvent,
    StateChanged,
    ToolAsked,
    ToolTimed,
)
from controller.calls.runtime.actor import CallActor
from controller.workers.pool import WorkerPool
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS, SPEC
from tests.unit.controller.configs import SMALL, config

TOOL = contract.FunctionTool(name="look_up", description="Look it up.", parameters={"type": "object"})


class Link:
    """Stands for all workers, and for Asterisk: takes whatever it is told."""

    def __init__(self) -> None:
        self.said: list[contract.Command] = []

    async def send(self, call: str, command: contract.Command) -> None:
        self.said.append(command)

    def __getattr__(self, name: str) -> Any:
        async def done(*_: object, **__: object) -> None:
            return

        return done


@pytest.fixture
def seen() -> list[LifecycleEvent]:
    return []


@pytest.fixture
def actor(seen: list[LifecycleEvent]) -> CallActor:
    link: Any = Link()
    plan = Plan(CALL, "inbound", CALLER, AgentPlan(SPEC.model_copy(update={"tools": (TOOL,)})), {})

    def observe(what: LifecycleEvent) -> None:
        if not isinstance(what, InputTaken | CommandDone):
            seen.append(what)

    return CallActor(plan, config(SMALL), cast(Ari, link), cast(WorkerPool, link), cast(Any, None), observe)


async def test_a_greeting_is_told_with_the_time_to_it(actor: CallActor, seen: list[LifecycleEvent]) -> None:
    table.start(actor.call)
    for what in (inputs.AiReady(), inputs.LegEntered(IDS.media)):
        table.handle(actor.call, what, actor.call.started_at)
    assert seen == []
    await actor._take(inputs.MediaFlowing())
    assert actor.call.state is State.TALKING
    (greeted,) = [each for each in seen if isinstance(each, CallGreeted)]
    assert StateChanged(CALL, "talking", "connecting") in seen
    assert greeted.direction == "inbound"
    assert 0 <= greeted.greet_s < 60


async def test_a_tool_is_timed_once_and_only_under_a_name_that_the_agent_has(
    actor: CallActor, seen: list[LifecycleEvent]
) -> None:
    actor.tool_called("t1", "look_up")
    actor.tool_called("t2", "made_up_by_the_model")
    for tool_call, ok in (("t1", True), ("t1", True), ("t2", False), ("never called", True)):
        await actor._do(commands.AnswerAiTool(tool_call, "{}", ok, reason=None if ok else "refused"))
    asked = [each for each in seen if isinstance(each, ToolAsked)]
    assert asked == [ToolAsked(CALL, "look_up"), ToolAsked(CALL, "unknown")]
    timed = [each for each in seen if isinstance(each, ToolTimed)]
    assert [(each.tool, each.ok, each.reason) for each in timed] == [
        ("look_up", True, None),
        ("unknown", False, "refused"),
    ]
    assert all(0 <= each.seconds < 60 for each in timed)


async def test_ringing_is_told_once_it_rings_and_only_of_the_person_we_talk_to(
    actor: CallActor, seen: list[LifecycleEvent]
) -> None:
    await actor._take(inputs.LegRinging(IDS.media))
    assert seen == []
    await actor._do(commands.Ring(CALLER))
    await actor._take(inputs.LegRinging(CALLER))
    assert seen == [CallRang(CALL), CallRang(CALL)]
