"""Who has ended a call, and by which cause, as Asterisk tells it before, with and after the end of the leg."""

import json
from datetime import timedelta

import pytest

from bridge.contract import Counters
from controller.ari import events
from controller.calls.machine import inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.rows import teardown
from controller.calls.runtime.asterisk_events import input_of
from tests.unit.controller.calls.machine.test_table import (
    CALLER,
    IDS,
    NOW,
    OVER,
    TARGET,
    feed,
    inbound,
    outbound,
    talking,
    transferring,
)

TALKING = (inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing())
LEFT = inputs.LegGone(CALLER, in_dialplan=True)


@pytest.mark.parametrize(
    ("told", "by", "cause"),
    [
        ([inputs.LegHungUp(CALLER, 16), LEFT, inputs.LegGone(CALLER, 16)], "caller", 16),
        ([inputs.LegHungUp(CALLER, 16), LEFT], "caller", 16),  # the leg could not be watched
        ([LEFT, inputs.LegGone(CALLER, 18)], "caller", 18),
        ([inputs.LegHungUp(CALLER, soft=True), LEFT, inputs.LegGone(CALLER, 44)], "asterisk", 44),
        ([inputs.LegHungUp(CALLER, soft=True), LEFT], "asterisk", None),
        ([inputs.LegHungUp(IDS.media, soft=True), LEFT, inputs.LegGone(CALLER, 16)], "caller", 16),
        ([LEFT], "caller", None),
        ([inputs.LegHungUp(CALLER), LEFT, inputs.LegGone(CALLER, 0)], "caller", 16),  # a BYE without a reason
        ([inputs.LegHungUp(CALLER, 18), LEFT, inputs.LegGone(CALLER, 18, 408)], "asterisk", 18),  # the session timer
        ([inputs.LegHungUp(CALLER, 31), LEFT, inputs.LegGone(CALLER, 31, 480)], "caller", 31),
    ],
)
def test_the_end_of_a_callers_leg_says_who_and_why(told: list[inputs.Input], by: str, cause: int | None) -> None:
    call = talking()
    for what in told:
        table.handle(call, what, NOW + timedelta(seconds=60))
    assert call.state is State.ENDING
    assert (call.outcome, call.ended_by, call.cause) == (Outcome.ANSWERED, by, cause)
    assert ("rtp_timeout" in (call.detail or "")) is (cause == 44)
    assert ("session timer" in (call.detail or "")) is (by == "asterisk" and cause == 18)


def test_a_caller_who_hangs_up_after_a_transfer_ends_it_normally() -> None:
    """Nothing is left to wait for: the call is over before Asterisk tells the cause."""
    call = transferring()
    feed(call, inputs.LegEntered(IDS.target(1)), inputs.SessionOver("transferred", Counters()))
    assert call.state is State.TRANSFERRED
    feed(call, inputs.LegHungUp(CALLER), LEFT)
    assert (call.ended_by, call.cause) == ("caller", 16)


def test_a_cause_of_the_session_timer_before_any_session_can_expire_is_the_callers_reason() -> None:
    call = talking()
    feed(call, inputs.LegHungUp(CALLER, 18), LEFT, inputs.LegGone(CALLER, 18, 408))
    assert (call.ended_by, call.cause, call.detail) == ("caller", 18, None)


@pytest.mark.parametrize(("cause", "told"), [(127, 16), (31, 31)])
def test_a_caller_who_gives_up_while_it_rings_ends_it_normally_unless_they_say_otherwise(cause: int, told: int) -> None:
    call = inbound()
    table.start(call)
    feed(call, inputs.LegHungUp(CALLER, cause), LEFT, inputs.LegGone(CALLER, cause, 487))
    assert (call.outcome, call.ended_by, call.cause) == (Outcome.CANCELLED, "caller", told)


def test_a_hang_up_of_ours_stays_ours() -> None:
    call = talking()
    feed(call, inputs.HangUpAsked("ops"), inputs.LegHungUp(CALLER, soft=True), LEFT, inputs.LegGone(CALLER, 16))
    assert (call.ended_by, call.cause) == ("ops", 16)


