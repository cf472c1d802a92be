"""A call without an agent ends: by its length, by a cap of the day, and after a warning tone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.calls.machine import commands, daily_caps, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import inbound_audio, transferred
from controller.calls.machine.types import SupervisionMode
from controller.calls.runtime.recovery import legs_of, recover, snapshot
from tests.unit.controller.calls.machine.test_table import (
    CALLER,
    IDS,
    NOW,
    OVER,
    TARGET,
    feed,
    inbound,
    outbound,
    talking,
)
from tests.unit.controller.configs import FULL, config

TO = IDS.target(1)
OVER_TRUNK = replace(TARGET, trunk="main")


def limited(call: Call, seconds: float | None = 7200.0) -> Call:
    call.plan = replace(call.plan, max_transfer=seconds)
    return call


def moved(seconds: float | None = 7200.0) -> tuple[Call, list[commands.Command]]:
    call = limited(talking(), seconds)
    feed(call, inputs.TransferAsked(OVER_TRUNK, "ops"))
    issued = feed(call, inputs.LegEntered(TO))
    assert call.state is State.TRANSFERRED
    return call, issued


def tones(issued: list[commands.Command]) -> list[str]:
    return [
        each.channel for each in issued if isinstance(each, commands.StartTone) and each.tone == commands.WARNING_TONE
    ]


@pytest.mark.parametrize(("longest", "warned", "left"), [(7200.0, 7170.0, 30.0), (60.0, 30.0, 30.0), (10.0, 5.0, 5.0)])
def test_it_ends_after_its_time_and_a_tone_for_both(longest: float, warned: float, left: float) -> None:
    call, issued = moved(longest)
    assert commands.StartTimer(transferred.LIMIT, warned) in issued
    warning = feed(call, inputs.TimeUp(transferred.LIMIT))
    assert commands.StartTimer(transferred.AFTER_WARNING, left) in warning
    assert tones(warning) == [CALLER, TO]
    assert call.state is State.TRANSFERRED
    ended = feed(call, inputs.TimeUp(transferred.AFTER_WARNING))
    assert {commands.HangUp(CALLER), commands.HangUp(TO)} <= {
        each for each in ended if isinstance(each, commands.HangUp)
    }
    assert (call.ended_by, call.detail, call.outcome) == ("system", "transfer.max_s", Outcome.ANSWERED)


def test_without_a_limit_there_is_no_timer() -> None:
    _, issued = moved(None)
    assert [each.timer for each in issued if isinstance(each, commands.StartTimer)] == [inbound_audio.OTHERS]


def test_whoever_takes_the_agents_place_is_limited() -> None:
    """A participant who stays when the agent is lost; a supervisor who takes over."""
    call = limited(talking())
    feed(call, inputs.ParticipantAsked("party", TARGET, "ops"), inputs.LegEntered("party"))
    issued = feed(call, inputs.MediaLost("gone"))
    assert call.state is State.TRANSFERRED
    assert commands.StartTimer(transferred.LIMIT, 7170.0) in issued
    call = limited(talking())
    feed(call, inputs.SuperviseAsked("boss", TARGET, "take_over", "ops"), inputs.LegEntered("boss"))
    assert commands.StartTimer(transferred.LIMIT, 7170.0) in feed(call, inputs.LegJoined("boss"))


@pytest.mark.parametrize("why", ["spend_per_day", "limits.minutes_per_day", "trunks.<name>.minutes_per_day"])
def test_a_cap_ends_it_once_and_after_a_tone(why: str) -> None:
    call, _ = moved()
    assert tones(feed(call, inputs.WrapUpDue(why))) == [CALLER, TO]
    assert feed(call, inputs.WrapUpDue(why)) == []
    feed(call, inputs.TimeUp(transferred.AFTER_WARNING))
    assert call.detail == why


def test_what_the_agent_has_cost_does_not_end_a_call_without_one() -> None:
    call, _ = moved()
    assert feed(call, inputs.WrapUpDue("spend_per_call")) == []


def test_a_target_that_vanished_while_joining_leaves_no_limit_behind() -> None:
    call, _ = moved()
    feed(call, inputs.CommandFailed(commands.Join(IDS.bridge, (TO,), IDS.media), "gone", True))
    assert (call.state, call.transferred_at) == (State.TALKING, None)
    assert feed(call, inputs.TimeUp(transferred.LIMIT)) == []


def test_the_next_controller_goes_on_counting() -> None:
    made = config(FULL, transfer__max_s=600)
    call, _ = moved(600.0)
    feed(call, OVER)
    found = snapshot(call, frozenset({CALLER, TO}))
    again = recover(made, call.plan.call, found, NOW + timedelta(seconds=301))
    assert again is not None
    assert again.timers[transferred.LIMIT] == 270.0
    late = recover(made, call.plan.call, found, NOW + timedelta(seconds=9999))
    assert late is not None
    assert late.timers[transferred.LIMIT] == 1.0
    assert tones(table.handle(late.call, inputs.TimeUp(transferred.LIMIT), NOW)) == [CALLER, TO]
    old = {key: value for key, value in found.items() if key not in ("transferred_at", "hops")}
    assert recover(made, call.plan.call, old, NOW) is not None


def test_the_next_controller_counts_the_minutes_of_what_is_up() -> None:
    call, _ = moved()
    assert list(legs_of(call)) == [(TO, "main")]
    placed = outbound()
    placed.plan = replace(placed.plan, trunk="desk")
    assert list(legs_of(placed)) == [(IDS.callee, "desk")]
    assert list(legs_of(talking())) == []


@pytest.mark.parametrize("mode", ["listen", "take_over"])
def test_also_those_of_a_supervisor(mode: SupervisionMode) -> None:
    """Whose leg is ended by a cap, after a restart as before."""
    call = limited(talking())
    ear = IDS.supervisor(1)
    feed(call, inputs.SuperviseAsked(ear, OVER_TRUNK, mode, "ops"))
    assert list(legs_of(call)) == []
    feed(call, inputs.LegEntered(ear), inputs.LegJoined(ear))
    assert list(legs_of(call)) == [(ear, "main")]
    found = recover(config(FULL), call.plan.call, snapshot(call, frozenset({CALLER, ear})), NOW)
    assert found is not None
    assert list(legs_of(found.call)) == [(ear, "main")]
    over = daily_caps.inputs_of(found.call, dict(legs_of(found.call)), lambda _: "trunks.main.minutes_per_day")
    taken = inputs.WrapUpDue("trunks.main.minutes_per_day")
    assert over == [taken if mode == "take_over" else inputs.SupervisionEnded("system: trunks.main.minutes_per_day")]


# ---------------------------------------------------------------- the caps of a day


def reached(trunk: str) -> str | None:
    return "trunks.<name>.minutes_per_day" if trunk == "main" else None


DUE = inputs.WrapUpDue("trunks.<name>.minutes_per_day")


def test_what_a_cap_does_to_each_leg() -> None:
    call, _ = moved()
    assert daily_caps.inputs_of(call, {TO: "main"}, reached) == [DUE]
    assert daily_caps.inputs_of(call, {TO: "desk"}, reached) == []
    placed = outbound()
    assert daily_caps.inputs_of(placed, {IDS.callee: "main"}, reached) == [DUE]
    assert daily_caps.inputs_of(inbound(), {}, reached) == []
    beside = talking()
    feed(beside, inputs.ParticipantAsked("party", TARGET, "ops"), inputs.LegEntered("party"))
    feed(beside, inputs.SuperviseAsked("boss", TARGET, "listen", "ops"), inputs.LegEntered("boss"))
    found = daily_caps.inputs_of(beside, {"party": "main", "boss": "main"}, reached)
    assert [type(each) for each in found] == [inputs.ParticipantDropped, inputs.SupervisionEnded]
    for each in found:
        feed(beside, each)
    assert beside.state is State.TALKING


def test_an_agent_wraps_up_when_the_minutes_are_over() -> None:
    call = Call(Plan(IDS.call, "outbound", IDS.callee, AgentPlan(talking().plan.agent.spec), {}, target=TARGET), NOW)
    table.start(call)
    feed(call, inputs.AiReady(), inputs.LegEntered(IDS.callee), inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    (what,) = daily_caps.inputs_of(call, {IDS.callee: "main"}, reached)
    feed(call, what)
    assert call.state is State.CLOSING
    assert feed(call, what) == []
