"""A call that loses its worker: each state, whatever happens meanwhile, and what the next session is told."""

import pytest

from bridge import contract
from controller.calls.machine import inputs as m, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import failover
from tests.unit.controller.call.test_machine import (
    CALL,
    CALLER,
    HUMAN,
    IDS,
    NOW,
    OVER,
    SORRY,
    SPEC,
    TARGET,
    feed,
    inbound,
    of_agent,
    outbound,
)

LOST = m.WorkerLost("its worker is gone")
NONE = m.NoWorkerFound("no bridge worker is free")
READY, FLOWS = m.AiReady(), m.MediaFlowing()
OPENING: tuple[m.Input, ...] = (READY, m.LegEntered(IDS.media), FLOWS)
TONE = IDS.sound(1)
RECORDING = contract.Recording(path="/srv/calls")
HOLD = m.HoldAsked("ops")
RUN = m.RunTool("r1", "look_up", {})


def again(number: int) -> str:
    return IDS.later_media(number)


def taken_over(number: int = 2) -> list[m.Input]:
    return [READY, m.LegEntered(again(number)), FLOWS]


def talking(*inputs: m.Input, rescued: bool = False) -> Call:
    plan = Plan(
        CALL, "inbound", CALLER, AgentPlan(SPEC, max_call=60.0, on_ai_failure=(SORRY, HUMAN) if rescued else ()), {}
    )
    call = Call(plan, NOW)
    table.start(call)
    feed(call, *OPENING, *inputs)
    return call


def gone(call: Call) -> None:
    """The end of a session that still lived, if it did."""
    if call.rehoming is not None and call.rehoming.phase == "leaving":
        feed(call, OVER)


# ---------------------------------------------------------------- another worker


def test_a_killed_worker_s_call_goes_on_with_another_one() -> None:
    call = talking()
    assert feed(call, LOST) == [
        m.StopTimer("media"),
        m.PrepareAi(SPEC, resumed=True),
        m.HangUp(IDS.media),
        m.StartTimer("rehome", failover.LIMIT),
        m.StartTimer("tone", failover.QUIET),
    ]
    assert call.rehoming is not None
    assert feed(call, m.LegGone(IDS.media)) == []
    assert feed(call, READY) == [m.OpenMedia(again(2)), m.StartTimer("media", 3.0)]
    assert feed(call, m.LegEntered(again(2))) == []
    commands = feed(call, FLOWS)
    assert [type(each) for each in commands] == [*[m.StopTimer] * 5, m.Join, m.GreetCaller]
    assert m.Join(IDS.bridge, (again(2),)) in commands
    assert call.state is State.TALKING
    assert call.outcome is None


def test_a_leg_that_breaks_lets_a_session_that_lives_end_first() -> None:
    """What it recorded is told with its end. Asterisk's news of the leg come before those of a killed worker."""
    call = talking()
    commands = feed(call, m.LegGone(IDS.media))
    assert commands[1:3] == [m.LeaveAi("Asterisk ended the media leg"), m.StartTimer("leave", failover.LEAVE)]
    assert feed(call, m.MediaLost("closed"), m.AiFailed("transient", "gone")) == []
    for news in (OVER, LOST):
        call = talking(m.LegGone(IDS.media))
        assert feed(call, news) == [m.StopTimer("leave"), m.PrepareAi(SPEC, resumed=True)]
    call = talking(m.LegGone(IDS.media))
    assert feed(call, m.TimeUp("leave")) == [m.PrepareAi(SPEC, resumed=True)]


def test_who_has_to_wait_hears_tones() -> None:
    call = talking(LOST)
    assert feed(call, m.TimeUp("tone")) == [m.StartTone(CALLER, TONE)]
    assert feed(call, m.SoundOver(TONE), m.TimeUp("tone")) == []
    commands = feed(call, *taken_over())
    assert commands.index(m.StopTone(TONE)) < commands.index(m.Join(IDS.bridge, (again(2),)))
    assert feed(talking(HOLD, LOST), m.TimeUp("tone")) == []


@pytest.mark.parametrize("what", [m.MediaLost("reset"), OVER, m.LegGone(IDS.media), LOST])
@pytest.mark.parametrize("before", [(), (HOLD,)], ids=["talking", "holding"])
def test_whatever_is_lost_first(what: m.Input, before: tuple[m.Input, ...]) -> None:
    call = talking(*before)
    feed(call, what)
    assert call.state is State.REHOMING
    gone(call)
    assert feed(call, *taken_over())[-1] == m.GreetCaller()
    assert call.state is (State.HOLDING if before else State.TALKING)


