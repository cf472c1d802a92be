"""A call that loses its worker: each state, whatever happens meanwhile, and what the next session is told."""

from dataclasses import replace

import pytest

from bridge import contract
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import failover
from tests.unit.controller.calls.machine.test_table import (
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

LOST = inputs.WorkerLost("its worker is gone")
NONE = inputs.NoWorkerFound("no bridge worker is free")
READY, FLOWS = inputs.AiReady(), inputs.MediaFlowing()
OPENING: tuple[inputs.Input, ...] = (READY, inputs.LegEntered(IDS.media), FLOWS)
TONE = IDS.sound(1)
RECORDING = contract.Recording(path="/srv/calls")
HOLD = inputs.HoldAsked("ops")
RUN = inputs.RunTool("r1", "look_up", {})


def again(number: int) -> str:
    return IDS.later_media(number)


def taken_over(number: int = 2) -> list[inputs.Input]:
    return [READY, inputs.LegEntered(again(number)), FLOWS]


def talking(*story: inputs.Input, fallback: bool = False) -> Call:
    plan = Plan(
        CALL, "inbound", CALLER, AgentPlan(SPEC, max_call=60.0, on_ai_failure=(SORRY, HUMAN) if fallback else ()), {}
    )
    call = Call(plan, NOW)
    table.start(call)
    feed(call, *OPENING, *story)
    return call


def gone(call: Call) -> None:
    """The end of a session that still lived, if it did."""
    if call.failover is not None and call.failover.phase == "leaving":
        feed(call, OVER)


# ---------------------------------------------------------------- another worker


def test_a_killed_worker_s_call_goes_on_with_another_one() -> None:
    call = talking()
    assert feed(call, LOST) == [
        commands.StopTimer("media"),
        commands.PrepareAi(SPEC, resumed=True),
        commands.HangUp(IDS.media),
        commands.StartTimer("failover", failover.LIMIT),
        commands.StartTimer("tone", failover.QUIET),
    ]
    assert call.failover is not None
    assert feed(call, inputs.LegGone(IDS.media)) == []
    assert feed(call, READY) == [commands.OpenMedia(again(2)), commands.StartTimer("media", 3.0)]
    assert feed(call, inputs.LegEntered(again(2))) == []
    issued = feed(call, FLOWS)
    assert [type(each) for each in issued] == [*[commands.StopTimer] * 5, commands.Join, commands.GreetCaller]
    assert commands.Join(IDS.bridge, (again(2),)) in issued
    assert call.state is State.TALKING
    assert call.outcome is None


def test_a_leg_that_breaks_lets_a_session_that_lives_end_first() -> None:
    """What it recorded is told with its end. Asterisk's news of the leg come before those of a killed worker."""
    call = talking()
    issued = feed(call, inputs.LegGone(IDS.media))
    assert issued[1:3] == [
        commands.LeaveAi("Asterisk ended the media leg"),
        commands.StartTimer("leave", failover.LEAVE),
    ]
    assert feed(call, inputs.MediaLost("closed"), inputs.AiFailed("transient", "gone")) == []
    for news in (OVER, LOST):
        call = talking(inputs.LegGone(IDS.media))
        assert feed(call, news) == [commands.StopTimer("leave"), commands.PrepareAi(SPEC, resumed=True)]
    call = talking(inputs.LegGone(IDS.media))
    assert feed(call, inputs.TimeUp("leave")) == [commands.PrepareAi(SPEC, resumed=True)]


def test_who_has_to_wait_hears_tones() -> None:
    call = talking(LOST)
    assert feed(call, inputs.TimeUp("tone")) == [commands.StartTone(CALLER, TONE)]
    assert feed(call, inputs.SoundOver(TONE), inputs.TimeUp("tone")) == []
    issued = feed(call, *taken_over())
    assert issued.index(commands.StopTone(TONE)) < issued.index(commands.Join(IDS.bridge, (again(2),)))
    assert feed(talking(HOLD, LOST), inputs.TimeUp("tone")) == []


@pytest.mark.parametrize("what", [inputs.MediaLost("reset"), OVER, inputs.LegGone(IDS.media), LOST])
@pytest.mark.parametrize("before", [(), (HOLD,)], ids=["talking", "holding"])
def test_whatever_is_lost_first(what: inputs.Input, before: tuple[inputs.Input, ...]) -> None:
    call = talking(*before)
    feed(call, what)
    assert call.state is State.FAILOVER
    gone(call)
    assert feed(call, *taken_over())[-1] == commands.GreetCaller()
    assert call.state is (State.HOLDING if before else State.TALKING)


@pytest.mark.parametrize(
    "what", [inputs.MediaLost("refused"), LOST, inputs.CommandFailed(commands.OpenMedia(IDS.media), "500")]
)
def test_a_worker_lost_while_connecting(what: inputs.Input) -> None:
    """The caller is not in the bridge yet, and not greeted."""
    call = inbound()
    table.start(call)
    feed(call, READY, what)
    gone(call)
    issued = feed(call, *taken_over())
    assert commands.Join(IDS.bridge, (CALLER, again(2))) in issued
    assert issued[-1] == commands.GreetCaller()


def test_nobody_notices_before_the_call_is_answered() -> None:
    call = inbound()
    table.start(call)
    assert feed(call, LOST) == [commands.PrepareAi(SPEC, resumed=True)]
    assert call.state is State.RINGING
    assert commands.OpenMedia(IDS.media) in feed(call, READY)
    call = outbound()
    table.start(call)
    assert feed(call, LOST) == [commands.PrepareAi(SPEC, resumed=True)]
    feed(call, READY)
    assert call.state is State.DIALING
    assert feed(call, LOST) == [commands.PrepareAi(SPEC, resumed=True)]
    assert feed(call, READY) == []
    feed(call, inputs.LegEntered(IDS.callee), inputs.LegEntered(IDS.media))
    assert feed(call, FLOWS)[-1] == commands.GreetCaller()


def test_a_callee_who_answers_while_a_worker_is_looked_for() -> None:
    call = outbound()
    table.start(call)
    feed(call, READY, LOST)
    assert feed(call, NONE) == [commands.StartTimer("again", failover.AGAIN)]
    feed(call, inputs.LegEntered(IDS.callee))
    feed(call, inputs.CommandFailed(commands.OpenMedia(IDS.media), "the worker of this call is gone"))
    assert call.state is State.FAILOVER
    assert commands.Join(IDS.bridge, (IDS.callee, again(3))) in feed(call, *taken_over(3))


@pytest.mark.parametrize("tool", [None, "t1"])
def test_a_transfer_under_way_goes_on_and_another_agent_is_there_if_it_fails(tool: str | None) -> None:
    asked = inputs.TransferAsked(TARGET, "agent" if tool else "ops", tool)
    call = talking(asked, LOST)
    assert (call.state, call.music) == (State.TRANSFERRING, True)
    assert commands.Join(IDS.bridge, (IDS.target(1),)) in feed(call, inputs.LegEntered(IDS.target(1)))
    call = talking(asked, LOST)
    issued = feed(call, inputs.LegGone(IDS.target(1), 17, 486))
    assert commands.PrepareAi(SPEC, resumed=True) in issued
    assert (call.state, call.detail) == (State.FAILOVER, None)
    issued = feed(call, *taken_over())
    (told,) = [each.order for each in issued if isinstance(each, commands.OrderAi)]
    assert isinstance(told, contract.AddMessage)
    assert "busy" in told.text
    assert commands.StopMusic(CALLER) in issued
    assert call.state is State.TALKING


# ---------------------------------------------------------------- no other worker


def test_without_room_anywhere_a_worker_that_starts_again_is_waited_for() -> None:
    call = talking(LOST)
    for _ in range(3):
        assert feed(call, NONE) == [commands.StartTimer("again", failover.AGAIN)]
        assert feed(call, inputs.TimeUp("again")) == [commands.PrepareAi(SPEC, resumed=True)]
    feed(call, *taken_over())
    assert call.state is State.TALKING


@pytest.mark.parametrize("phase", [(), (NONE,), (READY,), (READY, inputs.LegEntered(again(2)))])
def test_after_a_while_there_is_no_ai_for_the_call(phase: tuple[inputs.Input, ...]) -> None:
    call = talking(LOST, inputs.TimeUp("tone"), *phase, fallback=True)
    issued = feed(call, inputs.TimeUp("failover"))
    assert call.state is State.FALLBACK
    assert issued.index(commands.StopTone(TONE)) < issued.index(commands.Play(CALLER, IDS.sound(2), (SORRY.media,)))
    assert commands.HangUp(again(2)) in issued
    call = talking(LOST, *phase)
    assert commands.HangUp(CALLER, "congestion") in feed(call, inputs.TimeUp("failover"))
    assert call.outcome is Outcome.FAILED


def test_before_the_caller_was_in_the_bridge_too() -> None:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC, on_ai_failure=(SORRY,)), {}), NOW)
    table.start(call)
    feed(call, READY, LOST)
    assert commands.Join(IDS.bridge, (CALLER,)) in feed(call, inputs.TimeUp("failover"))


