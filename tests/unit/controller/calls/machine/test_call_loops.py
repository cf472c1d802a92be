"""Calls of ours that come back: known by their mark, or by the leg that rings; refused in order."""

import asyncio
from typing import cast

import pytest
from hypothesis import given, strategies as st

from controller.ari.rest import Ari
from controller.calls.admission.trunk_usage import TrunkUsage, Unlimited
from controller.calls.machine import call_loops, commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.call_loops import Origin, RingingLeg
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.types import Target
from controller.calls.runtime import dialplan
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, NOW, SPEC
from tests.unit.controller.calls.runtime.test_actor import FakeAri
from tests.unit.controller.calls.runtime.test_inbound import Stage
from tests.unit.controller.configs import SMALL, config

LEG = RingingLeg("+493055501", "Reception <+4930123456>", Origin(2))
OF_AGENT = RingingLeg("+493055501", "+4930123456", Origin(1, agent=True))


@given(
    st.builds(Origin, st.integers(0, call_loops.MOST), st.booleans(), st.integers(0, call_loops.MOST)),
    st.sampled_from(["PJSIP/1@t", "Local/1@c/n", "X/1"]),
)
def test_what_a_leg_is_marked_with_is_read_again(origin: Origin, dial: str) -> None:
    ((_, text),) = call_loops.marks(origin, dial).items()
    by_header, by_variable = call_loops.read(f"{text}|"), call_loops.read(text)
    assert (by_header.most, by_header.hops, by_header.agent) == (origin.most, 0, origin.agent)
    assert (by_variable.hops, by_variable.agent) == (origin.most, origin.agent)


@given(st.none() | st.text(max_size=20))
def test_any_header_can_be_read(text: str | None) -> None:
    assert 0 <= call_loops.read(text).most <= call_loops.MOST


def test_what_a_header_claims_counts_for_that_call_only() -> None:
    """Somebody calls as another one, and claims to have been sent on: the own call of that one is no circle."""
    forged = call_loops.read("3|")
    assert call_loops.refusal(forged, 3) is None
    legs = TrunkUsage("own", Unlimited())
    legs.dial("target", Target("Local/6000@x", "6000@x"))
    assert legs.origin_of("target", forged) == Origin(1, claimed=4)
    assert call_loops.marks(legs.origin_of("target", forged), "PJSIP/1@t")["PJSIP_HEADER(add,X-Voiceai-Hops)"] == "4"
    victim = call_loops.recognised("5001", "+493012345", legs.ringing(forged, 0.0, "+493012345"))
    assert victim == Origin(1)
    assert call_loops.refusal(call_loops.read("4|"), 3) is not None


async def test_whoever_is_sent_into_the_dialplan_is_counted() -> None:
    ari = FakeAri()
    await dialplan.send_on(cast(Ari, ari), "c1", Origin(1, agent=True), "queue", "600")
    assert [name for name, _ in ari.done] == ["set_variable", "continue_in_dialplan"]
    assert ari.done[0][1] == ("c1", "__VOICEAI_HOPS", "2")


def test_where_the_mark_stands() -> None:
    assert call_loops.marks(Origin(1), "PJSIP/1@trunk") == {"PJSIP_HEADER(add,X-Voiceai-Hops)": "1"}
    assert call_loops.marks(Origin(1, agent=True), "Local/1@c/n") == {"__VOICEAI_HOPS": "1;agent"}
    assert "PJSIP_HEADER(read,X-Voiceai-Hops)" in str(call_loops.where_marked("PJSIP/trunk-00000001"))
    assert call_loops.where_marked("Local/5001@x-0001;2") == "VOICEAI_HOPS"
    assert call_loops.where_marked("DAHDI/1-1") is None


@pytest.mark.parametrize(
    ("called", "caller", "legs", "origin"),
    [
        ("+493055501", "+4930123456", [LEG], Origin(2)),
        ("03055501", "030123456", [LEG], Origin(2)),
        ("493055501", "", [LEG], Origin(2)),
        ("493055501", "+1999", [LEG], Origin(2)),
        ("5001", "+4930123456", [LEG], Origin(2)),
        ("5001", "anonymous", [LEG], Origin()),
        ("", "", [LEG], Origin()),
        ("+493055501", "+4930123456", [OF_AGENT], Origin(1, agent=True)),
        ("5001", "004930123456", [OF_AGENT], Origin(1, agent=True)),
        ("+493055501", "+49171555", [OF_AGENT], Origin(1)),
        ("+493055501", "+4930123456", [LEG, OF_AGENT], Origin(2, agent=True)),
        ("5001", "+4930999999", [RingingLeg("5001@x", "", Origin(1))], Origin(1)),
        ("5001", "1", [RingingLeg("sip:5001@127.0.0.1:5060", "1", Origin(3))], Origin(3)),
        ("50015", "1", [RingingLeg("5001", "", Origin(3))], Origin()),
    ],
)
def test_a_caller_is_compared_with_the_legs_that_ring(
    called: str, caller: str, legs: list[RingingLeg], origin: Origin
) -> None:
    assert call_loops.recognised(called, caller, legs) == origin


