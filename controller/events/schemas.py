"""The events of calls, as receivers see them: one class per type, with its fields and how it is made. [pure]

Owns the names of the types, their fields, and which of these are personal (`x-personal` in the schema): a receiver that
may not see those gets null in their place. Fields are only ever added: receivers ignore what they don't know.

A new type: its class here and in `KINDS`, what happened in `reporting.lifecycle`, and its name in
`config.models.event_filters`, so that the config may name it. Streams, webhooks, the history's list of events, the
OpenAPI document and the call's trace follow.
"""

import operator
from datetime import datetime, timedelta
from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, TypeAdapter

from bridge import contract
from controller.calls.reporting import lifecycle
from controller.calls.reporting.call_log import who_said
from controller.config.models import event_filters
from controller.events.envelope import Data, Event, Moment, Part, personal, words

Direction = Literal["inbound", "outbound"]


class Queued(Data, type="call.queued", facts=(lifecycle.CallQueued,)):
    """A call enters the outbound queue, for the first time or for another attempt."""

    agent: str
    trunk: str
    caller: str | None = personal("The caller ID that will be shown.")
    callee: str | None = personal("The number to call.")
    due_at: Moment
    """The call is not dialed before this time."""
    expires_at: Moment


class Started(Data, type="call.started", facts=(lifecycle.CallBegan,)):
    """A call starts: a caller has arrived, or a callee is about to be dialed."""

    direction: Direction
    agent: str
    agent_version: int | None = None
    """The version of the agent. 0: a draft. null: unknown."""
    trunk: str | None
    caller: str | None = personal("The caller's number; for an outbound call, the caller ID that is shown.")
    callee: str | None = personal("The called number.")


class Adopted(Data, type="call.adopted", facts=(lifecycle.CallAdopted,)):
    """A restarted controller has taken over the call. `number` starts again at 1."""

    state: str
    """As in `call.state`."""


class Ringing(Data, type="call.ringing", facts=(lifecycle.CallRang,), once=True):
    """The caller hears ringing, or the callee's phone rings."""


class Answered(Data, type="call.answered", facts=(lifecycle.CallAnswered,)):
    """The call was answered, by voiceai or by the callee."""

    after_s: float
    """Seconds since `call.started`, which comes after the look-up of a caller and before the dialing of a callee."""

    @classmethod
    def of(cls, fact: lifecycle.CallAnswered, at: datetime) -> dict[str, Any]:
        return {"after_s": round(fact.after_s, 3)}


class StateChange(Data, type="call.state", facts=(lifecycle.StateChanged,)):
    """The state of the call has changed."""

    state: str
    """As in the call's `state`: connecting, talking, holding, closing, transferring, transferred, fallback, …"""
    before: str

    @classmethod
    def of(cls, fact: lifecycle.StateChanged, at: datetime) -> dict[str, Any] | None:
        return None if fact.state == "ended" else cls.same_in(fact)  # `call.ended` says it, with all that belongs to it


class Said(Data, type="call.said", facts=(contract.Said,)):
    """Somebody has finished an utterance."""

    item: str = ""
    """The provider's id of the utterance. If it is reported twice, the id is the same."""
    spoken_at: Moment | None = None
    """The end of the utterance. Transcriptions arrive later and not always in order, so sort by this time."""
    started_at: Moment | None = None
    """The start of the utterance. null: unknown."""
    who: Literal["caller", "agent", "target"]
    """`target`: the target of an attended transfer."""
    text: str | None = words("The text. If the agent was interrupted, only the part that was heard.")
    interrupted: bool
    heard_ms: int | None
    consultation: bool
    """true: said between agent and target before the transfer. The caller did not hear it."""

    @classmethod
    def of(cls, fact: contract.Said, at: datetime) -> dict[str, Any]:
        spoken_at = at - timedelta(milliseconds=fact.ago_ms)
        started_at = None if fact.took_ms is None else spoken_at - timedelta(milliseconds=fact.took_ms)
        return cls.same_in(fact) | {"who": who_said(fact), "spoken_at": spoken_at, "started_at": started_at}


class Turn(Data, type="call.turn", facts=(contract.TurnMeasured,)):
    """The agent has answered; with the response times."""

    turn: int
    endpointing_ms: float | None = Field(validation_alias=AliasChoices("endpointing_ms", "stopped_to_told_ms"))
    """Milliseconds from the end of the caller's speech until the AI provider reported it."""
    first_delta_ms: float | None
    """Milliseconds from that report to the first audio of the AI provider."""
    first_frame_ms: float | None
    """Milliseconds from that report to the first audio for the caller."""


class BargeIn(Data, type="call.barge_in", facts=(contract.BargedIn,)):
    """The caller has interrupted the agent."""

    heard_ms: int
    """How much of the interrupted answer was heard."""
    latency_ms: float = Field(validation_alias=AliasChoices("latency_ms", "cut_ms"))
    """Milliseconds from the start of the caller's speech until the agent was silent."""


