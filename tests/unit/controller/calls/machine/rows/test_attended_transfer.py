"""Transfers in which the target is asked first: row by row."""

from dataclasses import replace

import pytest

from bridge import contract
from controller.calls.machine import commands, consultation, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.rows import inbound_audio
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.view import view_of
from tests.unit.controller.calls.machine.rows.test_agent_control import orders
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS, SPEC, TARGET, feed, talking

ASKED_FIRST = replace(TARGET, kind="attended")
REFERRED = replace(TARGET, kind="refer", dial="PJSIP/sip:4930@carrier")
TARGET_LEG, ROOM = IDS.target(1), IDS.consultation(1)
ASK = inputs.TransferAsked(ASKED_FIRST, "ops")
REFER = inputs.TransferAsked(REFERRED, "ops")
CANCEL = inputs.TransferCancelled("ops")
GONE = inputs.LegGone(CALLER, in_dialplan=True)


def consulting(tool_call: str | None = None, announce: str | None = None) -> Call:
    call = talking()
    feed(call, inputs.TransferAsked(ASKED_FIRST, "ops", tool_call, announce), inputs.LegEntered(TARGET_LEG))
    assert call.state is State.CONSULTING
    return call


def test_the_caller_hears_music_while_the_target_rings() -> None:
    call = talking()
    assert feed(call, ASK)[:3] == [
        commands.PauseAi(),
        commands.StartMusic(CALLER),
        commands.Dial(TARGET_LEG, ASKED_FIRST, {"VOICEAI_CALL": CALL}),
    ]


def test_the_agent_is_moved_to_the_target_with_other_tools_and_is_told() -> None:
    call = talking()
    feed(call, ASK)
    issued = feed(call, inputs.LegEntered(TARGET_LEG))
    assert issued == [
        commands.StopTimer("transfer"),
        commands.CreateBridge(ROOM),
        commands.Join(ROOM, (TARGET_LEG,)),
        commands.Join(ROOM, (IDS.media,)),
        commands.OrderAi(contract.SwitchAgent(call=CALL, spec=consultation.briefing(SPEC))),
        commands.StartTimer("consultation", 60.0),
        commands.ResumeAi(consultation.opening(None)),
    ]
    assert view_of(call, CallLog()).transfer is not None
    assert call.music


def test_what_was_given_to_be_said_is_said_first() -> None:
    call = talking()
    feed(call, inputs.TransferAsked(ASKED_FIRST, "ops", announce="Ms Gray, about her order."))
    told = [each for each in feed(call, inputs.LegEntered(TARGET_LEG)) if isinstance(each, commands.ResumeAi)]
    assert told[0].note is not None
    assert "Ms Gray, about her order." in told[0].note


def test_the_model_that_asked_is_answered_when_somebody_has_answered() -> None:
    call = talking()
    feed(call, inputs.TransferAsked(ASKED_FIRST, "agent", "t1"))
    issued = feed(call, inputs.LegEntered(TARGET_LEG))
    assert issued[-2:] == [commands.ResumeAi(None), commands.AnswerAiTool("t1", consultation.opening(None), True)]


@pytest.mark.parametrize(
    "what",
    [inputs.DigitPressed("1"), inputs.TransferDecided(True, "ops"), inputs.DecideTool("t2", accept=True)],
    ids=repr,
)
def test_the_target_accepts(what: inputs.Input) -> None:
    call = consulting()
    assert feed(call, what) == [
        commands.StopTimer("consultation"),
        commands.StopMusic(CALLER),
        commands.Join(IDS.bridge, (TARGET_LEG,)),
        commands.HangUp(IDS.media),
        commands.DestroyBridge(ROOM),
        commands.CloseAi("transferred"),
        commands.StartTimer(inbound_audio.OTHERS, inbound_audio.WITHOUT_AGENT_S),
    ]
    assert call.state is State.TRANSFERRED


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (inputs.DigitPressed("2"), Outcome.DECLINED),
        (inputs.TransferDecided(False, "ops"), Outcome.DECLINED),
        (inputs.DecideTool("t2", accept=False), Outcome.DECLINED),
        (inputs.LegGone(TARGET_LEG, 16), Outcome.DECLINED),
        (inputs.TimeUp("consultation"), Outcome.NO_ANSWER),
        (CANCEL, Outcome.CANCELLED),
    ],
    ids=repr,
)
def test_who_does_not_take_the_call_gives_the_caller_back(what: inputs.Input, outcome: Outcome) -> None:
    call = consulting()
    issued = feed(call, what)
    assert issued[:8] == [
        commands.StopTimer("transfer"),
        commands.HangUp(TARGET_LEG),
        commands.StopTimer("consultation"),
        commands.PauseAi(),
        commands.DestroyBridge(ROOM),
        commands.OrderAi(contract.SwitchAgent(call=CALL, spec=SPEC)),
        commands.StopMusic(CALLER),
        commands.Join(IDS.bridge, (IDS.media,)),
    ]
    back = issued[8]
    assert isinstance(back, commands.ResumeAi)
    assert outcome.value.replace("_", " ") in (back.note or "")
    assert call.transfer is not None
    assert (call.state, call.transfer.state, call.transfer.outcome) == (State.TALKING, "failed", outcome)


