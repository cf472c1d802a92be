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
    """The call waits to be placed: for the first time, or for another attempt."""

    agent: str
    trunk: str
    caller: str | None = personal("The caller id that is to be shown.")
    callee: str | None = personal("The number to be called.")
    due_at: Moment
    """Not before."""
    expires_at: Moment


class Started(Data, type="call.started", facts=(lifecycle.CallBegan,)):
    """A call began: a caller arrived, or one is about to be dialled."""

    direction: Direction
    agent: str
    agent_version: int | None = None
    """Which version of the agent; 0: a draft; null: not known."""
    trunk: str | None
    caller: str | None = personal("Who calls; for an outbound call the caller id that is shown.")
    callee: str | None = personal("The number called.")


class Adopted(Data, type="call.adopted", facts=(lifecycle.CallAdopted,)):
    """The controller was killed or restarted while the call went on, and the next one has taken it over. From here on
    `number` counts anew."""

    state: str
    """As in `call.state`."""


class Ringing(Data, type="call.ringing", facts=(lifecycle.CallRang,), once=True):
    """The caller hears ringing, or the callee's telephone rings."""


class Answered(Data, type="call.answered", facts=(lifecycle.CallAnswered,)):
    """The call was answered: by us, or by who was called."""

    after_s: float
    """Seconds from `call.started`, which follows the look-up of a caller and precedes the dialling of a callee."""

    @classmethod
    def of(cls, fact: lifecycle.CallAnswered, at: datetime) -> dict[str, Any]:
        return {"after_s": round(fact.after_s, 3)}


class StateChange(Data, type="call.state", facts=(lifecycle.StateChanged,)):
    """The call went from one state to another."""

    state: str
    """As in the call's `state`: connecting, talking, holding, closing, transferring, transferred, fallback, …"""
    before: str

    @classmethod
    def of(cls, fact: lifecycle.StateChanged, at: datetime) -> dict[str, Any] | None:
        return None if fact.state == "ended" else cls.same_in(fact)  # `call.ended` says it, with all that belongs to it


class Said(Data, type="call.said", facts=(contract.Said,)):
    """Somebody has finished saying something."""

    item: str = ""
    """The provider's id of it: told twice, it is the same."""
    spoken_at: Moment | None = None
    """When it was over. What a caller said is written down later, and not always in its order: sort by this."""
    started_at: Moment | None = None
    """When it began; null: not known."""
    who: Literal["caller", "agent", "target"]
    """`target`: of an attended transfer."""
    text: str | None = words("The words; of an agent that was interrupted, up to what was heard.")
    interrupted: bool
    heard_ms: int | None
    consultation: bool
    """Said between agent and target, before the transfer: the caller heard nothing of it."""

    @classmethod
    def of(cls, fact: contract.Said, at: datetime) -> dict[str, Any]:
        spoken_at = at - timedelta(milliseconds=fact.ago_ms)
        started_at = None if fact.took_ms is None else spoken_at - timedelta(milliseconds=fact.took_ms)
        return cls.same_in(fact) | {"who": who_said(fact), "spoken_at": spoken_at, "started_at": started_at}


class Turn(Data, type="call.turn", facts=(contract.TurnMeasured,)):
    """The agent has answered the caller; how fast."""

    turn: int
    endpointing_ms: float | None = Field(validation_alias=AliasChoices("endpointing_ms", "stopped_to_told_ms"))
    """From the caller's last sound to the AI's word that the caller stopped."""
    first_delta_ms: float | None
    """From that word to the first sound from the AI."""
    first_frame_ms: float | None
    """From that word to the first sound to the caller."""


class BargeIn(Data, type="call.barge_in", facts=(contract.BargedIn,)):
    """The caller has interrupted the agent."""

    heard_ms: int
    """How much was heard of what was cut off."""
    latency_ms: float = Field(validation_alias=AliasChoices("latency_ms", "cut_ms"))
    """From the caller's first sound to silence."""


class Tool(Data, type="call.tool", facts=(lifecycle.ToolAsked, lifecycle.ToolTimed)):
    """The agent has called a tool, or got its answer."""

    tool: str
    """Its name; `unknown` for one that the agent does not have."""
    state: Literal["called", "answered"]
    seconds: float | None = None
    """From call to answer."""
    ok: bool | None = None
    reason: str | None = None
    """Of a request over HTTP that failed, or was cut: `dns`, `refused`, `timeout`, … (docs/metrics.md, tools)."""

    @classmethod
    def of(cls, fact: lifecycle.ToolAsked | lifecycle.ToolTimed, at: datetime) -> dict[str, Any]:
        if isinstance(fact, lifecycle.ToolAsked):
            return {"state": "called", "tool": fact.tool}
        return cls.same_in(fact) | {"state": "answered", "seconds": round(fact.seconds, 3)}


class Transfer(Data, type="call.transfer", facts=(lifecycle.TransferMoved,)):
    """A transfer has begun, or gone on."""

    transfer: int
    """Which transfer of this attempt, from 1."""
    state: str
    """As in the call's `transfer`: ringing (it has begun), answered, failed, …"""
    to: str | None = personal("What was asked for.")
    by: str
    """A token's name, `agent`, `digit` or `rescue`."""
    outcome: str | None
    """Why it failed: busy, no_answer, declined, …"""
    kind: str | None = None
    """blind, attended or refer."""

    @classmethod
    def of(cls, fact: lifecycle.TransferMoved, at: datetime) -> dict[str, Any]:
        return cls.same_in(fact) | {"transfer": fact.attempt}


