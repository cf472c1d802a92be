"""Which event belongs to which call."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from bridge import contract
from controller.ari import events as ari_events
from controller.ari.resources import Channel
from controller.ari.rest import Ari
from controller.ari.transport import reported_segment
from controller.calls.admission.trunk_usage import TrunkUsage
from controller.calls.machine import inputs
from controller.calls.machine.call import Call
from controller.calls.machine.types import Target
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.registry import Registry
from controller.calls.tools.http import HttpTools
from controller.workers.pool import WorkerPool
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS, outbound
from tests.unit.controller.configs import FULL, SMALL, current

LEG = cast(Channel, SimpleNamespace(id=CALLER, name="PJSIP/trunk-00000001", state="Up"))


def made(tasks: asyncio.TaskGroup, **changes: Any) -> Registry:
    fakes = cast(Ari, SimpleNamespace()), cast(WorkerPool, SimpleNamespace())
    return Registry(current(SMALL, **changes), *fakes, tasks, cast(HttpTools, SimpleNamespace()))


async def test_a_hang_up_out_there_is_told_before_the_leg_is_gone() -> None:
    async with asyncio.TaskGroup() as tasks:
        registry, got = made(tasks), list[inputs.Input]()
        registry._live[CALL] = cast(CallActor, SimpleNamespace(put=got.append))
        registry.asterisk._by_leg[CALLER] = CALL
        registry.asterisk.take(ari_events.ChannelHangupRequest(LEG, 16))
        registry.asterisk.take(ari_events.ChannelHangupRequest(cast(Channel, SimpleNamespace(id="other")), 16))
        registry.asterisk.take(ari_events.ChannelDestroyed(LEG, 16))
    assert got == [inputs.LegHungUp(CALLER, 16), inputs.LegGone(CALLER, 16)]


def spender(registry: Registry, call: str) -> tuple[list[inputs.Input], Callable[[], None]]:
    """What a live call gets to hear, and how it spends half a dollar."""
    got, record = list[inputs.Input](), CallLog()
    registry._live[call] = cast(CallActor, SimpleNamespace(id=call, put=got.append, call_log=record))
    usage = {"output_text": round(0.5 / 2.40 * 1e6)}
    used = contract.Used(call=call, provider="openai", model="gpt-realtime-2.1-mini", kind="response", usage=usage)
    return got, lambda: registry.take_worker_event(used)


@pytest.mark.parametrize("limit", ["spend_per_day", "spend_per_call"])
async def test_a_limit_of_spending_ends_each_call_once_and_is_logged_once(limit: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        registry = made(tasks, **{f"limits__{limit}": 1.0})
        calls = [spender(registry, f"c{number}") for number in range(10)]
        with capture_logs() as logs:
            for _ in range(5):
                for _, spend in calls:
                    spend()
            latest, spend = spender(registry, "late")  # had its room before the limit was reached
            for _ in range(3):
                spend()
    assert [got for got, _ in calls] == [[inputs.WrapUpDue(limit)]] * 10
    assert latest == [inputs.WrapUpDue(limit)]
    lines = [line["call"] for line in logs if line["event"] == "a spend limit is reached"]
    assert len(lines) == len(set(lines)) == (1 if limit == "spend_per_day" else 11)


async def test_what_a_former_session_spent_counts_and_its_end_is_no_end_of_the_present_one() -> None:
    async with asyncio.TaskGroup() as tasks:
        registry = made(tasks, limits__spend_per_call=0.4)
        got, _ = spender(registry, "c")
        actor = registry._live["c"]
        actor.memory = cast(ConversationMemory, SimpleNamespace(take=lambda *_: None))
        actor.call = Call(outbound().plan, datetime.now(UTC))
        usage = {"output_text": round(0.5 / 2.40 * 1e6)}
        used = contract.Used(call="c", provider="openai", model="gpt-realtime-2.1-mini", kind="response", usage=usage)
        for event in (
            contract.Failed(call="c", kind="config", message="no"),
            used,
            contract.Ended(call="c", reason="r"),
        ):
            registry.take_former_event(event)
            registry.take_former_event(event.model_copy(update={"call": "over"}))
    assert actor.call_log.cost == pytest.approx(0.5, abs=0.001)
    over = inputs.OfSession(inputs.FORMER, inputs.SessionOver("r", contract.Counters()))
    assert got == [inputs.WrapUpDue("spend_per_call"), over]


class Arrived(list[tuple[str, tuple[str, ...]]]):
    """In place of the registry's arrivals: who was received, and with which arguments."""

    def arrived(self, channel: Channel, args: tuple[str, ...]) -> None:
        self.append((channel.id, args))

    def left(self, _: str) -> None:
        pass

    def has_no_call_yet(self, _: str) -> bool:
        return False


async def test_a_caller_whom_a_reconcile_has_received_is_not_received_by_the_event_as_well() -> None:
    async with asyncio.TaskGroup() as tasks:
        registry, arrived = made(tasks), Arrived()
        registry.asterisk._inbound = cast(Any, arrived)
        started = ari_events.StasisStart(LEG, ("lang=de",))
        registry.asterisk.receive(LEG, ("lang=de",))
        registry.asterisk.take(started)
        assert arrived == [(CALLER, ("lang=de",))]
        registry.asterisk.take(started)  # it left us for the dialplan, which has sent it again
        assert len(arrived) == 2