@pytest.mark.parametrize("phase", [(), (READY,), (READY, inputs.LegEntered(again(2)))])
@pytest.mark.parametrize("what", [LOST, OVER, inputs.AiFailed("transient", "gone"), inputs.LegGone(again(2))])
def test_the_second_worker_is_lost_too(phase: tuple[inputs.Input, ...], what: inputs.Input) -> None:
    call = talking(LOST, *phase)
    feed(call, what)
    assert call.state is State.FAILOVER
    gone(call)
    assert feed(call, *taken_over(3))[-1] == commands.GreetCaller()


def test_a_call_may_lose_its_agent_so_often() -> None:
    call = talking(fallback=True)
    for number in range(failover.MOST):
        feed(call, LOST, *taken_over(number + 2))
        assert call.state is State.TALKING
    feed(call, LOST)
    assert call.state is State.FALLBACK


@pytest.mark.parametrize("kind", ["account", "config"])
def test_an_ai_that_refuses_is_not_asked_by_another_worker(kind: str) -> None:
    call = talking(LOST, fallback=True)
    feed(call, inputs.AiFailed(kind, "no quota"))
    assert call.state is State.FALLBACK


def test_the_first_worker_is_not_waited_for() -> None:
    call = inbound()
    table.start(call)
    assert commands.HangUp(CALLER, "congestion") in feed(call, NONE)