class Participant(Data, type="call.participant", facts=(lifecycle.ParticipantMoved,)):
    """Somebody is dialled into the call, has joined, left, or did not come."""

    leg: str
    """As in the call's `participants`."""
    state: Literal["ringing", "joined", "left", "failed"]
    to: str | None = personal("What was asked for.")
    by: str
    """A token's name."""
    outcome: str | None
    """Of the dialling: answered, busy, no_answer, declined, …"""


class Supervision(Data, type="call.supervision", facts=(lifecycle.SupervisionMoved,)):
    """A supervisor is dialled, listens, hears the call in another way, or has left."""

    supervision: int
    """Which supervision of this attempt, from 1."""
    state: Literal["ringing", "on", "left", "failed"]
    mode: Literal["listen", "whisper", "take_over"]
    to: str | None = personal("Who it is, as the config names them.")
    by: str
    """A token's name."""
    outcome: str | None
    """Of the dialling: answered, busy, no_answer, declined, …"""

    @classmethod
    def of(cls, fact: lifecycle.SupervisionMoved, at: datetime) -> dict[str, Any]:
        return cls.same_in(fact) | {"supervision": fact.number}


class Instructed(Data, type="call.instructed", facts=(lifecycle.AgentInstructed,)):
    """An operator has told the agent something, or has given the call to another agent."""

    by: str
    """A token's name."""
    action: Literal["say", "instruct", "switch_agent"]
    """Say the text word for word; follow it; go on with the agent `agent`, or with other instructions."""
    text: str | None = words("What it was told; null: another agent, without instructions.")
    agent: str
    """With `switch_agent` the one that goes on."""
    agent_version: int | None = None
    """Which version of the agent; 0: a draft; null: not known."""


class Control(Data, type="call.control", facts=(lifecycle.ControlChanged,)):
    """Another agent speaks, somebody is on hold or muted, the recording goes or rests: all of it as it is now."""

    agent: str
    agent_version: int | None = None
    """Which version of the agent; 0: a draft; null: not known."""
    held_by: str | None
    """Who put the caller on hold: a token's name, or `agent`; null: nobody."""
    caller_hold: bool
    """The caller's or callee's own telephone holds the call: the agent is paused."""
    muted: tuple[Literal["caller", "agent"], ...]
    """Who is not heard by the other."""
    recording: Literal["off", "on", "paused"]


class MetadataChange(Data, type="call.metadata", facts=(lifecycle.MetadataChanged,)):
    """Somebody has changed the metadata of the call (`PATCH /v1/calls/{id}`): `metadata` is all of it as it is now."""


class Reconnected(Data, type="call.reconnected", facts=(contract.Reconnected,)):
    """The line to the AI broke, or was renewed, and is back."""

    provider: str
    gap_ms: int
    """From the loss of the AI's line to its being ready again."""
    planned: bool


class AiWarning(Data, type="call.ai_warning", facts=(contract.AiWarning,)):
    """Something went wrong at the AI's side, and the call goes on."""

    kind: str
    """response_incomplete, response_failed, rate_limited, transcription_failed, mcp_call_failed, …"""
    code: str
    """The provider's short name of the reason, or the label of an MCP server; empty: none was told."""
    times: int
    """How many this stands for: the first ones of a kind are told one by one, the rest at the end."""


class Used(Data, type="call.used", facts=(lifecycle.UsageReported,)):
    """A response or a transcription was paid for."""

    provider: str
    model: str
    kind: Literal["response", "transcription"]
    tokens: dict[str, int]
    """By kind, as the provider counts them."""
    seconds: float | None
    """Of audio, for a transcription that is billed by time."""
    cost: float
    """US dollars."""

    @classmethod
    def of(cls, fact: lifecycle.UsageReported, at: datetime) -> dict[str, Any]:
        return cls.same_in(fact.used) | {"tokens": fact.used.usage, "cost": round(fact.cost, 6)}


class Recorded(Data, type="call.recorded", facts=(contract.Recorded,)):
    """The recording is complete."""

    path: str
    """On the machine of the worker that made it."""
    seconds: float


class Durations(Part):
    """Seconds."""

    total: float
    until_answer: float | None
    """null: it was not answered."""
    talked: float
    """From the answer to the end."""


class FirstFrame(Part):
    """Milliseconds from the caller's end of speech to the agent's first sound, over all turns kept."""

    p50: float
    max: float


class Ended(Data, type="call.ended", facts=(lifecycle.CallOver, lifecycle.CallLost, lifecycle.CallerRefused)):
    """The call is over, or, if it came from the queue, this attempt of it."""

    direction: Direction
    agent: str
    agent_version: int | None = None
    """Which version of the agent; 0: a draft; null: not known."""
    trunk: str | None
    caller: str | None = personal("Who called; for an outbound call the caller id that was shown.")
    callee: str | None = personal("The number called.")
    outcome: str
    """answered, busy, no_answer, declined, congestion, invalid_number, redirected, incompatible, trunk_fault,
    cancelled, failed, node_lost (it ended with the node that had it), …"""
    ended_by: str | None
    cause: int | None
    """Q.850, where Asterisk told it."""
    sip_status: int | None = None
    """Of the network's answer to a call that we placed, where it was refused."""
    detail: str | None
    durations: Durations
    turns: int
    first_frame: FirstFrame | None
    """null: there was no turn."""
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
    """The queue is done with the call: nothing comes after it."""

    agent: str
    trunk: str
    caller: str | None = personal("The caller id that was to be shown.")
    callee: str | None = personal("The number to be called.")
    outcome: str
    """Of the last attempt: answered, machine, busy, …; or rejected, expired, cancelled, interrupted, without one."""
    detail: str | None
    cause: int | None = None
    """Of the last attempt: Q.850, where Asterisk told it."""
    sip_status: int | None = None
    """Of the network's answer that ended the last attempt, where it was refused."""


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