class Tool(Data, type="call.tool", facts=(lifecycle.ToolAsked, lifecycle.ToolTimed)):
    """The agent has called a tool, or got its answer."""

    tool: str
    """The name of the tool; `unknown` if the agent does not have it."""
    state: Literal["called", "answered"]
    seconds: float | None = None
    """Seconds from the call to the answer."""
    ok: bool | None = None
    reason: str | None = None
    """Why an HTTP request failed or its answer was cut: `dns`, `refused`, `timeout`, … (docs/metrics.md, tools)."""

    @classmethod
    def of(cls, fact: lifecycle.ToolAsked | lifecycle.ToolTimed, at: datetime) -> dict[str, Any]:
        if isinstance(fact, lifecycle.ToolAsked):
            return {"state": "called", "tool": fact.tool}
        return cls.same_in(fact) | {"state": "answered", "seconds": round(fact.seconds, 3)}


class Transfer(Data, type="call.transfer", facts=(lifecycle.TransferMoved,)):
    """A transfer has started or changed."""

    transfer: int
    """The number of the transfer in this attempt, from 1."""
    state: str
    """As in the call's `transfer`: ringing (it has started), answered, failed, …"""
    to: str | None = personal("The requested destination.")
    by: str
    """The name of a token, `agent`, `digit` or `rescue`."""
    outcome: str | None
    """Why it failed: busy, no_answer, declined, …"""
    kind: str | None = None
    """blind, attended or refer."""

    @classmethod
    def of(cls, fact: lifecycle.TransferMoved, at: datetime) -> dict[str, Any]:
        return cls.same_in(fact) | {"transfer": fact.attempt}


class Participant(Data, type="call.participant", facts=(lifecycle.ParticipantMoved,)):
    """A participant is dialed, has joined, has left, or could not be reached."""

    leg: str
    """As in the call's `participants`."""
    state: Literal["ringing", "joined", "left", "failed"]
    to: str | None = personal("The requested destination.")
    by: str
    """The name of a token."""
    outcome: str | None
    """The result of dialing: answered, busy, no_answer, declined, …"""


class Supervision(Data, type="call.supervision", facts=(lifecycle.SupervisionMoved,)):
    """A supervisor is dialed, has joined, has changed the mode, or has left."""

    supervision: int
    """The number of the supervision in this attempt, from 1."""
    state: Literal["ringing", "on", "left", "failed"]
    mode: Literal["listen", "whisper", "take_over"]
    to: str | None = personal("The name of the supervisor in the configuration.")
    by: str
    """The name of a token."""
    outcome: str | None
    """The result of dialing: answered, busy, no_answer, declined, …"""

    @classmethod
    def of(cls, fact: lifecycle.SupervisionMoved, at: datetime) -> dict[str, Any]:
        return cls.same_in(fact) | {"supervision": fact.number}


class Instructed(Data, type="call.instructed", facts=(lifecycle.AgentInstructed,)):
    """An operator has instructed the agent, or has given the call to another agent."""

    by: str
    """The name of a token."""
    action: Literal["say", "instruct", "switch_agent"]
    """say: say the text word for word. instruct: follow the text. switch_agent: continue with another agent or with
    other instructions."""
    text: str | None = words("The text. null: another agent, without instructions.")
    agent: str
    """The agent; with `switch_agent` the new one."""
    agent_version: int | None = None
    """The version of the agent. 0: a draft. null: unknown."""


class Control(Data, type="call.control", facts=(lifecycle.ControlChanged,)):
    """Agent, hold, mute or recording has changed. The event has all present values."""

    agent: str
    agent_version: int | None = None
    """The version of the agent. 0: a draft. null: unknown."""
    held_by: str | None
    """Who put the caller on hold: the name of a token, or `agent`. null: nobody."""
    caller_hold: bool
    """true: the phone of the caller or callee has put the call on hold, and the agent is paused."""
    muted: tuple[Literal["caller", "agent"], ...]
    """The muted sides."""
    recording: Literal["off", "on", "paused"]


class MetadataChange(Data, type="call.metadata", facts=(lifecycle.MetadataChanged,)):
    """The metadata of the call was changed (`PATCH /v1/calls/{id}`). `metadata` has all present values."""


class Reconnected(Data, type="call.reconnected", facts=(contract.Reconnected,)):
    """The connection to the AI provider was lost, or renewed as planned, and works again."""

    provider: str
    gap_ms: int
    """Milliseconds from the loss of the connection until it works again."""
    planned: bool


class AiWarning(Data, type="call.ai_warning", facts=(contract.AiWarning,)):
    """An error at the AI provider that does not end the call."""

    kind: str
    """response_incomplete, response_failed, rate_limited, transcription_failed, mcp_call_failed, …"""
    code: str
    """The provider's code of the reason, or the label of an MCP server. Empty: none was given."""
    times: int
    """The number of errors that this event stands for. The first ones of a kind are reported one by one, the rest
    together at the end."""


