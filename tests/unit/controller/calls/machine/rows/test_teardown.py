"""Who has ended a call, and by which cause, as Asterisk tells it before, with and after the end of the leg."""

import json
from datetime import timedelta

import pytest

from bridge.contract import Counters
from controller.ari import events
from controller.calls.machine import inputs, table
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.runtime.asterisk_events import input_of
from tests.unit.controller.calls.machine.test_table import CALLER, IDS, NOW, feed, inbound, talking, transferring

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