@pytest.mark.parametrize("what", [m.MediaLost("refused"), LOST, m.CommandFailed(m.OpenMedia(IDS.media), "500")])
def test_a_worker_lost_while_connecting(what: m.Input) -> None:
    """The caller is not in the bridge yet, and not greeted."""
    call = inbound()
    table.start(call)
    feed(call, READY, what)
    gone(call)
    commands = feed(call, *taken_over())
    assert m.Join(IDS.bridge, (CALLER, again(2))) in commands
    assert commands[-1] == m.GreetCaller()


def test_nobody_notices_before_the_call_is_answered() -> None:
    call = inbound()
    table.start(call)
    assert feed(call, LOST) == [m.PrepareAi(SPEC, resumed=True)]
    assert call.state is State.RINGING
    assert m.OpenMedia(IDS.media) in feed(call, READY)
    call = outbound()
    table.start(call)
    assert feed(call, LOST) == [m.PrepareAi(SPEC, resumed=True)]
    feed(call, READY)
    assert call.state is State.DIALING
    assert feed(call, LOST) == [m.PrepareAi(SPEC, resumed=True)]
    assert feed(call, READY) == []
    feed(call, m.LegEntered(IDS.callee), m.LegEntered(IDS.media))
    assert feed(call, FLOWS)[-1] == m.GreetCaller()


def test_a_callee_who_answers_while_a_worker_is_looked_for() -> None:
    call = outbound()
    table.start(call)
    feed(call, READY, LOST)
    assert feed(call, NONE) == [m.StartTimer("again", failover.AGAIN)]
    feed(call, m.LegEntered(IDS.callee))
    feed(call, m.CommandFailed(m.OpenMedia(IDS.media), "the worker of this call is gone"))
    assert call.state is State.REHOMING
    assert m.Join(IDS.bridge, (IDS.callee, again(3))) in feed(call, *taken_over(3))


@pytest.mark.parametrize("tool", [None, "t1"])
def test_a_transfer_under_way_goes_on_and_another_agent_is_there_if_it_fails(tool: str | None) -> None:
    asked = m.TransferAsked(TARGET, "agent" if tool else "ops", tool)
    call = talking(asked, LOST)
    assert (call.state, call.music) == (State.TRANSFERRING, True)
    assert m.Join(IDS.bridge, (IDS.target(1),)) in feed(call, m.LegEntered(IDS.target(1)))
    call = talking(asked, LOST)
    commands = feed(call, m.LegGone(IDS.target(1), 17, 486))
    assert m.PrepareAi(SPEC, resumed=True) in commands
    assert (call.state, call.detail) == (State.REHOMING, None)
    commands = feed(call, *taken_over())
    (told,) = [each.order for each in commands if isinstance(each, m.OrderAi)]
    assert isinstance(told, contract.Inform)
    assert "busy" in told.text
    assert m.StopMusic(CALLER) in commands
    assert call.state is State.TALKING


# ---------------------------------------------------------------- no other worker


def test_without_room_anywhere_a_worker_that_starts_again_is_waited_for() -> None:
    call = talking(LOST)
    for _ in range(3):
        assert feed(call, NONE) == [m.StartTimer("again", failover.AGAIN)]
        assert feed(call, m.TimeUp("again")) == [m.PrepareAi(SPEC, resumed=True)]
    feed(call, *taken_over())
    assert call.state is State.TALKING


@pytest.mark.parametrize("phase", [(), (NONE,), (READY,), (READY, m.LegEntered(again(2)))])
def test_after_a_while_there_is_no_ai_for_the_call(phase: tuple[m.Input, ...]) -> None:
    call = talking(LOST, m.TimeUp("tone"), *phase, rescued=True)
    commands = feed(call, m.TimeUp("rehome"))
    assert call.state is State.RESCUING
    assert commands.index(m.StopTone(TONE)) < commands.index(m.Play(CALLER, IDS.sound(2), (SORRY.media,)))
    assert m.HangUp(again(2)) in commands
    call = talking(LOST, *phase)
    assert m.HangUp(CALLER, "congestion") in feed(call, m.TimeUp("rehome"))
    assert call.outcome is Outcome.FAILED


