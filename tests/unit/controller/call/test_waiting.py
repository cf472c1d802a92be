"""A caller who waits for room: rows of the machine, and that nothing is left whenever it ends."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from controller.calls.machine import inputs as m, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import PlaySound, State, TransferTo, Waiting
from controller.calls.machine.rows.waiting import spoken
from tests.unit.controller.call.test_machine import CALLER, IDS, NOW, feed, inbound, of_agent

LINE = Waiting(longest=60.0, announce=30.0, then=None)


def waiting(line: Waiting = LINE) -> tuple[Call, list[m.Command]]:
    call = Call(replace(inbound().plan, waiting=line), NOW)
    return call, table.start(call)


def test_a_caller_in_line_is_answered_and_hears_music() -> None:
    call, commands = waiting()
    assert call.state is State.WAITING
    assert m.Answer(CALLER) in commands
    assert m.StartMusic(CALLER) in commands
    assert m.StartTimer("wait", 60.0) in commands
    assert m.StartTimer("announce", 30.0) in commands
    assert not any(isinstance(each, m.PrepareAi | m.CreateBridge) for each in commands)


def test_the_turn_comes() -> None:
    call, _ = waiting()
    commands = feed(call, m.RoomFound())
    assert call.state is State.RINGING
    assert [each for each in commands if isinstance(each, m.PrepareAi)] == [m.PrepareAi(call.plan.agent.spec)]
    assert m.StopTimer("wait") in commands
    commands = feed(call, m.AiReady())
    assert m.StopMusic(CALLER) in commands
    assert str(call.state) == "connecting"


def test_the_place_is_said_between_music() -> None:
    call, _ = waiting()
    assert feed(call, m.TimeUp("announce")) == [m.StartTimer("announce", 30.0)]  # not known yet
    feed(call, m.PlaceKnown(3))
    assert feed(call, m.TimeUp("announce")) == [m.StopMusic(CALLER), m.Play(CALLER, IDS.sound(1), spoken(3))]
    assert feed(call, m.SoundOver("another")) == []
    assert feed(call, m.SoundOver(IDS.sound(1))) == [m.StartMusic(CALLER), m.StartTimer("announce", 30.0)]


@pytest.mark.parametrize(
    ("place", "media"),
    [
        (1, ("sound:queue-youarenext",)),
        (2, ("sound:queue-thereare", "number:1", "sound:queue-callswaiting")),
    ],
)
def test_what_is_said(place: int, media: tuple[str, ...]) -> None:
    assert spoken(place) == media


def test_the_wait_is_over() -> None:
    call, _ = waiting()
    commands = feed(call, m.TimeUp("wait"))
    assert m.HangUp(CALLER, "normal") in commands
    assert (call.state, call.outcome) == (State.ENDED, Outcome.NO_ROOM)


def test_the_wait_is_over_and_the_dialplan_goes_on() -> None:
    call, _ = waiting(replace(LINE, then=("100", "people")))
    assert feed(call, m.TimeUp("wait")) == [m.StopMusic(CALLER), m.SendAway(CALLER, "people", "100")]
    assert (call.state, call.outcome) == (State.ENDED, Outcome.NO_ROOM)


def test_a_caller_who_gives_up() -> None:
    call, _ = waiting()
    feed(call, m.LegGone(CALLER, cause=16))
    assert (call.state, call.outcome) == (State.ENDED, Outcome.CANCELLED)


@given(
    st.lists(
        st.sampled_from(
            [
                m.PlaceKnown(2),
                m.TimeUp("announce"),
                m.SoundOver(IDS.sound(1)),
                m.HangUpAsked("ops"),
                m.LegGone(CALLER),
                m.TimeUp("wait"),
                m.AiReady(),
                m.RoomFound(),
                m.TimeUp("answer"),
                m.CommandFailed(m.StartMusic(CALLER), "x", True),
            ]
        ),
        max_size=12,
    )
)
def test_no_session_without_room(inputs: list[m.Input]) -> None:
    call, commands = waiting()
    for each in inputs:
        before = len(commands)
        commands += feed(call, each)
        if any(isinstance(made, m.PrepareAi) for made in commands[before:]):
            assert isinstance(each, m.RoomFound)
    assert sum(isinstance(made, m.PrepareAi) for made in commands) <= 1


COLLEAGUE = m.Target("PJSIP/4930@trunk", "4930")


@pytest.mark.parametrize("waited", [False, True])
def test_a_caller_without_an_agent_gets_a_person(waited: bool) -> None:
    """At once, or after having waited in vain. No session is ever opened, and nobody is left in an empty bridge."""
    plan = of_agent(inbound().plan, on_ai_failure=(PlaySound("sound:sorry"), TransferTo(COLLEAGUE)))
    if waited:
        call = Call(replace(plan, waiting=replace(LINE, rescued=True)), NOW)
        commands = [*table.start(call), *feed(call, m.TimeUp("wait"))]
    else:
        call = Call(replace(plan, unserved="no worker"), NOW)
        commands = table.start(call)
    assert str(call.state) == "rescuing"
    assert m.Join(IDS.bridge, (CALLER,)) in commands
    assert commands.index(m.Answer(CALLER)) < commands.index(m.Play(CALLER, IDS.sound(1), ("sound:sorry",)))
    dialled = feed(call, m.SoundOver(IDS.sound(1)))
    assert [each.target for each in dialled if isinstance(each, m.Dial)] == [COLLEAGUE]
    joined = feed(call, m.LegEntered(IDS.target(1)))
    assert m.Join(IDS.bridge, (IDS.target(1),)) in joined
    assert str(call.state) == "transferred"
    ended = feed(call, m.LegGone(CALLER))
    assert (call.state, call.outcome) == (State.ENDED, Outcome.ANSWERED)
    assert m.HangUp(IDS.target(1)) in ended
    assert not any(isinstance(each, m.PrepareAi) for each in commands)


def test_without_a_person_either_the_call_has_failed() -> None:
    call = Call(
        replace(of_agent(inbound().plan, on_ai_failure=(TransferTo(COLLEAGUE),)), unserved="no worker"),
        NOW,
    )
    table.start(call)
    feed(call, m.LegGone(IDS.target(1), 17))
    assert (call.state, call.outcome, call.detail) == (State.ENDED, Outcome.FAILED, "no worker")