# ---------------------------------------------------------------- meanwhile


@pytest.mark.parametrize("phase", [(), (NONE,), (READY,), (READY, inputs.LegEntered(again(2)))])
def test_the_caller_leaves(phase: tuple[inputs.Input, ...]) -> None:
    call = talking(LOST, *phase)
    issued = feed(call, inputs.LegGone(CALLER))
    assert {commands.HangUp(call.media), commands.DestroyBridge(IDS.bridge)} <= set(issued)
    assert (call.outcome, call.ended_by) == (Outcome.ANSWERED, "caller")
    feed(call, OVER)
    assert call.state is State.ENDED


def test_the_worker_is_lost_when_the_call_ends() -> None:
    call = talking(inputs.LegGone(CALLER))
    assert feed(call, LOST) == [commands.StopTimer("end")]
    assert call.state is State.ENDED


@pytest.mark.parametrize("what", [inputs.TransferAsked(TARGET, "ops"), HOLD, inputs.SayAsked("x", True, "ops")])
def test_ops_wait(what: inputs.Input) -> None:
    call = talking(LOST)
    assert feed(call, what) == []
    assert call.state is State.FAILOVER


def test_what_became_due_is_done_when_the_agent_is_back() -> None:
    call = talking(LOST, inputs.TimeUp("length"))
    issued = feed(call, *taken_over())
    assert issued.index(commands.GreetCaller()) < issued.index(commands.SayLast("Goodbye.", "max_call_s"))
    assert call.state is State.CLOSING


def test_a_tool_that_ran_is_not_lost() -> None:
    call = talking(RUN, LOST, inputs.ToolDone("r1", "noon", True))
    (told,) = [each.order for each in feed(call, *taken_over()) if isinstance(each, commands.OrderAi)]
    assert isinstance(told, contract.AddMessage)
    assert "noon" in told.text
    call = talking(RUN, LOST, *taken_over())
    (command,) = feed(call, inputs.ToolDone("r1", "noon", True))
    assert isinstance(command, commands.OrderAi)
    assert isinstance(command.order, contract.AddMessage)
    assert command.order.respond
    assert feed(call, inputs.ToolDone("r1", "noon", True)) == []


