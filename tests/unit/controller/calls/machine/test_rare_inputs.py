"""Inputs that hardly ever come in a state, or that do not concern it."""

from collections.abc import Callable

import pytest

from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.daily_caps import inputs_of
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from tests.unit.controller.calls.machine.rows.test_agent_control import PARTY
from tests.unit.controller.calls.machine.rows.test_attended_transfer import ASK, REFERRED
from tests.unit.controller.calls.machine.rows.test_command_failure import (
    CALLEE_IN,
    HUMAN_IN,
    INVITE,
    LOST,
    MEDIA,
    PARTY_IN,
    READY,
    SUPERVISOR_IN,
    TALKING,
    TRANSFER,
    inbound,
    outbound,
)
from tests.unit.controller.calls.machine.rows.test_supervision import SUPERVISOR, supervise
from tests.unit.controller.calls.machine.test_table import IDS, feed

Story = tuple[inputs.Input, ...]
LENGTH, HOLD = inputs.TimeUp("length"), inputs.HoldAsked("ops")


def after(begin: Callable[[], Call], story: Story) -> Call:
    call = begin()
    table.start(call)
    feed(call, *story)
    return call


@pytest.mark.parametrize(
    ("begin", "story", "what"),
    [
        (outbound, (READY,), MEDIA),
        (outbound, (READY,), inputs.LegGone(IDS.media)),
        (outbound, (READY, CALLEE_IN), MEDIA),
        (outbound, (READY, CALLEE_IN), inputs.TimeUp("media")),
        (inbound, (*TALKING, TRANSFER), MEDIA),
        (inbound, (*TALKING, inputs.CallerAudio(False)), inputs.CallerAudio(False)),
        (inbound, (*TALKING, LOST, inputs.TimeUp("length")), inputs.TimeUp("transfer")),
        (inbound, (*TALKING, inputs.MediaLost("reset")), READY),
        (inbound, (*TALKING, HOLD, LOST), inputs.TimeUp("hold")),
        (inbound, (*TALKING, TRANSFER, LOST), inputs.SwitchAsked(inbound().plan, "ops")),
        (inbound, (READY,), inputs.TimeUp("transfer")),
    ],
)
def test_nothing_is_done(begin: Callable[[], Call], story: Story, what: inputs.Input) -> None:
    call = after(begin, story)
    state = call.state
    assert (feed(call, what), call.state) == ([], state)


def test_who_has_joined_does_not_join_again() -> None:
    call = after(inbound, (*TALKING, INVITE, PARTY_IN))
    assert not any(isinstance(each, commands.Join) for each in feed(call, PARTY_IN))


def test_nobody_is_dialled_if_the_ai_does_not_get_ready() -> None:
    call = after(outbound, (inputs.TimeUp("prepare"),))
    assert (call.outcome, call.detail) == (Outcome.FAILED, "the AI session did not get ready in time")


@pytest.mark.parametrize("story", [(READY,), (*TALKING, ASK, HUMAN_IN)])
def test_a_call_that_is_too_long_before_they_talk_again_ends_then(story: Story) -> None:
    call = after(inbound, (*story, LENGTH))
    assert call.wrap_up_due == "max_call_s"


def test_a_caller_is_not_sent_away_by_refer_from_others() -> None:
    call = after(inbound, (*TALKING, INVITE, PARTY_IN))
    issued = feed(call, inputs.TransferAsked(REFERRED, "agent", "t1"))
    assert [each.ok for each in issued if isinstance(each, commands.AnswerAiTool)] == [False]
    assert call.state is State.TALKING


def test_others_who_came_while_a_worker_was_looked_for_stay_with_the_caller() -> None:
    call = after(inbound, (*TALKING, INVITE, LOST, PARTY_IN, inputs.TimeUp("failover")))
    assert call.state is State.TRANSFERRED
    assert call.other_parties == {PARTY}


def test_a_supervisor_who_answers_while_a_worker_is_looked_for_is_sent_away() -> None:
    call = after(inbound, (*TALKING, supervise("listen"), LOST))
    assert commands.HangUp(SUPERVISOR) in feed(call, SUPERVISOR_IN)
    assert call.supervision is not None
    assert call.supervision.outcome is Outcome.CANCELLED


def test_a_cap_of_a_trunk_concerns_nobody_whose_leg_only_rings() -> None:
    call = after(inbound, (*TALKING, TRANSFER))
    assert inputs_of(call, {IDS.target(1): "main"}, lambda _: "trunks.<name>.minutes_per_day") == []
