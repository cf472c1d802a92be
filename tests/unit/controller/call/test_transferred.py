"""A call without an agent ends: by its length, by a cap of the day, and after a warning tone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.calls.machine import inputs as m, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import daily_caps, inbound_audio, transferred
from controller.calls.runtime.recovery import adopted, kept, legs_of
from tests.unit.controller.call.test_machine import CALLER, IDS, NOW, OVER, TARGET, feed, inbound, outbound, talking
from tests.unit.controller.configs import FULL, config

TO = IDS.target(1)
OVER_TRUNK = replace(TARGET, trunk="main")


def limited(call: Call, seconds: float | None = 7200.0) -> Call:
    call.plan = replace(call.plan, max_transfer=seconds)
    return call


def moved(seconds: float | None = 7200.0) -> tuple[Call, list[m.Command]]:
    call = limited(talking(), seconds)
    feed(call, m.TransferAsked(OVER_TRUNK, "ops"))
    commands = feed(call, m.LegEntered(TO))
    assert call.state is State.TRANSFERRED
    return call, commands


def tones(commands: list[m.Command]) -> list[str]:
    return [each.channel for each in commands if isinstance(each, m.StartTone) and each.tone == m.WARNING_TONE]


@pytest.mark.parametrize(("longest", "warned", "left"), [(7200.0, 7170.0, 30.0), (60.0, 30.0, 30.0), (10.0, 5.0, 5.0)])
def test_it_ends_after_its_time_and_a_tone_for_both(longest: float, warned: float, left: float) -> None:
    call, commands = moved(longest)
    assert m.StartTimer(transferred.LIMIT, warned) in commands
    warning = feed(call, m.TimeUp(transferred.LIMIT))
    assert m.StartTimer(transferred.END, left) in warning
    assert tones(warning) == [CALLER, TO]
    assert call.state is State.TRANSFERRED
    ended = feed(call, m.TimeUp(transferred.END))
    assert {m.HangUp(CALLER), m.HangUp(TO)} <= {each for each in ended if isinstance(each, m.HangUp)}
    assert (call.ended_by, call.detail, call.outcome) == ("system", "transfer.max_s", Outcome.ANSWERED)


def test_without_a_limit_there_is_no_timer() -> None:
    _, commands = moved(None)
    assert [each.timer for each in commands if isinstance(each, m.StartTimer)] == [inbound_audio.COMPANY]


def test_whoever_takes_the_agents_place_is_limited() -> None:
    """A participant who stays when the agent is lost; a supervisor who takes over."""
    call = limited(talking())
    feed(call, m.ParticipantAsked("party", TARGET, "ops"), m.LegEntered("party"))
    commands = feed(call, m.MediaLost("gone"))
    assert call.state is State.TRANSFERRED
    assert m.StartTimer(transferred.LIMIT, 7170.0) in commands
    call = limited(talking())
    feed(call, m.SuperviseAsked("boss", TARGET, "take_over", "ops"), m.LegEntered("boss"))
    assert m.StartTimer(transferred.LIMIT, 7170.0) in feed(call, m.LegJoined("boss"))


@pytest.mark.parametrize("why", ["spend_per_day", "limits.minutes_per_day", "trunks.<name>.minutes_per_day"])
def test_a_cap_ends_it_once_and_after_a_tone(why: str) -> None:
    call, _ = moved()
    assert tones(feed(call, m.WrapUpDue(why))) == [CALLER, TO]
    assert feed(call, m.WrapUpDue(why)) == []
    feed(call, m.TimeUp(transferred.END))
    assert call.detail == why


def test_what_the_agent_has_cost_does_not_end_a_call_without_one() -> None:
    call, _ = moved()
    assert feed(call, m.WrapUpDue("spend_per_call")) == []


def test_a_target_that_vanished_while_joining_leaves_no_limit_behind() -> None:
    call, _ = moved()
    feed(call, m.CommandFailed(m.Join(IDS.bridge, (TO,), IDS.media), "gone", True))
    assert (call.state, call.transferred_at) == (State.TALKING, None)
    assert feed(call, m.TimeUp(transferred.LIMIT)) == []


def test_the_next_controller_goes_on_counting() -> None:
    made = config(FULL, transfer__max_s=600)
    call, _ = moved(600.0)
    feed(call, OVER)
    found = kept(call, frozenset({CALLER, TO}))
    again = adopted(made, call.plan.call, found, NOW + timedelta(seconds=301))
    assert again is not None
    assert again.timers[transferred.LIMIT] == 270.0
    late = adopted(made, call.plan.call, found, NOW + timedelta(seconds=9999))
    assert late is not None
    assert late.timers[transferred.LIMIT] == 1.0
    assert tones(table.handle(late.call, m.TimeUp(transferred.LIMIT), NOW)) == [CALLER, TO]
    old = {key: value for key, value in found.items() if key not in ("transferred_at", "hops")}
    assert adopted(made, call.plan.call, old, NOW) is not None


def test_the_next_controller_counts_the_minutes_of_what_is_up() -> None:
    call, _ = moved()
    assert list(legs_of(call)) == [(TO, "main")]
    placed = outbound()
    placed.plan = replace(placed.plan, trunk="desk")
    assert list(legs_of(placed)) == [(IDS.callee, "desk")]
    assert list(legs_of(talking())) == []


@pytest.mark.parametrize("mode", ["listen", "take_over"])
def test_also_those_of_a_supervisor(mode: m.SupervisionMode) -> None:
    """Whose leg is ended by a cap, after a restart as before."""
    call = limited(talking())
    ear = IDS.supervisor(1)
    feed(call, m.SuperviseAsked(ear, OVER_TRUNK, mode, "ops"))
    assert list(legs_of(call)) == []
    feed(call, m.LegEntered(ear), m.LegJoined(ear))
    assert list(legs_of(call)) == [(ear, "main")]
    found = adopted(config(FULL), call.plan.call, kept(call, frozenset({CALLER, ear})), NOW)
    assert found is not None
    assert list(legs_of(found.call)) == [(ear, "main")]
    over = daily_caps.inputs_of(found.call, dict(legs_of(found.call)), lambda _: "trunks.main.minutes_per_day")
    taken = m.WrapUpDue("trunks.main.minutes_per_day")
    assert over == [taken if mode == "take_over" else m.SupervisionEnded("system: trunks.main.minutes_per_day")]


# ---------------------------------------------------------------- the caps of a day


def reached(trunk: str) -> str | None:
    return "trunks.<name>.minutes_per_day" if trunk == "main" else None


DUE = m.WrapUpDue("trunks.<name>.minutes_per_day")


def test_what_a_cap_does_to_each_leg() -> None:
    call, _ = moved()
    assert daily_caps.inputs_of(call, {TO: "main"}, reached) == [DUE]
    assert daily_caps.inputs_of(call, {TO: "desk"}, reached) == []
    placed = outbound()
    assert daily_caps.inputs_of(placed, {IDS.callee: "main"}, reached) == [DUE]
    assert daily_caps.inputs_of(inbound(), {}, reached) == []
    beside = talking()
    feed(beside, m.ParticipantAsked("party", TARGET, "ops"), m.LegEntered("party"))
    feed(beside, m.SuperviseAsked("boss", TARGET, "listen", "ops"), m.LegEntered("boss"))
    found = daily_caps.inputs_of(beside, {"party": "main", "boss": "main"}, reached)
    assert [type(each) for each in found] == [m.ParticipantDropped, m.SupervisionEnded]
    for each in found:
        feed(beside, each)
    assert beside.state is State.TALKING


def test_an_agent_wraps_up_when_the_minutes_are_over() -> None:
    call = Call(Plan(IDS.call, "outbound", IDS.callee, AgentPlan(talking().plan.agent.spec), {}, target=TARGET), NOW)
    table.start(call)
    feed(call, m.AiReady(), m.LegEntered(IDS.callee), m.LegEntered(IDS.media), m.MediaFlowing())
    (what,) = daily_caps.inputs_of(call, {IDS.callee: "main"}, reached)
    feed(call, what)
    assert call.state is State.CLOSING
    assert feed(call, what) == []
