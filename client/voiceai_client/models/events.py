"""Events of calls, as streams and webhooks tell them. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from voiceai_client.decoding import Model
from voiceai_client.models.event_data import (
    Adopted,
    AiWarning,
    Answered,
    BargeIn,
    Control,
    Ended,
    Instructed,
    MetadataChange,
    Participant,
    Queued,
    Reconnected,
    Recorded,
    Ringing,
    Said,
    Settled,
    Started,
    StateChange,
    Supervision,
    Tool,
    Transfer,
    Turn,
    Used,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Event(Model):
    """What all events have, besides `type` and `data`."""

    id: str
    """Unique; the same in every delivery of this event, and in `webhook-id`."""
    timestamp: datetime
    """When it happened."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallQueued(Event):
    """A call enters the outbound queue, for the first time or for another attempt."""

    type: Literal["call.queued"] = "call.queued"
    data: Queued


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallStarted(Event):
    """A call starts: a caller has arrived, or a callee is about to be dialed."""

    type: Literal["call.started"] = "call.started"
    data: Started


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallAdopted(Event):
    """A restarted controller has taken over the call. `number` starts again at 1."""

    type: Literal["call.adopted"] = "call.adopted"
    data: Adopted


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallRinging(Event):
    """The caller hears ringing, or the callee's phone rings."""

    type: Literal["call.ringing"] = "call.ringing"
    data: Ringing


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallAnswered(Event):
    """The call was answered, by voiceai or by the callee."""

    type: Literal["call.answered"] = "call.answered"
    data: Answered


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallState(Event):
    """The state of the call has changed."""

    type: Literal["call.state"] = "call.state"
    data: StateChange


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallSaid(Event):
    """Somebody has finished an utterance."""

    type: Literal["call.said"] = "call.said"
    data: Said


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallTurn(Event):
    """The agent has answered; with the response times."""

    type: Literal["call.turn"] = "call.turn"
    data: Turn


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallBargeIn(Event):
    """The caller has interrupted the agent."""

    type: Literal["call.barge_in"] = "call.barge_in"
    data: BargeIn


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallTool(Event):
    """The agent has called a tool, or got its answer."""

    type: Literal["call.tool"] = "call.tool"
    data: Tool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallTransfer(Event):
    """A transfer has started or changed."""

    type: Literal["call.transfer"] = "call.transfer"
    data: Transfer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallParticipant(Event):
    """A participant is dialed, has joined, has left, or could not be reached."""

    type: Literal["call.participant"] = "call.participant"
    data: Participant


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallSupervision(Event):
    """A supervisor is dialed, has joined, has changed the mode, or has left."""

    type: Literal["call.supervision"] = "call.supervision"
    data: Supervision


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallInstructed(Event):
    """An operator has instructed the agent, or has given the call to another agent."""

    type: Literal["call.instructed"] = "call.instructed"
    data: Instructed


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallControl(Event):
    """Agent, hold, mute or recording has changed. The event has all present values."""

    type: Literal["call.control"] = "call.control"
    data: Control


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallMetadata(Event):
    """The metadata of the call was changed (`PATCH /v1/calls/{id}`). `metadata` has all present values."""

    type: Literal["call.metadata"] = "call.metadata"
    data: MetadataChange


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallReconnected(Event):
    """The connection to the AI provider was lost, or renewed as planned, and works again."""

    type: Literal["call.reconnected"] = "call.reconnected"
    data: Reconnected


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallAiWarning(Event):
    """An error at the AI provider that does not end the call."""

    type: Literal["call.ai_warning"] = "call.ai_warning"
    data: AiWarning


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallUsed(Event):
    """A response or a transcription was billed."""

    type: Literal["call.used"] = "call.used"
    data: Used


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallRecorded(Event):
    """The recording is complete."""

    type: Literal["call.recorded"] = "call.recorded"
    data: Recorded


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallEnded(Event):
    """The call is over; for a call from the queue, this attempt is over."""

    type: Literal["call.ended"] = "call.ended"
    data: Ended


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallSettled(Event):
    """A call from the queue has its final result. This is its last event."""

    type: Literal["call.settled"] = "call.settled"
    data: Settled


CallEvent = (
    CallQueued
    | CallStarted
    | CallAdopted
    | CallRinging
    | CallAnswered
    | CallState
    | CallSaid
    | CallTurn
    | CallBargeIn
    | CallTool
    | CallTransfer
    | CallParticipant
    | CallSupervision
    | CallInstructed
    | CallControl
    | CallMetadata
    | CallReconnected
    | CallAiWarning
    | CallUsed
    | CallRecorded
    | CallEnded
    | CallSettled
)

EVENTS: Mapping[str, type[CallEvent]] = {
    "call.queued": CallQueued,
    "call.started": CallStarted,
    "call.adopted": CallAdopted,
    "call.ringing": CallRinging,
    "call.answered": CallAnswered,
    "call.state": CallState,
    "call.said": CallSaid,
    "call.turn": CallTurn,
    "call.barge_in": CallBargeIn,
    "call.tool": CallTool,
    "call.transfer": CallTransfer,
    "call.participant": CallParticipant,
    "call.supervision": CallSupervision,
    "call.instructed": CallInstructed,
    "call.control": CallControl,
    "call.metadata": CallMetadata,
    "call.reconnected": CallReconnected,
    "call.ai_warning": CallAiWarning,
    "call.used": CallUsed,
    "call.recorded": CallRecorded,
    "call.ended": CallEnded,
    "call.settled": CallSettled,
}
"""By type."""
