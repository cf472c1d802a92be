"""What changed in a call from one input to the next, as lifecycle events. [pure]

Owns the comparison of the call's state before and after an input, so that no row of the call's table has to report
anything: state, answer, transfer, participants, supervision, and what operators control.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from controller.calls.machine.call import Call
from controller.calls.machine.plan import Supervision
from controller.calls.machine.rows import caller_hold
from controller.calls.metadata import Metadata
from controller.calls.reporting.lifecycle import (
    CallAnswered,
    ControlChanged,
    LegRejoined,
    LifecycleEvent,
    MetadataChanged,
    ParticipantMoved,
    StateChanged,
    SupervisionMoved,
    TransferMoved,
)


@dataclass(frozen=True, slots=True)
class ObservedState:
    """The parts of a call that are compared. A transfer is known by its number; its state changes."""

    state: str
    answered: bool
    attempt: int
    transfer: str | None
    participants: Mapping[str, str]
    supervision: SupervisionMoved | None
    control: ControlChanged
    rejoined: int
    metadata: Metadata


def observed(call: Call) -> ObservedState:
    moved, watched = call.transfer, call.supervision
    return ObservedState(
        call.state.value,
        call.answered_at is not None,
        call.transfers,
        moved.state if moved else None,
        {leg: each.state for leg, each in call.participants.items()},
        _supervision(call, watched) if watched else None,
        _control(call),
        call.inbound_audio.rejoined,
        call.metadata,
    )


def _supervision(call: Call, now: Supervision) -> SupervisionMoved:
    outcome = now.outcome.value if now.outcome else None
    return SupervisionMoved(call.plan.call, now.state, now.mode, call.supervisions, now.target.shown, now.by, outcome)


def _control(call: Call) -> ControlChanged:
    muted = tuple(sorted(call.muted))
    held, agent = caller_hold.shown(call), call.plan.agent
    return ControlChanged(call.plan.call, agent.name, call.held_by, muted, call.recording, held, agent.version)


def changes(call: Call, before: ObservedState) -> list[LifecycleEvent]:
    """In this order: the answer, the transfer, participants, control, metadata, sound, the state."""
    now, id_ = observed(call), call.plan.call
    found: list[LifecycleEvent] = []
    if call.answered_at is not None and not before.answered:
        found.append(CallAnswered(id_, call.plan.direction, (call.answered_at - call.started_at).total_seconds()))
    moved = call.transfer
    if moved is not None and (now.attempt, now.transfer) != (before.attempt, before.transfer):
        outcome = moved.outcome.value if moved.outcome else None
        found.append(
            TransferMoved(id_, now.attempt, moved.state, moved.target.shown, moved.by, outcome, moved.target.kind)
        )
    for leg, each in call.participants.items():
        if each.state != before.participants.get(leg):
            outcome = each.outcome.value if each.outcome else None
            found.append(ParticipantMoved(id_, leg, each.state, each.target.shown, each.by, outcome))
    if now.supervision is not None and now.supervision != before.supervision:
        found.append(now.supervision)
    if now.control != before.control:
        found.append(now.control)
    if now.metadata != before.metadata:
        found.append(MetadataChanged(id_, now.metadata))
    if now.rejoined != before.rejoined:
        found.append(LegRejoined(id_, now.rejoined))
    if now.state != before.state:
        found.append(StateChanged(id_, now.state, before.state))
    return found