def test_a_hold_and_its_music_go_on() -> None:
    call = talking(HOLD)
    issued = feed(call, LOST)
    assert not [
        each
        for each in issued
        if isinstance(each, commands.StopMusic) or each == commands.StartTimer("tone", failover.QUIET)
    ]
    issued = feed(call, *taken_over())
    assert issued[-2:] == [commands.PauseAi(), commands.GreetCaller()]
    assert feed(call, inputs.ResumeAsked("ops"))[1:3] == [commands.StopMusic(CALLER), commands.ResumeAi()]


def test_an_agent_s_hold_that_is_over_meanwhile() -> None:
    call = talking(inputs.Conversed(), inputs.HoldTool("t1", 30.0), LOST, inputs.TimeUp("hold"))
    issued = feed(call, *taken_over())
    assert call.state is State.TALKING
    assert issued[-2:] == [commands.StopMusic(CALLER), commands.GreetCaller()]


def test_mutes_and_the_recording_go_on() -> None:
    call = talking()
    call.plan = of_agent(call.plan, recording=RECORDING)
    feed(
        call,
        inputs.MuteAsked("caller", True, "ops"),
        inputs.RecordAsked("start", "ops"),
        inputs.RecordAsked("pause", "ops"),
    )
    assert commands.PrepareAi(SPEC.model_copy(update={"recording": RECORDING}), resumed=True) in feed(call, LOST)
    orders = [each.order for each in feed(call, *taken_over()) if isinstance(each, commands.OrderAi)]
    assert orders == [contract.Mute(call=CALL, caller=True, agent=False), contract.Record(call=CALL, action="pause")]


def test_a_recording_that_was_stopped_is_not_begun_again() -> None:
    spec = SPEC.model_copy(update={"recording": RECORDING})
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(spec, recording=RECORDING), {}), NOW)
    table.start(call)
    feed(call, *OPENING, inputs.RecordAsked("stop", "ops"))
    assert commands.PrepareAi(SPEC, resumed=True) in feed(call, LOST)


@pytest.mark.parametrize("state", [State.TRANSFERRED, State.FALLBACK])
def test_a_worker_that_is_not_needed_any_more(state: State) -> None:
    call = talking()
    call.state = state
    assert feed(call, LOST) == []
    assert call.state is state
    assert not call.session_open


# ---------------------------------------------------------------- a worker that Asterisk does not reach

REFUSED = inputs.CommandFailed(commands.OpenMedia(IDS.media), "500", unreachable=True)


@pytest.mark.parametrize(
    "what", [REFUSED, inputs.TimeUp("media"), inputs.LegGone(IDS.media)], ids=["refused", "never seen", "hung up on"]
)
@pytest.mark.parametrize("entered", [(), (inputs.LegEntered(IDS.media),)], ids=["", "entered"])
def test_a_caller_who_is_being_connected_gets_another_worker(
    what: inputs.Input, entered: tuple[inputs.Input, ...]
) -> None:
    call = inbound()
    table.start(call)
    feed(call, READY, *entered)
    assert call.state is State.CONNECTING
    issued = feed(call, what)
    assert isinstance(issued[0], commands.ExcludeWorker)
    assert any(isinstance(each, commands.LeaveAi) for each in issued)
    assert call.failover is not None
    assert isinstance(feed(call, OVER)[-1], commands.PrepareAi)
    assert feed(call, READY)[0] == commands.OpenMedia(again(2))
    issued = feed(call, inputs.LegEntered(again(2)), FLOWS)
    assert commands.Join(IDS.bridge, (CALLER, again(2))) in issued
    assert str(call.state) == "talking"


@pytest.mark.parametrize("what", [inputs.TimeUp("media"), inputs.LegGone(again(2))], ids=["never seen", "hung up on"])
def test_so_does_one_whose_worker_was_lost(what: inputs.Input) -> None:
    call = talking(LOST, READY)
    assert isinstance(feed(call, what)[0], commands.ExcludeWorker)
    assert call.state is State.FAILOVER