class Used(Data, type="call.used", facts=(lifecycle.UsageReported,)):
    """A response or a transcription was billed."""

    provider: str
    model: str
    kind: Literal["response", "transcription"]
    tokens: dict[str, int]
    """Tokens by kind, as the provider counts them."""
    seconds: float | None
    """Seconds of audio, for transcription that is billed by time."""
    cost: float
    """US dollars."""

    @classmethod
    def of(cls, fact: lifecycle.UsageReported, at: datetime) -> dict[str, Any]:
        return cls.same_in(fact.used) | {"tokens": fact.used.usage, "cost": round(fact.cost, 6)}


class Recorded(Data, type="call.recorded", facts=(contract.Recorded,)):
    """The recording is complete."""

    path: str
    """The path on the worker's machine."""
    seconds: float


class Durations(Part):
    """Seconds."""

    total: float
    until_answer: float | None
    """null: the call was not answered."""
    talked: float
    """From the answer to the end."""


class FirstFrame(Part):
    """Response time in milliseconds: from the end of the caller's speech to the first audio of the agent, over all
    stored turns."""

    p50: float
    max: float


class Ended(Data, type="call.ended", facts=(lifecycle.CallOver, lifecycle.CallLost, lifecycle.CallerRefused)):
    """The call is over; for a call from the queue, this attempt is over."""

    direction: Direction
    agent: str
    agent_version: int | None = None
    """The version of the agent. 0: a draft. null: unknown."""
    trunk: str | None
    caller: str | None = personal("The caller's number; for an outbound call, the caller ID that was shown.")
    callee: str | None = personal("The called number.")
    outcome: str
    """answered, busy, no_answer, declined, congestion, invalid_number, redirected, incompatible, trunk_fault,
    cancelled, failed, node_lost (its node died), …"""
    ended_by: str | None
    cause: int | None
    """The Q.850 cause, if Asterisk reported it."""
    sip_status: int | None = None
    """The SIP status with which the network refused an outbound call."""
    detail: str | None
    durations: Durations
    turns: int
    first_frame: FirstFrame | None
    """null: the agent gave no answer."""
    cost: float
    """US dollars."""

    @classmethod
    def of(
        cls, fact: lifecycle.CallOver | lifecycle.CallLost | lifecycle.CallerRefused, at: datetime
    ) -> dict[str, Any] | None:
        if (call := fact.call) is None:
            return None
        end, spread = call.ended_at or call.started_at, call.first_frame_ms
        answer = (call.answered_at - call.started_at).total_seconds() if call.answered_at else None
        same = cls.same_in(fact)
        return same | {
            "outcome": same["outcome"] or "failed",
            "durations": {
                "total": round((end - call.started_at).total_seconds(), 3),
                "until_answer": None if answer is None else round(answer, 3),
                "talked": 0.0 if isinstance(fact, lifecycle.CallerRefused) else round(fact.talked_s, 3),
            },
            "first_frame": spread and {"p50": round(spread.p50), "max": round(spread.max)},
            "cost": round(call.cost, 6),
        }


class Settled(Data, type="call.settled", facts=(lifecycle.CallSettled,)):
    """A call from the queue has its final result. This is its last event."""

    agent: str
    trunk: str
    caller: str | None = personal("The caller ID of the call.")
    callee: str | None = personal("The number to call.")
    outcome: str
    """The outcome of the last attempt: answered, machine, busy, …; or rejected, expired, cancelled, interrupted."""
    detail: str | None
    cause: int | None = None
    """The Q.850 cause of the last attempt, if Asterisk reported it."""
    sip_status: int | None = None
    """The SIP status with which the network refused the last attempt."""


KINDS: tuple[type[Data], ...] = (
    *(Queued, Started, Adopted, Ringing, Answered, StateChange, Said, Turn, BargeIn, Tool, Transfer, Participant),
    *(Supervision, Instructed, Control, MetadataChange, Reconnected, AiWarning, Used, Recorded, Ended, Settled),
)
"""Every type of event there is, in the order in which a call could show them."""
TYPES: tuple[str, ...] = tuple(kind.event.model_fields["type"].default for kind in KINDS)
assert TYPES == event_filters.TYPES, "the config may name exactly the types that there are, in the same order"
OF_FACT: dict[type, type[Data]] = {fact: kind for kind in KINDS for fact in kind.facts}
"""As which event something that happened is told."""

_any_event: Any = reduce(operator.or_, (kind.event for kind in KINDS))
adapter: TypeAdapter[Event] = TypeAdapter(Annotated[_any_event, Field(discriminator="type")])
"""For those who receive: `adapter.validate_json(body, extra="ignore")`, as a newer release may say more."""
