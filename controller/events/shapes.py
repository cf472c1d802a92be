"""The events of calls, as receivers see them: one model per type. [pure]

Owns the names of the types, their fields, and which of these are personal (`x-personal` in the schema): a receiver that
may not see those gets null in their place. The envelope (`type`, `timestamp`, `data`) is that of Standard Webhooks
(github.com/standard-webhooks/standard-webhooks). Fields are only ever added: receivers ignore what they don't know.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter, WithJsonSchema

Direction = Literal["inbound", "outbound"]


def rfc3339(moment: datetime) -> str:
    """UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


def _personal(text: str) -> str | None:
    """The default of a field that is personal: null, as for receivers that may not see it."""
    return Field(default=None, repr=False, description=text, json_schema_extra={"x-personal": True})


class Data(_Part):
    call: str
    """The call's id, as in /v1/calls/{id}."""
    attempt: int
    """To call somebody, from 1: a call that was not answered may be tried again. Always 1 for an inbound call."""
    number: int
    """Which event of this attempt it is, from 1, without holes: what is missing or doubled shows here. 0 where the
    queue tells of the call between its attempts."""

    @classmethod
    def personal(cls) -> frozenset[str]:
        """The names of the fields that not every receiver may see."""
        return frozenset(
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("x-personal")
        )

    def bare(self) -> Self:
        """Without what is personal."""
        hidden = self.personal()
        return self.model_copy(update=dict.fromkeys(hidden)) if hidden else self


class Queued(Data):
    agent: str
    trunk: str
    caller: str | None = _personal("The caller id that is to be shown.")
    callee: str | None = _personal("The number to be called.")
    due_at: Moment
    """Not before."""
    expires_at: Moment


class Settled(Data):
    agent: str
    trunk: str
    caller: str | None = _personal("The caller id that was to be shown.")
    callee: str | None = _personal("The number to be called.")
    outcome: str
    """Of the last attempt: answered, machine, busy, …; or rejected, expired, cancelled, interrupted, without one."""
    detail: str | None


class Started(Data):
    direction: Direction
    agent: str
    trunk: str | None
    caller: str | None = _personal("Who calls; for an outbound call the caller id that is shown.")
    callee: str | None = _personal("The number called.")


class Ringing(Data):
    pass


class Answered(Data):
    after_s: float
    """Seconds from arrival, or from the request to dial."""


class StateChange(Data):
    state: str
    """As in the call's `state`: connecting, talking, holding, closing, transferring, transferred, rescuing, …"""
    before: str


class Said(Data):
    who: Literal["caller", "agent", "target"]
    """`target`: of an attended transfer."""
    text: str | None = _personal("The words; of an agent that was interrupted, up to what was heard.")
    interrupted: bool
    heard_ms: int | None
    consultation: bool
    """Said between agent and target, before the transfer: the caller heard nothing of it."""


class Turn(Data):
    turn: int
    stopped_to_told_ms: float | None
    """From the caller's last sound to the AI's word that the caller stopped."""
    first_delta_ms: float | None
    """From that word to the first sound from the AI."""
    first_frame_ms: float | None
    """From that word to the first sound to the caller."""


class BargeIn(Data):
    heard_ms: int
    """How much was heard of what was cut off."""
    cut_ms: float
    """From the caller's first sound to silence."""


class Tool(Data):
    tool: str
    """Its name; `unknown` for one that the agent does not have."""
    state: Literal["called", "answered"]
    seconds: float | None = None
    """From call to answer."""
    ok: bool | None = None


class Transfer(Data):
    transfer: int
    """Which transfer of this attempt, from 1."""
    state: str
    """As in the call's `transfer`: ringing (it has begun), answered, failed, …"""
    to: str | None = _personal("What was asked for.")
    by: str
    """A token's name, `agent`, `digit` or `rescue`."""
    outcome: str | None
    """Why it failed: busy, no_answer, declined, …"""


class Participant(Data):
    leg: str
    """As in the call's `participants`."""
    state: Literal["ringing", "joined", "left", "failed"]
    to: str | None = _personal("What was asked for.")
    by: str
    """A token's name."""
    outcome: str | None
    """Of the dialling: answered, busy, no_answer, declined, …"""


class Control(Data):
    agent: str
    held_by: str | None
    """Who put the caller on hold: a token's name, or `agent`; null: nobody."""
    muted: tuple[Literal["caller", "agent"], ...]
    """Who is not heard by the other."""
    recording: Literal["off", "on", "paused"]


class Reconnected(Data):
    provider: str
    gap_ms: int
    """From the loss of the AI's line to its being ready again."""
    planned: bool


class Used(Data):
    provider: str
    model: str
    kind: Literal["response", "transcription"]
    tokens: dict[str, int]
    """By kind, as the provider counts them."""
    seconds: float | None
    """Of audio, for a transcription that is billed by time."""
    cost: float
    """US dollars."""


class Recorded(Data):
    path: str
    """On the machine of the worker that made it."""
    seconds: float


class Durations(_Part):
    """Seconds."""

    total: float
    until_answer: float | None
    """null: it was not answered."""
    talked: float
    """From the answer to the end."""


class FirstFrame(_Part):
    """Milliseconds from the caller's end of speech to the agent's first sound, over all turns kept."""

    p50: float
    max: float


class Ended(Data):
    direction: Direction
    agent: str
    trunk: str | None
    caller: str | None = _personal("Who called; for an outbound call the caller id that was shown.")
    callee: str | None = _personal("The number called.")
    outcome: str
    """answered, busy, no_answer, declined, congestion, invalid_number, cancelled, failed, …"""
    ended_by: str | None
    cause: int | None
    """Q.850, where Asterisk told it."""
    detail: str | None
    durations: Durations
    turns: int
    first_frame: FirstFrame | None
    """null: there was no turn."""
    cost: float
    """US dollars."""


class Event(_Part):
    id: str
    """Unique; the same in every delivery of this event, and in `webhook-id`."""
    type: str
    timestamp: Moment
    """When it happened."""
    data: Data

    def bare(self) -> Self:
        """Without what is personal."""
        return self.model_copy(update={"data": self.data.bare()})


class CallQueued(Event):
    """The call waits to be placed: for the first time, or for another attempt."""

    type: Literal["call.queued"] = "call.queued"
    data: Queued


class CallStarted(Event):
    """A call began: a caller arrived, or one is about to be dialled."""

    type: Literal["call.started"] = "call.started"
    data: Started


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
    | CallUsed
    | CallRecorded
    | CallEnded
    | CallSettled,
    Field(discriminator="type"),
]

KINDS: tuple[type[Event], ...] = get_args(get_args(AnyEvent)[0])
TYPES: tuple[str, ...] = tuple(kind.model_fields["type"].default for kind in KINDS)
"""Every type of event there is, in the order in which a call could show them."""

adapter: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
"""For those who receive: `adapter.validate_json(body)`."""