async def test_a_leg_that_answered_unheard_is_told_to_its_call_once() -> None:
    leg = cast(Channel, SimpleNamespace(id=IDS.callee, name="PJSIP/trunk-00000002", state="Up"))
    async with asyncio.TaskGroup() as tasks:
        registry, got = made(tasks), list[inputs.Input]()
        registry._live[CALL] = cast(CallActor, SimpleNamespace(put=got.append))
        registry.asterisk.entered(leg, ())
        registry.asterisk.entered(leg, ())
        registry.asterisk.take(ari_events.StasisEnd(leg))
        registry.asterisk.entered(leg, ("HUMAN",))
        other = cast(Channel, SimpleNamespace(id=IDS.callee.replace(CALL, CALL[::-1]), name="PJSIP/x", state="Up"))
        registry.asterisk.entered(other, ())
    assert [each for each in got if isinstance(each, inputs.LegEntered)] == [
        inputs.LegEntered(IDS.callee),
        inputs.LegEntered(IDS.callee, ("HUMAN",)),
    ]


async def test_a_cap_that_is_reached_is_told_to_calls_whose_legs_are_up() -> None:
    async with asyncio.TaskGroup() as tasks:
        fakes = cast(Ari, SimpleNamespace()), cast(WorkerPool, SimpleNamespace())
        made = current(FULL, trunks__main__minutes_per_day=0.001)
        registry = Registry(made, *fakes, tasks, cast(HttpTools, SimpleNamespace()))
        call, got = outbound(), list[inputs.Input]()
        legs = TrunkUsage(call.plan.leg, registry.admission)
        registry._live[CALL] = cast(CallActor, SimpleNamespace(put=got.append, call=call, legs=legs))
        legs.dial(call.plan.leg, Target("PJSIP/1@trunk", "1", trunk="main"))
        registry.end_what_is_over_caps()
        assert got == []
        legs.happened(inputs.LegEntered(call.plan.leg))
        registry.admission.usage._since[call.plan.leg] -= timedelta(seconds=1)
        registry.end_what_is_over_caps()
    assert got == [inputs.WrapUpDue("trunks.<name>.minutes_per_day")]


@pytest.mark.parametrize("id_", ["", ".", "..", "\ud83d", "x" * 5000])
async def test_an_id_that_cannot_be_asked_for_costs_nobody_else_anything(
    monkeypatch: pytest.MonkeyPatch, id_: str
) -> None:
    async def hangup(channel: str, **_: Any) -> bool:
        reported_segment("channel", channel)
        raise AssertionError("it can")

    def breaks(channel: Channel, _: object) -> None:
        reported_segment("channel", channel.id)

    async with asyncio.TaskGroup() as tasks:
        registry, got = made(tasks), list[inputs.Input]()
        monkeypatch.setattr(registry.asterisk, "_ari", SimpleNamespace(hangup=hangup))
        monkeypatch.setattr(registry.asterisk._inbound, "arrived", breaks)
        registry._live[CALL] = cast(CallActor, SimpleNamespace(put=got.append))
        registry.asterisk._by_leg[CALLER] = CALL
        odd = cast(Channel, SimpleNamespace(id=id_, name="PJSIP/trunk-1", state="Up"))
        with capture_logs():
            registry.asterisk.take(ari_events.StasisStart(odd))
            registry.asterisk.take(ari_events.StasisEnd(odd))
        registry.asterisk.take(ari_events.ChannelDestroyed(LEG, 16))
    assert got == [inputs.LegGone(CALLER, 16)]


async def test_an_event_that_breaks_us_is_told_and_its_caller_is_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hung_up = list[str]()

    async def hangup(channel: str, **_: Any) -> bool:
        hung_up.append(channel)
        return True

    def breaks(*_: Any) -> None:
        raise RecursionError

    async with asyncio.TaskGroup() as tasks:
        registry = made(tasks)
        monkeypatch.setattr(registry.asterisk, "_ari", SimpleNamespace(hangup=hangup))
        monkeypatch.setattr(registry.asterisk, "_entered", breaks)
        with capture_logs() as logs:
            registry.asterisk.take(ari_events.StasisStart(LEG))
    assert hung_up == [CALLER]
    assert [line["event_type"] for line in logs] == ["StasisStart"]


async def test_the_far_half_of_a_local_leg_of_a_call_that_was_taken_over_is_no_orphan() -> None:
    """It is of the dialplan, and its hang-up would take the person away from the caller."""
    target = IDS.target(1)
    async with asyncio.TaskGroup() as tasks:
        registry = made(tasks)
        owned = SimpleNamespace(claims=lambda name: name == target)
        registry._live[CALL] = cast(CallActor, SimpleNamespace(owned=owned))
        registry.asterisk._recovered.add(CALL)
        assert registry.asterisk.owned(target)
        assert registry.asterisk.owned(f"{target};2")
        assert not registry.asterisk.owned(f"{IDS.target(2)};2")