def test_before_the_caller_was_in_the_bridge_too() -> None:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC, on_ai_failure=(SORRY,)), {}), NOW)
    table.start(call)
    feed(call, READY, LOST)
    assert m.Join(IDS.bridge, (CALLER,)) in feed(call, m.TimeUp("rehome"))


@pytest.mark.parametrize("phase", [(), (READY,), (READY, m.LegEntered(again(2)))])
@pytest.mark.parametrize("what", [LOST, OVER, m.AiFailed("transient", "gone"), m.LegGone(again(2))])
def test_the_second_worker_is_lost_too(phase: tuple[m.Input, ...], what: m.Input) -> None:
    call = talking(LOST, *phase)
    feed(call, what)
    assert call.state is State.REHOMING
    gone(call)
    assert feed(call, *taken_over(3))[-1] == m.GreetCaller()


def test_a_call_may_lose_its_agent_so_often() -> None:
    call = talking(rescued=True)
    for number in range(failover.MOST):
        feed(call, LOST, *taken_over(number + 2))
        assert call.state is State.TALKING
    feed(call, LOST)
    assert call.state is State.RESCUING


@pytest.mark.parametrize("kind", ["account", "config"])
def test_an_ai_that_refuses_is_not_asked_by_another_worker(kind: str) -> None:
    call = talking(LOST, rescued=True)
    feed(call, m.AiFailed(kind, "no quota"))
    assert call.state is State.RESCUING


def test_the_first_worker_is_not_waited_for() -> None:
    call = inbound()
    table.start(call)
    assert m.HangUp(CALLER, "congestion") in feed(call, NONE)


# ---------------------------------------------------------------- meanwhile


@pytest.mark.parametrize("phase", [(), (NONE,), (READY,), (READY, m.LegEntered(again(2)))])
def test_the_caller_leaves(phase: tuple[m.Input, ...]) -> None:
    call = talking(LOST, *phase)
    commands = feed(call, m.LegGone(CALLER))
    assert {m.HangUp(call.media), m.DestroyBridge(IDS.bridge)} <= set(commands)
    assert (call.outcome, call.ended_by) == (Outcome.ANSWERED, "caller")
    feed(call, OVER)
    assert call.state is State.ENDED


def test_the_worker_is_lost_when_the_call_ends() -> None:
    call = talking(m.LegGone(CALLER))
    assert feed(call, LOST) == [m.StopTimer("end")]
    assert call.state is State.ENDED


@pytest.mark.parametrize("what", [m.TransferAsked(TARGET, "ops"), HOLD, m.SayAsked("x", True, "ops")])
def test_ops_wait(what: m.Input) -> None:
    call = talking(LOST)
    assert feed(call, what) == []
    assert call.state is State.REHOMING


def test_what_became_due_is_done_when_the_agent_is_back() -> None:
    call = talking(LOST, m.TimeUp("length"))
    commands = feed(call, *taken_over())
    assert commands.index(m.GreetCaller()) < commands.index(m.SayLast("Goodbye.", "max_call_s"))
    assert call.state is State.CLOSING


def test_a_tool_that_ran_is_not_lost() -> None:
    call = talking(RUN, LOST, m.ToolDone("r1", "noon", True))
    (told,) = [each.order for each in feed(call, *taken_over()) if isinstance(each, m.OrderAi)]
    assert isinstance(told, contract.Inform)
    assert "noon" in told.text
    call = talking(RUN, LOST, *taken_over())
    (command,) = feed(call, m.ToolDone("r1", "noon", True))
    assert isinstance(command, m.OrderAi)
    assert isinstance(command.order, contract.Inform)
    assert command.order.respond
    assert feed(call, m.ToolDone("r1", "noon", True)) == []


def test_a_hold_and_its_music_go_on() -> None:
    call = talking(HOLD)
    commands = feed(call, LOST)
    assert not [
        each for each in commands if isinstance(each, m.StopMusic) or each == m.StartTimer("tone", failover.QUIET)
    ]
    commands = feed(call, *taken_over())
    assert commands[-2:] == [m.PauseAi(), m.GreetCaller()]
    assert feed(call, m.ResumeAsked("ops"))[1:3] == [m.StopMusic(CALLER), m.ResumeAi()]


