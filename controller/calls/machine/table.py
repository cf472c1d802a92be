"""The table of a call: by state and input, the row that says what to do and which states may follow. [pure]

`handle(call, input, now)` returns the commands to carry out, in order, and never waits for anything. Each file of
`rows/` exports ROWS (by state and type of the input) and ALWAYS (by type of the input, for all other states), which are
merged here. The attributes of a call are in `call`. States of an inbound call run down the left, those of an outbound
one down the right:

    WAITING    there is no room: music, and the
       |       place in the line
    RINGING    the caller hears ringing,        PREPARING  the AI session is being opened: nobody is
               the AI session is being opened              dialled before there is somebody to talk to
       |                                        DIALING    the callee's phone rings
       |                                        DETECTING  who has answered, if somebody wants to know
       +--------------------+---------------------+
                        CONNECTING     answered; the media leg and the worker's silence are awaited
                        TALKING        caller and agent hear each other
                        HOLDING        the caller hears music for a while, the agent is paused
                        CLOSING        the agent says its last words, then the call ends
                        TRANSFERRING   the target of a transfer rings; caller and agent go on, or the caller hears
                                       music if it was one of them who asked for it
                        CONSULTING     the target has answered and talks with the agent, the caller hears music
                        REFERRING      the caller's far end was asked (SIP REFER) to call somebody else
                        TRANSFERRED    caller and target hear each other, the agent is gone
                        FAILOVER       the agent's worker or leg is lost: another takes over, the caller hears tones
                        FALLBACK       there is no AI: what the agent's `on_ai_failure` says is tried
                        ENDING         all is being taken down
                        ENDED

A caller may be gone in the middle of any of these. An input that a state has no row for is late or does not
concern it (a leg that we hung up reports its end, a deadline passes that lost its race) and changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from controller.calls.machine import call_loops, commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.row import Row, Steps
from controller.calls.machine.rows import (
    agent_control,
    agent_tools,
    answer_detection,
    answering,
    attended_transfer,
    caller_hold,
    command_failure,
    failover,
    fallback,
    hold,
    inbound_audio,
    participants,
    refer,
    supervision,
    teardown,
    transfer,
    transferred,
    waiting,
    wrap_up,
)

Key = TypeVar("Key")


def merged(tables: Iterable[Mapping[Key, Row]]) -> dict[Key, Row]:
    """Raises ValueError for what is in two of them."""
    found: dict[Key, Row] = {}
    for table in tables:
        if twice := found.keys() & table.keys():
            raise ValueError(f"more than one row: {twice}")
        found |= table
    return found


TAKEN_FIRST: tuple[tuple[Callable[[Call, inputs.Input], object], Row], ...] = (
    (caller_hold.takes, caller_hold.ROW),
    (teardown.unexpected, teardown.ROW),
    (participants.participant_of, participants.ROW),
    (supervision.takes, supervision.ROW),
    (inbound_audio.takes, inbound_audio.ROW),
    (failover.is_look, failover.ROW),
)
"""Inputs that have the same row in every state. They are looked up here before `TABLE`: the row of the first function
that returns true is used."""

TABLE = merged(
    each.ROWS
    for each in (
        *(waiting, answering, answer_detection, agent_tools, agent_control, hold, wrap_up, transfer),
        *(attended_transfer, refer, supervision, transferred, failover, fallback, teardown),
    )
)

ALWAYS = merged(
    each.ALWAYS
    for each in (
        *(agent_tools, agent_control, wrap_up, attended_transfer, participants, supervision, failover, fallback),
        *(command_failure, teardown),
    )
)
"""The rows for states that have no row of their own for the input."""


def start(call: Call) -> list[commands.Command]:
    """The first commands. Nothing has been done for this call before them."""
    if (looped := call_loops.refusal(call.origin, call.plan.max_hops)) is not None:
        call.session_open = False
        return _carried(
            call, call.end(call.started_at, Outcome.FAILED, detail=looped, sip_reason="busy"), call.started_at
        )
    return _done(call, inputs.Started(), call.started_at)


def of_former(call: Call, queued: inputs.Queued) -> bool:
    """It is of a session that is the call's no longer: another one has been asked for."""
    return isinstance(queued, inputs.OfSession) and queued.session != call.session


def handle(call: Call, queued: inputs.Queued, now: datetime) -> list[commands.Command]:
    """Returns the commands that follow from an input, in order. Never raises for an input that comes late or twice."""
    what = queued.what if isinstance(queued, inputs.OfSession) else queued
    if of_former(call, queued):
        done = _carried(call, failover.of_former(call, what), now)
    else:
        late = call.state is State.ENDED or (isinstance(what, inputs.Tool) and not call.opened(what.tool_call))
        done = [] if late else _done(call, what, now)
    steps = [
        *transferred.after_input(call, now),
        *caller_hold.filter_commands(call, done, now),
        *inbound_audio.after_input(call),
    ]
    return _carried(call, steps, now)


def undeclared(call: Call, before: State, what: inputs.Input | inputs.Internal) -> None:
    """A row has left the call in a state that it does not declare. That is an internal error, and must end no call.

    Whoever carries the commands out logs it. In tests it is an error (`tests/conftest.py`).
    """
    call.undeclared = f"{before.value} to {call.state.value} on {type(what).__name__}"


def _done(call: Call, what: inputs.Input | inputs.Internal, now: datetime) -> list[commands.Command]:
    before, row = call.state, _row(call, what)
    if row is None and isinstance(what, inputs.Internal):  # an internal error: nobody may be kept by it
        undeclared(call, before, what)
        return _carried(call, call.end(now, Outcome.FAILED, detail=f"no row for {type(what).__name__}"), now)
    if row is None:
        return []
    steps = row.handler(call, what, now)
    if call.state is not before and call.state not in row.to:
        undeclared(call, before, what)
    return _carried(call, steps, now)


def _carried(call: Call, steps: Steps, now: datetime) -> list[commands.Command]:
    """The steps of a row, with each internal input replaced by the commands that follow from it."""
    found: list[commands.Command] = []
    for step in steps:
        found += _done(call, step, now) if isinstance(step, inputs.Internal) else [step]
    return found


def _row(call: Call, what: inputs.Input | inputs.Internal) -> Row | None:
    if not isinstance(what, inputs.Internal):
        for takes, row in TAKEN_FIRST:
            if takes(call, what):
                return row
    return TABLE.get((call.state, type(what))) or ALWAYS.get(type(what))
