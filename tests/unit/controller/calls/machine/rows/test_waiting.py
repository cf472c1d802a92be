"""A caller who waits for room: rows of the machine, and that nothing is left whenever it ends."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import PlaySound, State, TransferTo, Waiting
from controller.calls.machine.rows.waiting import spoken
from controller.calls.machine.types import Target
from tests.unit.controller.calls.machine.test_table import CALLER, IDS, NOW, feed, inbound, of_agent

LINE = Waiting(longest=60.0, announce=30.0, then=None)


def waiting(line: Waiting = LINE) -> tuple[Call, list[commands.Command]]:
    call = Call(replace(inbound().plan, waiting=line), NOW)
    return call, table.start(call)


def test_a_caller_in_line_is_answered_and_hears_music() -> None:
    call, issued = waiting()
    assert call.state is State.WAITING
    assert commands.Answer(CALLER) in issued
    assert commands.StartMusic(CALLER) in issued
    assert commands.StartTimer("wait", 60.0) in issued
    assert commands.StartTimer("announce", 30.0) in issued
    assert not any(isinstance(each, commands.PrepareAi | commands.CreateBridge) for each in issued)


def test_the_turn_comes() -> None:
    call, _ = waiting()
    issued = feed(call, inputs.RoomFound())
    assert call.state is State.RINGING
    assert [each for each in issued if isinstance(each, commands.PrepareAi)] == [
        commands.PrepareAi(call.plan.agent.spec)
    ]
    assert commands.StopTimer("wait") in issued
    issued = feed(call, inputs.AiReady())
    assert commands.StopMusic(CALLER) in issued
    assert str(call.state) == "connecting"


def test_the_place_is_said_between_music() -> None:
    call, _ = waiting()
    assert feed(call, inputs.TimeUp("announce")) == [commands.StartTimer("announce", 30.0)]  # not known yet
    feed(call, inputs.PlaceKnown(3))
    assert feed(call, inputs.TimeUp("announce")) == [
        commands.StopMusic(CALLER),
        commands.Play(CALLER, IDS.sound(1), spoken(3)),
    ]
    assert feed(call, inputs.SoundOver("another")) == []
    assert feed(call, inputs.SoundOver(IDS.sound(1))) == [
        commands.StartMusic(CALLER),
        commands.StartTimer("announce", 30.0),
    ]


@pytest.mark.parametrize(
    ("place", "media"),
    [(1, ("sound:queue-youarenext",)), (2, ("sound:queue-thereare", "number:1", "sound:queue-callswaiting"))],
)
def test_what_is_said(place: int, media: tuple[str, ...]) -> None:
    assert spoken(place) == media


def test_the_wait_is_over() -> None:
    call, _ = waiting()
    issued = feed(call, inputs.TimeUp("wait"))
    assert commands.HangUp(CALLER, "normal") in issued
    assert (call.state, call.outcome) == (State.ENDED, Outcome.NO_ROOM)


def test_the_wait_is_over_and_the_dialplan_goes_on() -> None:
    call, _ = waiting(replace(LINE, then=("100", "people")))
    assert feed(call, inputs.TimeUp("wait")) == [commands.StopMusic(CALLER), commands.SendAway(CALLER, "people", "100")]
    assert (call.state, call.outcome) == (State.ENDED, Outcome.NO_ROOM)


def test_a_caller_who_gives_up() -> None:
    call, _ = waiting()
    feed(call, inputs.LegGone(CALLER, cause=16))
    assert (call.state, call.outcome) == (State.ENDED, Outcome.CANCELLED)


@given(
    st.lists(
        st.sampled_from(
            [
                inputs.PlaceKnown(2),
                inputs.TimeUp("announce"),
                inputs.SoundOver(IDS.sound(1)),
                inputs.HangUpAsked("ops"),
                inputs.LegGone(CALLER),
                inputs.TimeUp("wait"),
                inputs.AiReady(),
                inputs.RoomFound(),
                inputs.TimeUp("answer"),
                inputs.CommandFailed(commands.StartMusic(CALLER), "x", True),
            ]
        ),
        max_size=12,
    )
)
def test_no_session_without_room(story: list[inputs.Input]) -> None:
    call, issued = waiting()
    for each in story:
        before = len(issued)
        issued += feed(call, each)
        if any(isinstance(made, commands.PrepareAi) for made in issued[before:]):
            assert isinstance(each, inputs.RoomFound)
    assert sum(isinstance(made, commands.PrepareAi) for made in issued) <= 1


COLLEAGUE = Target("PJSIP/4930@trunk", "4930")


@pytest.mark.parametrize("waited", [False, True])
def test_a_caller_without_an_agent_gets_a_person(waited: bool) -> None:
    """At once, or after having waited in vain. No session is ever opened, and nobody is left in an empty bridge."""
    plan = of_agent(inbound().plan, on_ai_failure=(PlaySound("sound:sorry"), TransferTo(COLLEAGUE)))
    if waited:
        call = Call(replace(plan, waiting=replace(LINE, fallback=True)), NOW)
        issued = [*table.start(call), *feed(call, inputs.TimeUp("wait"))]
    else:
        call = Call(replace(plan, unserved="no worker"), NOW)
        issued = table.start(call)
    assert str(call.state) == "fallback"
    assert commands.Join(IDS.bridge, (CALLER,)) in issued
    assert issued.index(commands.Answer(CALLER)) < issued.index(commands.Play(CALLER, IDS.sound(1), ("sound:sorry",)))
    dialled = feed(call, inputs.SoundOver(IDS.sound(1)))
    assert [each.target for each in dialled if isinstance(each, commands.Dial)] == [COLLEAGUE]
    joined = feed(call, inputs.LegEntered(IDS.target(1)))
    assert commands.Join(IDS.bridge, (IDS.target(1),)) in joined
    assert str(call.state) == "transferred"
    ended = feed(call, inputs.LegGone(CALLER))
    assert (call.state, call.outcome) == (State.ENDED, Outcome.ANSWERED)
    assert commands.HangUp(IDS.target(1)) in ended
    assert not any(isinstance(each, commands.PrepareAi) for each in issued)


def test_without_a_person_either_the_call_has_failed() -> None:
    call = Call(replace(of_agent(inbound().plan, on_ai_failure=(TransferTo(COLLEAGUE),)), unserved="no worker"), NOW)
    table.start(call)
    feed(call, inputs.LegGone(IDS.target(1), 17))
    assert (call.state, call.outcome, call.detail) == (State.ENDED, Outcome.FAILED, "no worker")