def test_an_agent_s_hold_that_is_over_meanwhile() -> None:
    call = talking(m.Conversed(), m.HoldTool("t1", 30.0), LOST, m.TimeUp("hold"))
    commands = feed(call, *taken_over())
    assert call.state is State.TALKING
    assert commands[-2:] == [m.StopMusic(CALLER), m.GreetCaller()]


def test_mutes_and_the_recording_go_on() -> None:
    call = talking()
    call.plan = of_agent(call.plan, recording=RECORDING)
    feed(call, m.MuteAsked("caller", True, "ops"), m.RecordAsked("start", "ops"), m.RecordAsked("pause", "ops"))
    assert m.PrepareAi(SPEC.model_copy(update={"recording": RECORDING}), resumed=True) in feed(call, LOST)
    orders = [each.order for each in feed(call, *taken_over()) if isinstance(each, m.OrderAi)]
    assert orders == [
        contract.Mute(call=CALL, caller=True, agent=False),
        contract.Record(call=CALL, action="pause"),
    ]


def test_a_recording_that_was_stopped_is_not_begun_again() -> None:
    spec = SPEC.model_copy(update={"recording": RECORDING})
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(spec, recording=RECORDING), {}), NOW)
    table.start(call)
    feed(call, *OPENING, m.RecordAsked("stop", "ops"))
    assert m.PrepareAi(SPEC, resumed=True) in feed(call, LOST)


@pytest.mark.parametrize("state", [State.TRANSFERRED, State.RESCUING])
def test_a_worker_that_is_not_needed_any_more(state: State) -> None:
    call = talking()
    call.state = state
    assert feed(call, LOST) == []
    assert call.state is state
    assert not call.session_open


# ---------------------------------------------------------------- a worker that Asterisk does not reach

REFUSED = m.CommandFailed(m.OpenMedia(IDS.media), "500", unreachable=True)


@pytest.mark.parametrize(
    "what", [REFUSED, m.TimeUp("media"), m.LegGone(IDS.media)], ids=["refused", "never seen", "hung up on"]
)
@pytest.mark.parametrize("entered", [(), (m.LegEntered(IDS.media),)], ids=["", "entered"])
def test_a_caller_who_is_being_connected_gets_another_worker(what: m.Input, entered: tuple[m.Input, ...]) -> None:
    call = inbound()
    table.start(call)
    feed(call, READY, *entered)
    assert call.state is State.CONNECTING
    commands = feed(call, what)
    assert isinstance(commands[0], m.ExcludeWorker)
    assert any(isinstance(each, m.LeaveAi) for each in commands)
    assert call.rehoming is not None
    assert isinstance(feed(call, OVER)[-1], m.PrepareAi)
    assert feed(call, READY)[0] == m.OpenMedia(again(2))
    commands = feed(call, m.LegEntered(again(2)), FLOWS)
    assert m.Join(IDS.bridge, (CALLER, again(2))) in commands
    assert str(call.state) == "talking"


@pytest.mark.parametrize("what", [m.TimeUp("media"), m.LegGone(again(2))], ids=["never seen", "hung up on"])
def test_so_does_one_whose_worker_was_lost(what: m.Input) -> None:
    call = talking(LOST, READY)
    assert isinstance(feed(call, what)[0], m.ExcludeWorker)
    assert call.state is State.REHOMING


def test_a_worker_that_has_seen_asterisk_is_not_to_blame() -> None:
    call = inbound()
    table.start(call)
    feed(call, READY, FLOWS)
    assert not any(isinstance(each, m.ExcludeWorker) for each in feed(call, m.TimeUp("media")))
    assert call.state is State.REHOMING
    call = talking()
    assert not any(isinstance(each, m.ExcludeWorker) for each in feed(call, m.LegGone(IDS.media)))


def test_a_call_is_not_moved_for_ever() -> None:
    call = inbound()
    table.start(call)
    feed(call, READY, REFUSED)
    for number in (2, 3):
        feed(call, OVER, READY)
        feed(call, m.CommandFailed(m.OpenMedia(again(number)), "500", unreachable=True))
    feed(call, OVER, READY, m.CommandFailed(m.OpenMedia(again(4)), "500", unreachable=True))
    assert (call.state, call.outcome) == (State.ENDING, Outcome.FAILED)
