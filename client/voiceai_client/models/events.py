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
    """The call waits to be placed: for the first time, or for another attempt."""

    type: Literal["call.queued"] = "call.queued"
    data: Queued


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallStarted(Event):
    """A call began: a caller arrived, or one is about to be dialled."""

    type: Literal["call.started"] = "call.started"
    data: Started


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallAdopted(Event):
    """The controller was killed or restarted while the call went on, and the next one has taken it over. From here on
    `number` counts anew."""

    type: Literal["call.adopted"] = "call.adopted"
    data: Adopted


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallRinging(Event):
    """The caller hears ringing, or the callee's telephone rings."""

    type: Literal["call.ringing"] = "call.ringing"
    data: Ringing


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallAnswered(Event):
    """The call was answered: by us, or by who was called."""

    type: Literal["call.answered"] = "call.answered"
    data: Answered


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallState(Event):
    """The call went from one state to another."""

    type: Literal["call.state"] = "call.state"
    data: StateChange


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallSaid(Event):
    """Somebody has finished saying something."""

    type: Literal["call.said"] = "call.said"
    data: Said


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallTurn(Event):
    """The agent has answered the caller; how fast."""

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
    """A transfer has begun, or gone on."""

    type: Literal["call.transfer"] = "call.transfer"
    data: Transfer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallParticipant(Event):
    """Somebody is dialled into the call, has joined, left, or did not come."""

    type: Literal["call.participant"] = "call.participant"
    data: Participant


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallSupervision(Event):
    """A supervisor is dialled, listens, hears the call in another way, or has left."""

    type: Literal["call.supervision"] = "call.supervision"
    data: Supervision


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallInstructed(Event):
    """An operator has told the agent something, or has given the call to another agent."""

    type: Literal["call.instructed"] = "call.instructed"
    data: Instructed


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallControl(Event):
    """Another agent speaks, somebody is on hold or muted, the recording goes or rests: all of it as it is now."""

    type: Literal["call.control"] = "call.control"
    data: Control


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallMetadata(Event):
    """Somebody has changed the metadata of the call (`PATCH /v1/calls/{id}`): `metadata` is all of it as it is now."""

    type: Literal["call.metadata"] = "call.metadata"
    data: MetadataChange


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallReconnected(Event):
    """The line to the AI broke, or was renewed, and is back."""

    type: Literal["call.reconnected"] = "call.reconnected"
    data: Reconnected


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallAiWarning(Event):
    """Something went wrong at the AI's side, and the call goes on."""

    type: Literal["call.ai_warning"] = "call.ai_warning"
    data: AiWarning


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallUsed(Event):
    """A response or a transcription was paid for."""

    type: Literal["call.used"] = "call.used"
    data: Used


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallRecorded(Event):
    """The recording is complete."""

    type: Literal["call.recorded"] = "call.recorded"
    data: Recorded


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallEnded(Event):
    """The call is over, or, if it came from the queue, this attempt of it."""

    type: Literal["call.ended"] = "call.ended"
    data: Ended


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallSettled(Event):
    """The queue is done with the call: nothing comes after it."""

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