@pytest.mark.parametrize("digit", ["0", "3", "#"])
def test_other_keys_of_the_target_decide_nothing(digit: str) -> None:
    call = consulting()
    assert feed(call, inputs.DigitPressed(digit)) == []
    assert call.state is State.CONSULTING


def test_the_caller_hangs_up_meanwhile_and_so_is_the_target() -> None:
    call = consulting()
    issued = feed(call, inputs.LegGone(CALLER, 16))
    for each in (
        commands.HangUp(TARGET_LEG),
        commands.HangUp(IDS.media),
        commands.DestroyBridge(ROOM),
        commands.DestroyBridge(IDS.bridge),
    ):
        assert each in issued


def test_the_agent_is_lost_meanwhile_and_the_two_are_joined() -> None:
    call = consulting()
    assert commands.Join(IDS.bridge, (TARGET_LEG,)) in feed(call, inputs.MediaLost("reset"))
    assert (call.state, call.detail) == (State.TRANSFERRED, "reset")


def test_a_lost_agent_is_closed_before_what_may_fail() -> None:
    issued = feed(consulting(), inputs.LegGone(IDS.media))
    join = issued.index(commands.Join(IDS.bridge, (TARGET_LEG,)))
    assert [type(each) for each in issued[:join]].count(commands.CloseAi) == 1
    assert not [each for each in issued[join:] if isinstance(each, commands.CloseAi)]


def test_the_agent_is_lost_while_it_rings_and_nobody_is_asked_first() -> None:
    call = talking()
    feed(call, ASK, inputs.MediaLost("reset"))
    assert commands.Join(IDS.bridge, (TARGET_LEG,)) in feed(call, inputs.LegEntered(TARGET_LEG))
    assert call.state is State.TRANSFERRED


@pytest.mark.parametrize(
    "failed", [commands.CreateBridge(ROOM), commands.Join(ROOM, (TARGET_LEG,)), commands.Join(ROOM, (IDS.media,))]
)
def test_a_talk_that_can_not_begin_gives_the_caller_back(failed: commands.Command) -> None:
    call = consulting()
    issued = feed(call, inputs.CommandFailed(failed, "no"))
    assert commands.PauseAi() not in issued
    assert commands.Join(IDS.bridge, (IDS.media,)) in issued
    assert isinstance(issued[-1], commands.ResumeAi)


def test_a_target_that_vanishes_while_it_is_joined_gives_the_caller_back() -> None:
    call = consulting()
    feed(call, inputs.DigitPressed("1"))
    issued = feed(call, inputs.CommandFailed(commands.Join(IDS.bridge, (TARGET_LEG,)), "gone", gone=True))
    assert commands.Join(IDS.bridge, (IDS.media,)) in issued
    assert call.state is State.TALKING


def test_a_decision_that_nobody_waits_for_is_refused() -> None:
    answer = feed(talking(), inputs.DecideTool("t1", accept=True))[0]
    assert isinstance(answer, commands.AnswerAiTool)
    assert not answer.ok


def test_a_transfer_by_ops_that_fails_is_told_to_the_agent() -> None:
    call = talking()
    feed(call, inputs.TransferAsked(TARGET, "ops"))
    told = orders(feed(call, inputs.LegGone(TARGET_LEG, 17, 486)))
    assert [type(each) for each in told] == [contract.AddMessage]
    assert "busy" in repr(told)


@pytest.mark.parametrize("before", [(), (ASK,)])
def test_a_transfer_that_rings_is_cancelled(before: tuple[inputs.Input, ...]) -> None:
    call = talking()
    feed(call, *(before or (inputs.TransferAsked(TARGET, "ops"),)))
    assert commands.HangUp(TARGET_LEG) in feed(call, CANCEL)
    assert call.transfer is not None
    assert (call.state, call.transfer.outcome) == (State.TALKING, Outcome.CANCELLED)