def test_only_legs_that_ring_or_have_just_answered_are_compared() -> None:
    legs = TrunkUsage("own", Unlimited())
    for channel in ("own", "target"):
        legs.dial(channel, Target("PJSIP/1@t", "1", caller_id="2", trunk="t"))
    assert list(legs.ringing(Origin(1))) == [
        RingingLeg("1", "2", Origin(2, agent=True)),
        RingingLeg("1", "2", Origin(2)),
    ]
    legs.happened(inputs.LegEntered("own"), 100.0)
    legs.over("target")
    assert list(legs.ringing(Origin(1), 104.0)) == [RingingLeg("1", "2", Origin(2, agent=True))]
    assert list(legs.ringing(Origin(1), 106.0)) == []
    legs.over("own")
    assert list(legs.ringing(Origin(1), 100.0)) == []


def test_whom_the_far_end_is_asked_to_call_is_compared_until_it_has_said_what_came_of_it() -> None:
    legs = TrunkUsage("own", Unlimited())
    legs.refer("refer-1", None, "sip:5001@127.0.0.1:5060")
    assert call_loops.recognised("5001", "+49171555", legs.ringing(Origin(2))) == Origin(3)
    legs.dial("target", Target("Local/7001@x", "7001@x"))
    same = legs.ringing(Origin(2), 0.0, "+49171555")
    assert call_loops.recognised("5001", "0171555", same) == Origin(3), "who calls again, or is called by nobody else"
    legs.over("target")
    legs.happened(inputs.LegReturned("own", "SUCCESS", 200))
    assert list(legs.ringing(Origin(2))) == []


@pytest.mark.parametrize(
    ("mark", "origin"),
    [
        ("2", Origin(2)),
        ("2;agent", Origin(2, agent=True)),
        ("2|", Origin(claimed=2)),
        ("|3", Origin(3)),
        ("1;agent|3", Origin(3, agent=True, claimed=1)),
        ("0|3", Origin(3)),
        ("${MATH(1+8,i)}|2", Origin(2)),
        ("9|9|1", Origin(1)),
        ("1, 1|1", Origin(1)),
        ("|", Origin()),
    ],
)
def test_a_header_takes_nothing_from_the_count_of_those_who_were_sent_on(mark: str, origin: Origin) -> None:
    assert call_loops.read(mark) == origin


@pytest.mark.parametrize(("origin", "why"), [(Origin(4), "circle"), (Origin(0, agent=True), "two agents")])
def test_such_a_call_ends_before_anything_is_done_for_it(origin: Origin, why: str) -> None:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {}), NOW)
    call.origin = origin
    issued = table.start(call)
    assert issued[0] == commands.HangUp(CALLER, "busy")
    assert not [
        each
        for each in issued
        if isinstance(each, commands.PrepareAi | commands.CloseAi | commands.Answer | commands.Dial)
    ]
    assert (call.state, call.outcome) == (State.ENDED, Outcome.FAILED)
    assert why in str(call.detail)


def test_as_many_hops_as_allowed() -> None:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {}, origin=Origin(3)), NOW)
    table.start(call)
    assert call.state is State.RINGING


def test_a_loop_through_a_trunk_that_removes_the_mark_is_bounded() -> None:
    """A call that is sent on to its own number, each time it comes back, as the registry sees it."""
    ringing: list[RingingLeg] = []
    while len(ringing) < 100:
        origin = call_loops.recognised("+493055501", "anonymous", ringing)
        if call_loops.refusal(origin, 3) is not None:
            break
        ringing.append(RingingLeg("03055501", "+4930123456", Origin(origin.hops + 1)))
    assert len(ringing) == 4


@pytest.mark.parametrize(
    ("mark", "sent"), [(None, "1"), ("", "1"), ("|2", "3"), ("9|2", None), ("|4", None), ("9|", None)]
)
async def test_a_caller_without_room_is_sent_on_so_often_and_is_nobody_s_orphan_meanwhile(
    mark: str | None, sent: str | None
) -> None:
    done: list[tuple[str, ...]] = []

    class Sending(Stage):
        async def get_variable(self, channel: str, name: str) -> str | None:
            return mark if "Hops" in name else await super().get_variable(channel, name)

        async def set_variable(self, channel: str, name: str, value: str) -> None:
            assert self.arrivals.has_no_call_yet(channel)
            done.append((name, value))

        async def continue_in_dialplan(self, channel: str, **where: object) -> None:
            done.append(("continue", str(where["context"])))

    steps = {"routes": [{"to": "*", "agent": "reception", "overflow": [{"context": "600@queue"}]}]}
    more = {"transfer": {"contexts": {"queue": {"extensions": ["600"]}}}}
    async with asyncio.TaskGroup() as tasks:
        stage = Sending(config(SMALL, **steps, **more), tasks)
        stage.free = False
        await stage.caller("c1")
    assert not stage.arrivals.has_no_call_yet("c1")
    if sent is None:
        assert (done, stage.hung_up) == ([], ["c1 busy"])
    else:
        assert done == [("__VOICEAI_HOPS", sent), ("continue", "queue")]