def test_the_cause_of_a_soft_hang_up_is_none_of_q850() -> None:
    told = {"type": "ChannelHangupRequest", "timestamp": "2026-11-23T02:44:16.061+0000", "cause": 32, "soft": True}
    channel = {
        **{"id": "k1", "name": "PJSIP/trunk-1", "state": "Up", "creationtime": "2026-11-23T02:44:15.597+0000"},
        **{"caller": {"name": "", "number": ""}, "connected": {"name": "", "number": ""}, "accountcode": ""},
        **{"dialplan": {"context": "c", "exten": "s", "priority": 1}, "language": "en", "protocol_id": ""},
    }
    event = events.parse(json.dumps({**told, "channel": channel, "application": "voiceai"}))
    assert input_of(event) == ("k1", inputs.LegHungUp("k1", soft=True))


ENDED = inputs.AsteriskEnded(NOW)
WITH_ASTERISK = (Outcome.FAILED, "asterisk", teardown.ASTERISK_ENDED)


def said(call: Call) -> tuple[Outcome | None, str | None, str | None]:
    return call.outcome, call.ended_by, call.detail


@pytest.mark.parametrize(
    "story",
    [
        (),
        (inputs.AiReady(),),
        TALKING,
        (*TALKING, inputs.HoldAsked("ops")),
        (*TALKING, inputs.TransferAsked(TARGET, "ops")),
        (*TALKING, inputs.TransferAsked(TARGET, "ops"), inputs.LegEntered(IDS.target(1))),
        (*TALKING, inputs.MediaLost("reset")),
    ],
)
def test_every_call_ends_with_asterisk(story: tuple[inputs.Input, ...]) -> None:
    for begin in (inbound, outbound):
        call = begin()
        table.start(call)
        feed(call, *story, ENDED)
        assert call.state in (State.ENDING, State.ENDED)
        assert said(call) == WITH_ASTERISK
        assert feed(call, ENDED, OVER, ENDED) == [], "once"
        assert said(call) == WITH_ASTERISK


def test_what_failed_because_asterisk_was_gone_is_told_so_and_other_ends_stay() -> None:
    for what, after in (
        (inputs.AiFailed("account", "no quota"), WITH_ASTERISK),
        (inputs.HangUpAsked("ops"), (Outcome.ANSWERED, "ops", None)),
    ):
        call = talking()
        feed(call, what, ENDED)
        assert said(call) == after
    call = talking()
    feed(call, inputs.AiFailed("account", "no quota"))
    before = said(call)
    feed(call, inputs.AsteriskEnded(NOW + timedelta(seconds=2)))
    assert said(call) == before, "it had ended before"


@pytest.mark.parametrize(
    ("story", "up"),
    [
        ((), False),
        ((inputs.AiReady(),), False),
        ((inputs.AiReady(), inputs.MediaFlowing()), True),
        (TALKING, True),
        ((*TALKING, inputs.HoldAsked("ops")), True),
        ((*TALKING, inputs.TransferAsked(TARGET, "ops")), True),
        ((*TALKING, inputs.TransferAsked(TARGET, "ops"), inputs.MediaLost("reset")), False),
        ((*TALKING, inputs.TransferAsked(TARGET, "ops"), inputs.LegEntered(IDS.target(1))), False),
        ((*TALKING, inputs.MediaLost("reset")), False),
        ((*TALKING, inputs.MediaLost("reset"), OVER, inputs.AiReady()), False),
        ((*TALKING, inputs.MediaLost("reset"), OVER, inputs.AiReady(), inputs.MediaFlowing()), True),
        ((*TALKING, inputs.HangUpAsked("ops")), False),
    ],
)
def test_whether_a_worker_has_the_media_leg(story: tuple[inputs.Input, ...], up: bool) -> None:
    call = inbound()
    table.start(call)
    feed(call, *story)
    assert call.media_up is up
