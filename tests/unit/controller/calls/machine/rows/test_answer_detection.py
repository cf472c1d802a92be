"""Who has answered: what the call does with each verdict, and with none."""

import pytest

from bridge import contract
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import answer_detection
from controller.calls.outbound import planner
from controller.calls.outbound.entry import CallOrder, QueuedCall, Status
from controller.calls.planning.planner import with_agent
from controller.calls.runtime import worker_inputs
from tests.unit.controller.calls.machine.test_table import CALL, IDS, NOW, SPEC, TARGET, feed, talking
from tests.unit.controller.configs import config

WORDS = "Please call us back."


def detecting(voicemail: str | None = None) -> Call:
    plan = Plan(
        CALL, "outbound", IDS.callee, AgentPlan(SPEC, voicemail=voicemail), {}, target=TARGET, answer_detection=True
    )
    call = Call(plan, NOW)
    table.start(call)
    assert feed(call, inputs.AiReady(), inputs.LegEntered(IDS.callee)) == [
        commands.StopTimer("dial"),
        commands.StartTimer("detect", answer_detection.LIMIT),
        commands.Detect(IDS.callee, "voiceai-answered", "detect"),
    ]
    assert call.state is State.DETECTING
    return call


def back(*args: str) -> inputs.LegEntered:
    return inputs.LegEntered(IDS.callee, ("answered", *args))


VERDICTS = {
    ("HUMAN", "HUMAN-800-800"): None,
    ("NOTSURE", "TOOLONG-6000"): None,
    ("HANGUP", ""): None,
    ("",): None,
    (): None,
    ("MACHINE", "INITIALSILENCE-2000-2000"): answer_detection.SILENT,
    ("MACHINE", "LONGGREETING-2500-2500"): answer_detection.TALKATIVE,
    ("MACHINE", "MAXWORDS-4-3"): answer_detection.TALKATIVE,
    ("MACHINE", "MAXWORDLENGTH-5000"): answer_detection.TALKATIVE,
    ("MACHINE",): answer_detection.TALKATIVE,
}


@pytest.mark.parametrize(("verdict", "doubt"), VERDICTS.items())
@pytest.mark.parametrize("voicemail", [None, WORDS])
def test_no_verdict_ends_a_call_and_the_agent_is_told_of_a_doubt(
    verdict: tuple[str, ...], doubt: str | None, voicemail: str | None
) -> None:
    call = detecting(voicemail)
    assert feed(call, inputs.LegGone(IDS.callee)) == []  # it left our app for the dialplan
    assert commands.OpenMedia(IDS.media) in feed(call, back(*verdict))
    issued = feed(call, inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    told = [each.order for each in issued if isinstance(each, commands.OrderAi)]
    assert told == ([contract.AddMessage(call=CALL, text=doubt)] if doubt else [])
    assert issued[-1] == commands.GreetCaller()
    assert call.state is State.TALKING
    feed(call, inputs.HangUpAsked("ops"))
    assert call.outcome is Outcome.ANSWERED
    assert ("AMD()" in (call.detail or "")) == (doubt is not None)


def test_an_agent_that_is_ready_later_is_told_then_and_once() -> None:
    call = detecting()
    feed(call, inputs.WorkerLost("killed"), back("MACHINE", "INITIALSILENCE-2000-2000"))
    feed(call, inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    issued = feed(call, inputs.AiReady())
    assert [type(each) for each in issued] == [commands.OrderAi, commands.GreetCaller]
    assert call.answer_note is None


def test_the_agent_decides_after_a_doubt() -> None:
    call = detecting(WORDS)
    feed(call, back("MACHINE", "LONGGREETING-2500-2500"), inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    assert commands.SayLast(WORDS, "voicemail", after_silence=True) in feed(call, inputs.VoicemailTool("t1"))
    feed(call, inputs.LastSaid("voicemail"))
    assert call.outcome is Outcome.MACHINE


def test_without_the_context_the_call_goes_on() -> None:
    call = detecting(WORDS)
    failed = inputs.CommandFailed(commands.Detect(IDS.callee, "voiceai-answered", "detect"), "no context")
    assert commands.OpenMedia(IDS.media) in feed(call, failed)
    assert call.detail == "no context"


@pytest.mark.parametrize(
    ("what", "outcome", "by"),
    [
        (inputs.LegGone(IDS.callee, 16), Outcome.ANSWERED, "callee"),
        (inputs.CommandFailed(commands.Detect(IDS.callee, "c", "e"), "gone", gone=True), Outcome.ANSWERED, "callee"),
        (inputs.TimeUp("detect"), Outcome.FAILED, "system"),
        (inputs.HangUpAsked("ops"), Outcome.ANSWERED, "ops"),
        (inputs.AiFailed("transient", "away"), Outcome.FAILED, "system"),
    ],
)
def test_ends_meanwhile(what: inputs.Input, outcome: Outcome, by: str) -> None:
    call = detecting()
    assert {each.channel for each in feed(call, what) if isinstance(each, commands.HangUp)} >= {IDS.callee, IDS.media}
    assert (call.outcome, call.ended_by) == (outcome, by)


def outbound_talking(voicemail: str | None) -> Call:
    call = Call(Plan(CALL, "outbound", IDS.callee, AgentPlan(SPEC, voicemail=voicemail), {}, target=TARGET), NOW)
    table.start(call)
    feed(call, inputs.AiReady(), inputs.LegEntered(IDS.callee), inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    assert call.state is State.TALKING
    return call


def test_an_agent_that_recognises_a_machine() -> None:
    call = outbound_talking(WORDS)
    answer, *rest = feed(call, inputs.VoicemailTool("t1"))
    assert answer == commands.AnswerAiTool("t1", answer_detection.SETTLED, True, False)
    assert commands.SayLast(WORDS, "voicemail", after_silence=True) in rest
    call = outbound_talking(None)
    assert commands.HangUp(IDS.callee) in feed(call, inputs.VoicemailTool("t1"))
    assert (call.outcome, call.ended_by) == (Outcome.MACHINE, "agent")


def test_a_caller_is_no_machine() -> None:
    call = talking()
    (refused,) = feed(call, inputs.VoicemailTool("t1"))
    assert isinstance(refused, commands.AnswerAiTool)
    assert not refused.ok
    assert call.state is State.TALKING


def test_the_tool_becomes_an_input() -> None:
    loaded = config(agents__reception__tools=["voicemail"])
    spec = SPEC.model_copy(update={"tools": (contract.FunctionTool(name="voicemail", description="d", parameters={}),)})
    called = contract.ToolCalled(call=CALL, tool_call="t1", name="voicemail", arguments={"x": 1})
    assert worker_inputs.inputs_of(loaded, Plan(CALL, "outbound", "leg", AgentPlan(spec), {}), called) == [
        inputs.VoicemailTool("t1")
    ]


@pytest.mark.parametrize("detects", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_calls_with_detection_have_the_tool(detects: bool, named: bool) -> None:
    loaded = config(agents__reception__tools=["hang_up", *(["voicemail"] if named else [])])
    order = CallOrder("+4930123456", "main", "reception", "ops", answer_detection=detects)
    plan = planner.outbound(loaded, QueuedCall(1, CALL, Status.QUEUED, order, NOW, NOW, NOW))
    tools = [each.name for each in plan.agent.spec.tools]
    assert tools.count("voicemail") == int(detects or named)
    later = with_agent(loaded, plan, agent_name="reception", instructions=None, variables={})
    assert [each.name for each in later.agent.spec.tools] == tools
