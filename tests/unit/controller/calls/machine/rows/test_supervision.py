"""A supervisor who listens, whispers or takes over: row by row."""

import pytest

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.rows import inbound_audio
from controller.calls.machine.types import SupervisionMode
from tests.unit.controller.calls.machine.rows.test_attended_transfer import TARGET_LEG
from tests.unit.controller.calls.machine.test_table import CALLER, IDS, TARGET, feed, talking

SUPERVISOR = IDS.supervisor(1)
ROUND = IDS.supervision


def supervise(mode: SupervisionMode) -> inputs.SuperviseAsked:
    return inputs.SuperviseAsked(SUPERVISOR, TARGET, mode, "ops")


def transferred() -> Call:
    call = talking()
    feed(call, inputs.TransferAsked(TARGET, "ops"), inputs.LegEntered(TARGET_LEG))
    assert call.state is State.TRANSFERRED
    return call


def test_a_supervisor_hears_the_call_through_a_snoop() -> None:
    call = talking()
    feed(call, supervise("listen"))
    issued = feed(call, inputs.LegEntered(SUPERVISOR))
    snoop = IDS.snoop(1)
    assert issued[1:] == [
        commands.CreateBridge(ROUND),
        commands.Join(ROUND, (SUPERVISOR,)),
        commands.Snoop(CALLER, snoop, whisper=False),
    ]
    assert feed(call, inputs.LegEntered(snoop)) == [commands.Join(ROUND, (snoop,))]
    assert call.state is State.TALKING


def test_a_supervisor_whispers_to_the_colleague() -> None:
    call = transferred()
    issued = feed(call, supervise("whisper"), inputs.LegEntered(SUPERVISOR))
    assert issued[-1] == commands.Snoop(TARGET_LEG, IDS.snoop(1), whisper=True)


def test_without_a_colleague_there_is_nobody_to_whisper_to() -> None:
    call = talking()
    assert feed(call, supervise("whisper"), inputs.LegEntered(SUPERVISOR))[-1] == commands.Snoop(
        CALLER, IDS.snoop(1), whisper=False
    )
    assert call.supervision is not None
    assert call.supervision.mode == "listen"


def test_a_supervisor_takes_over_and_the_agent_leaves_when_they_are_in() -> None:
    call = talking()
    issued = feed(call, supervise("take_over"), inputs.LegEntered(SUPERVISOR))
    assert issued == [
        commands.StopTimer("supervisor"),
        commands.Join(IDS.bridge, (SUPERVISOR,), IDS.media),
        commands.ConfirmJoin(SUPERVISOR),
        commands.StartTimer(inbound_audio.OTHERS, inbound_audio.WITH_AGENT_S),
    ]
    assert commands.HangUp(IDS.media) in feed(call, inputs.LegJoined(SUPERVISOR))
    assert call.state is State.TRANSFERRED
    assert commands.HangUp(CALLER) in feed(call, inputs.LegGone(SUPERVISOR, 16))
    assert call.ended_by == "supervisor"


def test_a_supervisor_who_vanishes_while_taking_over_leaves_the_agent() -> None:
    call = talking()
    feed(call, supervise("take_over"), inputs.LegEntered(SUPERVISOR))
    feed(call, inputs.CommandFailed(commands.Join(IDS.bridge, (SUPERVISOR,), IDS.media), "gone", gone=True))
    assert (call.state, call.other_parties) == (State.TALKING, set())


def test_the_mode_is_changed_meanwhile() -> None:
    call = talking()
    feed(call, supervise("listen"), inputs.LegEntered(SUPERVISOR), inputs.LegEntered(IDS.snoop(1)))
    issued = feed(call, inputs.SupervisionChanged("take_over", "ops"))
    assert commands.Join(IDS.bridge, (SUPERVISOR,), IDS.media) in issued
    assert commands.HangUp(IDS.snoop(1)) in issued
    feed(call, inputs.LegJoined(SUPERVISOR))
    assert feed(call, inputs.SupervisionChanged("listen", "ops")) == [], "the caller would be alone"


def test_the_colleague_leaves_and_whispering_becomes_listening() -> None:
    call = transferred()
    feed(
        call, inputs.ParticipantAsked(IDS.participant("one"), TARGET, "ops"), inputs.LegEntered(IDS.participant("one"))
    )
    feed(call, supervise("whisper"), inputs.LegEntered(SUPERVISOR), inputs.LegEntered(IDS.snoop(1)))
    assert feed(call, inputs.LegGone(IDS.snoop(1)))[-1] == commands.Snoop(CALLER, IDS.snoop(2), whisper=False)


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (inputs.LegGone(SUPERVISOR, 17, 486), Outcome.BUSY),
        (inputs.TimeUp("supervisor"), Outcome.NO_ANSWER),
        (inputs.SupervisionEnded("ops"), Outcome.CANCELLED),
        (inputs.CommandFailed(commands.Dial(SUPERVISOR, TARGET, {}), "no"), Outcome.FAILED),
    ],
    ids=repr,
)
def test_a_supervisor_who_does_not_come_changes_nothing(what: inputs.Input, outcome: Outcome) -> None:
    call = talking()
    feed(call, supervise("take_over"), what)
    assert call.supervision is not None
    assert (call.state, call.supervision.state, call.supervision.outcome) == (State.TALKING, "failed", outcome)