def test_a_worker_that_has_seen_asterisk_is_not_to_blame() -> None:
    call = inbound()
    table.start(call)
    feed(call, READY, FLOWS)
    assert not any(isinstance(each, commands.ExcludeWorker) for each in feed(call, inputs.TimeUp("media")))
    assert call.state is State.FAILOVER
    call = talking()
    assert not any(isinstance(each, commands.ExcludeWorker) for each in feed(call, inputs.LegGone(IDS.media)))


def test_a_call_is_not_moved_for_ever() -> None:
    call = inbound()
    table.start(call)
    feed(call, READY, REFUSED)
    for number in (2, 3):
        feed(call, OVER, READY)
        feed(call, inputs.CommandFailed(commands.OpenMedia(again(number)), "500", unreachable=True))
    feed(call, OVER, READY, inputs.CommandFailed(commands.OpenMedia(again(4)), "500", unreachable=True))
    assert (call.state, call.outcome) == (State.ENDING, Outcome.FAILED)


def test_a_caller_for_whom_no_worker_is_reached_gets_what_overflow_says() -> None:
    """Not one who has heard an agent, nor one whose AI does not work: `on_ai_failure` is for them."""
    plan = replace(inbound().plan, overflow=("200", "from-internal"))
    away = commands.SendAway(CALLER, "from-internal", "200")
    call = Call(plan, NOW)
    table.start(call)
    issued = feed(call, READY, REFUSED, OVER, inputs.TimeUp("failover"))
    assert (away in issued, commands.HangUp(CALLER) in issued) == (True, False)
    assert commands.DestroyBridge(IDS.bridge) in issued
    assert (str(call.state), call.outcome, call.detail) == (
        *("ending", Outcome.FAILED),
        "no other worker took the call over in time",
    )
    for story in (
        [READY, inputs.AiFailed("config", "no such model")],
        [*OPENING, REFUSED, OVER, inputs.TimeUp("failover")],
    ):
        call = Call(plan, NOW)
        table.start(call)
        assert away not in feed(call, *story)
        assert call.outcome is Outcome.FAILED
    with_steps = Call(of_agent(plan, on_ai_failure=(SORRY,)), NOW)
    table.start(with_steps)
    feed(with_steps, READY, REFUSED, OVER, inputs.TimeUp("failover"))
    assert str(with_steps.state) == "fallback"


# ---------------------------------------------------------------- refused

FULL = inputs.SessionRefused("the worker carries 100 calls already")
NEXT = commands.PrepareAi(SPEC, resumed=True)


@pytest.mark.parametrize("call", [inbound(), outbound()], ids=["ringing", "preparing"])
def test_the_next_worker_is_asked_before_anybody_notices(call: Call) -> None:
    table.start(call)
    for number in range(2, failover.MOST + 3):
        assert feed(call, FULL) == [NEXT]
        assert (call.losses, call.session) == (0, number)
    feed(call, READY)
    assert call.state in (State.CONNECTING, State.DIALING)


def test_a_caller_whom_all_refuse_is_refused() -> None:
    call = inbound()
    table.start(call)
    feed(call, FULL, NONE)
    assert (call.outcome, call.losses) == (Outcome.FAILED, 0)


def test_a_call_that_has_lost_its_worker_asks_all_of_them_until_its_time_is_over() -> None:
    call = talking(LOST)
    assert feed(call, FULL) == [NEXT]
    assert feed(call, NONE) == [commands.StartTimer("again", failover.AGAIN)]
    assert feed(call, inputs.TimeUp("again")) == [NEXT]
    feed(call, *taken_over())
    assert (call.state, call.losses) == (State.TALKING, 1)


def test_a_refusal_that_comes_after_the_answer_is_a_loss() -> None:
    call = inbound()
    table.start(call)
    feed(call, inputs.TimeUp("answer"))
    assert call.state is State.CONNECTING
    feed(call, FULL)
    assert (call.state, call.losses) == (State.FAILOVER, 1)


def test_a_refusal_of_a_call_that_ends_changes_nothing() -> None:
    call = talking(inputs.HangUpAsked("ops"))
    assert call.state is State.ENDING
    assert feed(call, FULL) == []
