"""What the refusal of each command does to the call, by the state in which the command is issued."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from tests.unit.controller.calls.machine.rows.test_agent_control import PARTY
from tests.unit.controller.calls.machine.rows.test_attended_transfer import ASK, ASKED_FIRST, GONE, REFER
from tests.unit.controller.calls.machine.rows.test_supervision import SUPERVISOR, supervise
from tests.unit.controller.calls.machine.rows.test_waiting import LINE
from tests.unit.controller.calls.machine.test_table import (
    CALL,
    CALLER,
    HUMAN,
    IDS,
    NOW,
    SORRY,
    SPEC,
    TARGET,
    feed,
    of_agent,
)

READY, LOST = inputs.AiReady(), inputs.WorkerLost("killed")
MEDIA, MEDIA_2, FLOWS = inputs.LegEntered(IDS.media), inputs.LegEntered(IDS.later_media(2)), inputs.MediaFlowing()
TALKING = (READY, MEDIA, FLOWS)
HUMAN_IN, NO_AI = inputs.LegEntered(IDS.target(1)), inputs.AiFailed("account", "no quota")
CALLEE_IN, SUPERVISOR_IN = inputs.LegEntered(IDS.callee), inputs.LegEntered(SUPERVISOR)
TRANSFER = inputs.TransferAsked(TARGET, "ops")
INVITE, PARTY_IN = inputs.ParticipantAsked(PARTY, TARGET, "ops"), inputs.LegEntered(PARTY)
TRANSFERRED = (*TALKING, TRANSFER, HUMAN_IN)
ANSWER, WRAP_UP = inputs.ToolRefused("t1", "no"), inputs.WrapUpDue("spend_per_day")
ASKED_BY_AGENT = inputs.TransferAsked(ASKED_FIRST, "agent", "t1")
ENDS = {State.ENDING, State.ENDED}


def inbound() -> Call:
    return Call(
        Plan(CALL, "inbound", CALLER, AgentPlan(SPEC, on_ai_failure=(SORRY, HUMAN)), {"VOICEAI_CALL": CALL}), NOW
    )


def in_line() -> Call:
    return Call(replace(inbound().plan, waiting=LINE), NOW)


def unserved() -> Call:
    return Call(replace(inbound().plan, unserved="no worker"), NOW)


def unserved_by_a_person() -> Call:
    return Call(replace(of_agent(inbound().plan, on_ai_failure=(HUMAN, SORRY)), unserved="no worker"), NOW)


def outbound() -> Call:
    plan = Plan(CALL, "outbound", IDS.callee, AgentPlan(SPEC), {}, target=TARGET, answer_detection=True)
    return Call(plan, NOW)


def refused(call: Call, kind: type[Any], story: tuple[inputs.Input, ...], gone: bool) -> list[commands.Command]:
    """Asterisk, or the worker, refuses the last command of this kind that `story` leads to."""
    issued = table.start(call)
    if story:
        issued = feed(call, *story)
    command = next(each for each in reversed(issued) if isinstance(each, kind))
    return feed(call, inputs.CommandFailed(command, "no", gone))


# The call; what leads to the command; the command; the state after its refusal (None: the call ends); what follows.
REFUSALS: list[tuple[Callable[[], Call], tuple[inputs.Input, ...], type[Any], State | None, type[Any] | None]] = [
    (in_line, (), commands.Answer, None, None),
    (in_line, (inputs.PlaceKnown(2), inputs.TimeUp("announce")), commands.Play, State.WAITING, commands.StartMusic),
    (in_line, (inputs.RoomFound(),), commands.CreateBridge, None, None),
    (inbound, (), commands.CreateBridge, None, None),
    (inbound, (READY,), commands.Answer, None, None),
    (inbound, (READY,), commands.OpenMedia, State.FAILOVER, commands.LeaveAi),
    (inbound, TALKING, commands.Join, None, None),
    (inbound, TALKING, commands.GreetCaller, State.FAILOVER, commands.LeaveAi),
    (outbound, (READY,), commands.CreateBridge, None, None),
    (outbound, (READY,), commands.Dial, None, None),
    (outbound, (READY, CALLEE_IN), commands.Detect, State.CONNECTING, commands.OpenMedia),
    (inbound, (*TALKING, ANSWER), commands.AnswerAiTool, State.FAILOVER, commands.LeaveAi),
    (inbound, (*TALKING, inputs.DigitsAsked("1", "ops")), commands.SendDigits, State.TALKING, None),
    (
        *(inbound, (*TALKING, inputs.SendDigitsTool("t1", "1"))),
        *(commands.SendDigits, State.TALKING, commands.AnswerAiTool),
    ),
    (inbound, (*TALKING, inputs.HoldAsked("ops"), ANSWER), commands.AnswerAiTool, State.FAILOVER, commands.LeaveAi),
    (inbound, (*TALKING, WRAP_UP), commands.SayLast, None, None),
    (inbound, (*TALKING, TRANSFER), commands.Dial, State.TALKING, commands.OrderAi),
    (inbound, (*TALKING, TRANSFER, ANSWER), commands.AnswerAiTool, State.TRANSFERRING, commands.CloseAi),
    (inbound, TRANSFERRED, commands.Join, State.TALKING, commands.OrderAi),
    (inbound, (*TRANSFERRED, inputs.DigitsAsked("1", "ops")), commands.SendDigits, State.TRANSFERRED, None),
    (inbound, (*TALKING, ASK, HUMAN_IN), commands.CreateBridge, State.TALKING, commands.ResumeAi),
    (inbound, (*TALKING, ASK, HUMAN_IN), commands.Join, State.TALKING, commands.ResumeAi),
    (inbound, (*TALKING, ASKED_BY_AGENT, HUMAN_IN), commands.Join, State.TALKING, commands.AnswerAiTool),
    (inbound, (*TALKING, ASK, HUMAN_IN, LOST), commands.Join, State.FALLBACK, commands.DestroyBridge),
    (*(inbound, (*TALKING, ASKED_BY_AGENT, HUMAN_IN)), *(commands.AnswerAiTool, State.TRANSFERRED, commands.Join)),
    (inbound, (*TALKING, ASK, HUMAN_IN, inputs.TransferCancelled("ops")), commands.Join, State.FAILOVER, None),
    (inbound, (*TALKING, REFER), commands.Refer, State.TALKING, commands.ResumeAi),
    (inbound, (*TALKING, REFER, GONE, inputs.LegReturned(CALLER, "FAILURE", 486)), commands.Join, None, None),
    (inbound, (*TALKING, LOST, READY), commands.OpenMedia, State.FAILOVER, commands.LeaveAi),
    (inbound, (*TALKING, LOST, READY, MEDIA_2, FLOWS), commands.Join, State.FAILOVER, commands.LeaveAi),
    (inbound, (*TALKING, LOST, READY, MEDIA_2, FLOWS), commands.GreetCaller, State.FAILOVER, commands.LeaveAi),
    (unserved, (), commands.CreateBridge, None, None),
    (unserved, (), commands.Answer, None, None),
    (unserved, (), commands.Join, None, None),
    (unserved, (), commands.Play, State.TRANSFERRING, commands.Dial),
    (unserved_by_a_person, (), commands.Dial, State.FALLBACK, commands.Play),
    (unserved_by_a_person, (HUMAN_IN,), commands.Join, State.FALLBACK, commands.Play),
    (inbound, (*TALKING, NO_AI), commands.Play, State.TRANSFERRING, commands.Dial),
    (inbound, (*TALKING, INVITE), commands.Dial, State.TALKING, commands.HangUp),
    (inbound, (*TALKING, INVITE, PARTY_IN), commands.Join, State.TALKING, commands.HangUp),
    (inbound, (*TALKING, supervise("listen")), commands.Dial, State.TALKING, commands.HangUp),
    (inbound, (*TALKING, supervise("listen"), SUPERVISOR_IN), commands.CreateBridge, State.TALKING, commands.HangUp),
    (inbound, (*TALKING, supervise("listen"), SUPERVISOR_IN), commands.Join, State.TALKING, commands.HangUp),
    (inbound, (*TALKING, supervise("listen"), SUPERVISOR_IN), commands.Snoop, State.TALKING, commands.HangUp),
    (inbound, (*TALKING, supervise("take_over"), SUPERVISOR_IN), commands.Join, State.TALKING, commands.HangUp),
    (inbound, (*TRANSFERRED, supervise("whisper"), SUPERVISOR_IN), commands.Snoop, State.TRANSFERRED, commands.Snoop),
]


@pytest.mark.parametrize(("begin", "story", "kind", "after", "follows"), REFUSALS)
def test_what_a_refusal_does(
    begin: Callable[[], Call],
    story: tuple[inputs.Input, ...],
    kind: type[Any],
    after: State | None,
    follows: type[Any] | None,
) -> None:
    call = begin()
    done = refused(call, kind, story, gone=False)
    assert call.state in (ENDS if after is None else {after})
    assert follows is None or any(isinstance(each, follows) for each in done)
    hung_up = any(isinstance(each, commands.HangUp) and each.channel == call.plan.leg for each in done)
    assert hung_up is (after is None)


def test_a_trunk_that_asterisk_can_not_reach_is_no_failure_of_ours() -> None:
    call = outbound()
    table.start(call)
    dial = next(each for each in feed(call, READY) if isinstance(each, commands.Dial))
    feed(call, inputs.CommandFailed(dial, "Allocation failed", unreachable=True))
    assert (call.state in ENDS, call.outcome) == (True, Outcome.CONGESTION)


def test_a_caller_in_line_waits_on_if_their_place_can_not_be_said() -> None:
    call = in_line()
    done = refused(call, commands.Play, (inputs.PlaceKnown(2), inputs.TimeUp("announce")), gone=False)
    assert done == [commands.StartMusic(CALLER), commands.StartTimer("announce", 30.0)]
    assert call.fallback_steps == [SORRY, HUMAN]
    feed(call, inputs.RoomFound())
    assert call.state is State.RINGING


@pytest.mark.parametrize(
    ("begin", "story", "kind"),
    [
        (in_line, (inputs.PlaceKnown(2), inputs.TimeUp("announce")), commands.Play),
        (inbound, (READY,), commands.Answer),
        (inbound, (*TALKING, inputs.SendDigitsTool("t1", "1")), commands.SendDigits),
        (inbound, (*TALKING, REFER), commands.Refer),
        (inbound, (*TALKING, NO_AI), commands.Play),
    ],
)
def test_a_caller_who_is_gone_has_ended_the_call(
    begin: Callable[[], Call], story: tuple[inputs.Input, ...], kind: type[Any]
) -> None:
    call = begin()
    refused(call, kind, story, gone=True)
    assert (call.state in ENDS, call.ended_by) == (True, "caller")
