"""The events of calls, as receivers see them: one model per type. [pure]

Owns the names of the types, their fields, and which of these are personal (`x-personal` in the schema): a receiver that
may not see those gets null in their place. The envelope (`type`, `timestamp`, `data`) is that of Standard Webhooks
(github.com/standard-webhooks/standard-webhooks). Fields are only ever added: receivers ignore what they don't know.
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, TypeAdapter

from controller.config.models import event_filters
from controller.events.data import (
    Adopted as Adopted,
    AiWarning as AiWarning,
    Answered as Answered,
    BargeIn as BargeIn,
    Control as Control,
    Data as Data,
    Direction as Direction,
    Durations as Durations,
    Ended as Ended,
    FirstFrame as FirstFrame,
    Moment as Moment,
    Part,
    Participant as Participant,
    Queued as Queued,
    Reconnected as Reconnected,
    Recorded as Recorded,
    Ringing as Ringing,
    Said as Said,
    Settled as Settled,
    Started as Started,
    StateChange as StateChange,
    Tool as Tool,
    Transfer as Transfer,
    Turn as Turn,
    Used as Used,
    rfc3339 as rfc3339,
)


class Event(Part):
    id: str
    """Unique; the same in every delivery of this event, and in `webhook-id`."""
    type: str
    timestamp: Moment
    """When it happened."""
    data: Data

    def bare(self) -> Self:
        """Without what is personal."""
        return self.model_copy(update={"data": self.data.bare()})

    def wordless(self) -> Self:
        """Without what somebody has said."""
        return self.model_copy(update={"data": self.data.wordless()})


class CallQueued(Event):
    """The call waits to be placed: for the first time, or for another attempt."""

    type: Literal["call.queued"] = "call.queued"
    data: Queued


class CallStarted(Event):
    """A call began: a caller arrived, or one is about to be dialled."""

    type: Literal["call.started"] = "call.started"
    data: Started


class CallAdopted(Event):
    """The controller was killed or restarted while the call went on, and the next one has taken it over. From here on
    `number` counts anew."""

    type: Literal["call.adopted"] = "call.adopted"
    data: Adopted


class CallRinging(Event):
    """The caller hears ringing, or the callee's telephone rings."""

    type: Literal["call.ringing"] = "call.ringing"
    data: Ringing


class CallAnswered(Event):
    """The call was answered: by us, or by who was called."""

    type: Literal["call.answered"] = "call.answered"
    data: Answered


class CallState(Event):
    """The call went from one state to another."""

    type: Literal["call.state"] = "call.state"
    data: StateChange


class CallSaid(Event):
    """Somebody has finished saying something."""

    type: Literal["call.said"] = "call.said"
    data: Said


class CallTurn(Event):
    """The agent has answered the caller; how fast."""

    type: Literal["call.turn"] = "call.turn"
    data: Turn


class CallBargeIn(Event):
    """The caller has interrupted the agent."""

    type: Literal["call.barge_in"] = "call.barge_in"
    data: BargeIn


class CallTool(Event):
    """The agent has called a tool, or got its answer."""

    type: Literal["call.tool"] = "call.tool"
    data: Tool


class CallTransfer(Event):
    """A transfer has begun, or gone on."""

    type: Literal["call.transfer"] = "call.transfer"
    data: Transfer


class CallParticipant(Event):
    """Somebody is dialled into the call, has joined, left, or did not come."""

    type: Literal["call.participant"] = "call.participant"
    data: Participant


class CallControl(Event):
    """Another agent speaks, somebody is on hold or muted, the recording goes or rests: all of it as it is now."""

    type: Literal["call.control"] = "call.control"
    data: Control


class CallReconnected(Event):
    """The line to the AI broke, or was renewed, and is back."""

    type: Literal["call.reconnected"] = "call.reconnected"
    data: Reconnected


class CallAiWarning(Event):
    """Something went wrong at the AI's side, and the call goes on."""

    type: Literal["call.ai_warning"] = "call.ai_warning"
    data: AiWarning


class CallUsed(Event):
    """A response or a transcription was paid for."""

    type: Literal["call.used"] = "call.used"
    data: Used


class CallRecorded(Event):
    """The recording is complete."""

    type: Literal["call.recorded"] = "call.recorded"
    data: Recorded


class CallEnded(Event):
    """The call is over, or, if it came from the queue, this attempt of it."""

    type: Literal["call.ended"] = "call.ended"
    data: Ended


class CallSettled(Event):
    """The queue is done with the call: nothing comes after it."""

    type: Literal["call.settled"] = "call.settled"
    data: Settled


AnyEvent = Annotated[
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
    | CallControl
    | CallReconnected
    | CallAiWarning
    | CallUsed
    | CallRecorded
    | CallEnded
    | CallSettled,
    Field(discriminator="type"),
]

KINDS: tuple[type[Event], ...] = get_args(get_args(AnyEvent)[0])
TYPES: tuple[str, ...] = tuple(kind.model_fields["type"].default for kind in KINDS)
assert TYPES == event_filters.TYPES, "each event that the config may name has its model here, in the same order"
"""Every type of event there is, in the order in which a call could show them."""

adapter: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
"""For those who receive: `adapter.validate_json(body)`."""
