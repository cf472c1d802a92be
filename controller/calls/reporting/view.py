"""Views of calls: what the API, events and records show of a call. [pure]"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bridge.contract import Counters
from controller.calls.machine.call import Call
from controller.calls.machine.plan import Participant, State, Supervision, Transfer
from controller.calls.machine.rows import caller_hold
from controller.calls.machine.types import SupervisionMode, TransferKind
from controller.calls.metadata import Metadata
from controller.calls.reporting.call_log import BargeIn, CallLog, Sound, Spread, Turn, Utterance


@dataclass(frozen=True, slots=True)
class TransferView:
    """The latest transfer of a call. `to` is what was asked for, and personal."""

    to: str = field(repr=False)
    by: str
    state: Literal["ringing", "consulting", "answered", "failed"]
    outcome: str | None
    kind: TransferKind = "blind"
    detail: str | None = None
    """Why it was not even tried."""


@dataclass(frozen=True, slots=True)
class SupervisionView:
    """The latest supervision of a call. `to`: who it is, as the config names them."""

    to: str = field(repr=False)
    by: str
    mode: SupervisionMode
    state: Literal["ringing", "on", "left", "failed"]
    outcome: str | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One that is over. `result`: as `CallView.outcome`."""

    at: datetime
    result: str
    detail: str | None
    trunk: str | None = None
    """Over which it went."""
    cause: int | None = None
    sip_status: int | None = None


@dataclass(frozen=True, slots=True)
class WaitingView:
    """Why a call waits in the queue. `reason`: one word (docs/outbound.md); `until`: when that is over, if known."""

    reason: str
    detail: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class QueueView:
    """What the queue knows of a call that we place. `number`: its place in the order of arrival."""

    number: int
    status: str
    """queued, dialling or ended."""
    priority: int
    due_at: datetime
    expires_at: datetime
    asked_by: str
    place: int | None = None
    """Of one that is due and waits for room: 1 is next, over its trunk."""
    attempts: tuple[AttemptView, ...] = ()
    waiting: WaitingView | None = None
    """None: it does not wait, or was not asked for."""


@dataclass(frozen=True, slots=True)
class ParticipantView:
    """Somebody who was dialled into the call. `to` is what was asked for, and personal."""

    leg: str
    to: str = field(repr=False)
    by: str
    state: Literal["ringing", "joined", "left", "failed"]
    outcome: str | None


@dataclass(frozen=True, slots=True)
class CallView:
    """One call as it is now. Numbers are personal."""

    id: str
    direction: Literal["inbound", "outbound"]
    state: str
    agent: str
    trunk: str | None
    caller: str | None = field(repr=False)
    callee: str | None = field(repr=False)
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    """An `Outcome`, and for calls from the queue also rejected, expired or interrupted; None until it ended."""
    ended_by: str | None
    cause: int | None
    """Q.850, where Asterisk told it."""
    detail: str | None
    transfer: TransferView | None
    turns: int = 0
    """How often the agent answered."""
    first_frame_ms: Spread | None = None
    """From the caller's end of speech to the agent's first sound."""
    cost: float = 0.0
    """US dollars so far."""
    queue: QueueView | None = None
    held_by: str | None = None
    """Who put the caller on hold, while it lasts; the agent itself is `agent`."""
    caller_hold: bool = False
    """The caller's or callee's own telephone holds the call."""
    muted: Sequence[Literal["caller", "agent"]] = ()
    """Who is not heard by the other."""
    recording: str = "off"
    """off, on or paused."""
    participants: Sequence[ParticipantView] = ()
    supervision: SupervisionView | None = None
    place: int | None = None
    """Of a caller who waits for room: 1 is next."""
    sip_status: int | None = None
    """By which a call that we placed was refused, as Asterisk told it."""
    agent_version: int | None = None
    """Which version of its agent it has; 0: a draft; None: not known, or it has none yet."""
    metadata: Metadata = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call with all that is kept of it."""

    call: CallView
    transcript: Sequence[Utterance] = field(default=(), repr=False)
    turns: Sequence[Turn] = ()
    barge_ins: Sequence[BargeIn] = ()
    recordings: Sequence[Sound] = ()
    """Those that are complete."""
    counters: Counters | None = None
    """What the worker counted, once its session is over."""


def participant_view(found: Participant) -> ParticipantView:
    return ParticipantView(found.channel, found.target.shown, found.by, found.state, found.outcome)


def transfer_view(moved: Transfer) -> TransferView:
    return TransferView(moved.target.shown, moved.by, moved.state, moved.outcome, moved.target.kind, moved.detail)


def supervision_view(found: Supervision) -> SupervisionView:
    return SupervisionView(found.target.shown, found.by, found.mode, found.state, found.outcome)


def view_of(call: Call, record: CallLog) -> CallView:
    plan, moved, watched = call.plan, call.transfer, call.supervision
    return CallView(
        id=plan.call,
        direction=plan.direction,
        state=call.state.value,
        agent=plan.agent.name,
        trunk=plan.trunk,
        caller=plan.caller,
        callee=plan.callee,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        outcome=call.outcome,
        ended_by=call.ended_by,
        cause=call.cause,
        detail=call.detail,
        transfer=transfer_view(moved) if moved else None,
        turns=record.turn_count,
        first_frame_ms=record.first_frame(),
        cost=record.cost,
        held_by=call.held_by if call.state is State.HOLDING else None,
        caller_hold=caller_hold.shown(call),
        muted=tuple(sorted(call.muted)) if call.with_agent else (),
        recording=call.recording if call.with_agent else "off",
        participants=tuple(map(participant_view, call.participants.values())),
        supervision=supervision_view(watched) if watched else None,
        place=call.place if call.state is State.WAITING else None,
        sip_status=call.sip_status,
        agent_version=plan.agent.version,
        metadata=dict(call.metadata),
    )


def detail_of(call: Call, record: CallLog) -> CallDetail:
    return CallDetail(
        view_of(call, record),
        tuple(record.transcript),
        tuple(record.turns),
        tuple(record.barge_ins),
        tuple(record.recordings),
        call.counters,
    )
