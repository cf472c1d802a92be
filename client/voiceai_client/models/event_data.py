"""What events tell: their `data`. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Durations(Model):
    """Seconds."""

    total: float
    until_answer: float | None
    """null: it was not answered."""
    talked: float
    """From the answer to the end."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FirstFrame(Model):
    """Milliseconds from the caller's end of speech to the agent's first sound, over all turns kept."""

    p50: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EventData(Model):
    """Of every event."""

    call: str
    """The call's id, as in /v1/calls/{id}."""
    attempt: int
    """To call somebody, from 1: a call that was not answered may be tried again. Always 1 for an inbound call."""
    number: int
    """Which event of this attempt it is, from 1, without holes: what is missing or doubled shows here. 0 where the
    queue tells of the call between its attempts."""
    metadata: Mapping[str, str]
    """Of the call, as it was when this happened; absent if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Adopted(EventData):
    state: str
    """As in `call.state`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AiWarning(EventData):
    kind: str
    """response_incomplete, response_failed, rate_limited, transcription_failed, mcp_call_failed, …"""
    code: str
    """The provider's short name of the reason, or the label of an MCP server; empty: none was told."""
    times: int
    """How many this stands for: the first ones of a kind are told one by one, the rest at the end."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answered(EventData):
    after_s: float
    """Seconds from `call.started`, which follows the look-up of a caller and precedes the dialling of a callee."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BargeIn(EventData):
    heard_ms: int
    """How much was heard of what was cut off."""
    latency_ms: float
    """From the caller's first sound to silence."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Control(EventData):
    agent: str
    agent_version: int | None = None
    """Which version of the agent; 0: a draft; null: not known."""
    held_by: str | None
    """Who put the caller on hold: a token's name, or `agent`; null: nobody."""
    caller_hold: bool
    """The caller's or callee's own telephone holds the call: the agent is paused."""
    muted: tuple[Literal["caller", "agent"] | str, ...]
    """Who is not heard by the other."""
    recording: Literal["off", "on", "paused"] | str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ended(EventData):
    direction: Literal["inbound", "outbound"] | str
    agent: str
    agent_version: int | None = None
    """Which version of the agent; 0: a draft; null: not known."""
    trunk: str | None
    caller: str | None = None
    """Who called; for an outbound call the caller id that was shown."""
    callee: str | None = None
    """The number called."""
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Instructed(EventData):
    by: str
    """A token's name."""
    action: Literal["say", "instruct", "switch_agent"] | str
    """Say the text word for word; follow it; go on with the agent `agent`, or with other instructions."""
    text: str | None = None
    """What it was told; null: another agent, without instructions."""
    agent: str
    """With `switch_agent` the one that goes on."""
    agent_version: int | None = None
    """Which version of the agent; 0: a draft; null: not known."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MetadataChange(EventData):
    pass


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Participant(EventData):
    leg: str
    """As in the call's `participants`."""
    state: Literal["ringing", "joined", "left", "failed"] | str
    to: str | None = None
    """What was asked for."""
    by: str
    """A token's name."""
    outcome: str | None
    """Of the dialling: answered, busy, no_answer, declined, …"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Queued(EventData):
    agent: str
    trunk: str
    caller: str | None = None
    """The caller id that is to be shown."""
    callee: str | None = None
    """The number to be called."""
    due_at: datetime
    """Not before."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reconnected(EventData):
    provider: str
    gap_ms: int
    """From the loss of the AI's line to its being ready again."""
    planned: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recorded(EventData):
    path: str
    """On the machine of the worker that made it."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ringing(EventData):
    pass


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Said(EventData):
    item: str = ""
    """The provider's id of it: told twice, it is the same."""
    spoken_at: datetime | None = None
    """When it was over. What a caller said is written down later, and not always in its order: sort by this."""
    started_at: datetime | None = None
    """When it began; null: not known."""
    who: Literal["caller", "agent", "target"] | str
    """`target`: of an attended transfer."""
    text: str | None = None
    """The words; of an agent that was interrupted, up to what was heard."""
    interrupted: bool
    heard_ms: int | None
    consultation: bool
    """Said between agent and target, before the transfer: the caller heard nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settled(EventData):
    agent: str
    trunk: str
    caller: str | None = None
    """The caller id that was to be shown."""
    callee: str | None = None
    """The number to be called."""
    outcome: str
    """Of the last attempt: answered, machine, busy, …; or rejected, expired, cancelled, interrupted, without one."""
    detail: str | None
    cause: int | None = None
    """Of the last attempt: Q.850, where Asterisk told it."""
    sip_status: int | None = None
    """Of the network's answer that ended the last attempt, where it was refused."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Started(EventData):
    direction: Literal["inbound", "outbound"] | str
    agent: str
    agent_version: int | None = None
    """Which version of the agent; 0: a draft; null: not known."""
    trunk: str | None
    caller: str | None = None
    """Who calls; for an outbound call the caller id that is shown."""
    callee: str | None = None
    """The number called."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StateChange(EventData):
    state: str
    """As in the call's `state`: connecting, talking, holding, closing, transferring, transferred, fallback, …"""
    before: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Supervision(EventData):
    supervision: int
    """Which supervision of this attempt, from 1."""
    state: Literal["ringing", "on", "left", "failed"] | str
    mode: Literal["listen", "whisper", "take_over"] | str
    to: str | None = None
    """Who it is, as the config names them."""
    by: str
    """A token's name."""
    outcome: str | None
    """Of the dialling: answered, busy, no_answer, declined, …"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Tool(EventData):
    tool: str
    """Its name; `unknown` for one that the agent does not have."""
    state: Literal["called", "answered"] | str
    seconds: float | None = None
    """From call to answer."""
    ok: bool | None = None
    reason: str | None = None
    """Of a request over HTTP that failed, or was cut: `dns`, `refused`, `timeout`, … (docs/metrics.md, tools)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Transfer(EventData):
    transfer: int
    """Which transfer of this attempt, from 1."""
    state: str
    """As in the call's `transfer`: ringing (it has begun), answered, failed, …"""
    to: str | None = None
    """What was asked for."""
    by: str
    """A token's name, `agent`, `digit` or `rescue`."""
    outcome: str | None
    """Why it failed: busy, no_answer, declined, …"""
    kind: str | None = None
    """blind, attended or refer."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Turn(EventData):
    turn: int
    endpointing_ms: float | None
    """From the caller's last sound to the AI's word that the caller stopped."""
    first_delta_ms: float | None
    """From that word to the first sound from the AI."""
    first_frame_ms: float | None
    """From that word to the first sound to the caller."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Used(EventData):
    provider: str
    model: str
    kind: Literal["response", "transcription"] | str
    tokens: Mapping[str, int]
    """By kind, as the provider counts them."""
    seconds: float | None
    """Of audio, for a transcription that is billed by time."""
    cost: float
    """US dollars."""
