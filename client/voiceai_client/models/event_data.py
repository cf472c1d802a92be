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
    """null: the call was not answered."""
    talked: float
    """From the answer to the end."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FirstFrame(Model):
    """Response time in milliseconds: from the end of the caller's speech to the first audio of the agent, over all
    stored turns."""

    p50: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EventData(Model):
    """Of every event."""

    call: str
    """The call's id, as in /v1/calls/{id}."""
    attempt: int
    """The number of the attempt to place the call, from 1. Always 1 for an inbound call."""
    number: int
    """The number of the event in this attempt, from 1 without gaps, so that you can detect missing and repeated
    events. 0 in events of the queue between attempts."""
    metadata: Mapping[str, str]
    """The metadata of the call at this time; missing if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Adopted(EventData):
    state: str
    """As in `call.state`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AiWarning(EventData):
    kind: str
    """response_incomplete, response_failed, rate_limited, transcription_failed, mcp_call_failed, …"""
    code: str
    """The provider's code of the reason, or the label of an MCP server. Empty: none was given."""
    times: int
    """The number of errors that this event stands for. The first ones of a kind are reported one by one, the rest
    together at the end."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answered(EventData):
    after_s: float
    """Seconds since `call.started`, which comes after the look-up of a caller and before the dialing of a callee."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BargeIn(EventData):
    heard_ms: int
    """How much of the interrupted answer was heard."""
    latency_ms: float
    """Milliseconds from the start of the caller's speech until the agent was silent."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Control(EventData):
    agent: str
    agent_version: int | None = None
    """The version of the agent. 0: a draft. null: unknown."""
    held_by: str | None
    """Who put the caller on hold: the name of a token, or `agent`. null: nobody."""
    caller_hold: bool
    """true: the phone of the caller or callee has put the call on hold, and the agent is paused."""
    muted: tuple[Literal["caller", "agent"] | str, ...]
    """The muted sides."""
    recording: Literal["off", "on", "paused"] | str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ended(EventData):
    direction: Literal["inbound", "outbound"] | str
    agent: str
    agent_version: int | None = None
    """The version of the agent. 0: a draft. null: unknown."""
    trunk: str | None
    caller: str | None = None
    """The caller's number; for an outbound call, the caller ID that was shown."""
    callee: str | None = None
    """The called number."""
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Instructed(EventData):
    by: str
    """The name of a token."""
    action: Literal["say", "instruct", "switch_agent"] | str
    """say: say the text word for word. instruct: follow the text. switch_agent: continue with another agent or with
    other instructions."""
    text: str | None = None
    """The text. null: another agent, without instructions."""
    agent: str
    """The agent; with `switch_agent` the new one."""
    agent_version: int | None = None
    """The version of the agent. 0: a draft. null: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MetadataChange(EventData):
    pass


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Participant(EventData):
    leg: str
    """As in the call's `participants`."""
    state: Literal["ringing", "joined", "left", "failed"] | str
    to: str | None = None
    """The requested destination."""
    by: str
    """The name of a token."""
    outcome: str | None
    """The result of dialing: answered, busy, no_answer, declined, …"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Queued(EventData):
    agent: str
    trunk: str
    caller: str | None = None
    """The caller ID that will be shown."""
    callee: str | None = None
    """The number to call."""
    due_at: datetime
    """The call is not dialed before this time."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reconnected(EventData):
    provider: str
    gap_ms: int
    """Milliseconds from the loss of the connection until it works again."""
    planned: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recorded(EventData):
    path: str
    """The path on the worker's machine."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ringing(EventData):
    pass


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Said(EventData):
    item: str = ""
    """The provider's id of the utterance. If it is reported twice, the id is the same."""
    spoken_at: datetime | None = None
    """The end of the utterance. Transcriptions arrive later and not always in order, so sort by this time."""
    started_at: datetime | None = None
    """The start of the utterance. null: unknown."""
    who: Literal["caller", "agent", "target"] | str
    """`target`: the target of an attended transfer."""
    text: str | None = None
    """The text. If the agent was interrupted, only the part that was heard."""
    interrupted: bool
    heard_ms: int | None
    consultation: bool
    """true: said between agent and target before the transfer. The caller did not hear it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settled(EventData):
    agent: str
    trunk: str
    caller: str | None = None
    """The caller ID of the call."""
    callee: str | None = None
    """The number to call."""
    outcome: str
    """The outcome of the last attempt: answered, machine, busy, …; or rejected, expired, cancelled, interrupted."""
    detail: str | None
    cause: int | None = None
    """The Q.850 cause of the last attempt, if Asterisk reported it."""
    sip_status: int | None = None
    """The SIP status with which the network refused the last attempt."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Started(EventData):
    direction: Literal["inbound", "outbound"] | str
    agent: str
    agent_version: int | None = None
    """The version of the agent. 0: a draft. null: unknown."""
    trunk: str | None
    caller: str | None = None
    """The caller's number; for an outbound call, the caller ID that is shown."""
    callee: str | None = None
    """The called number."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StateChange(EventData):
    state: str
    """As in the call's `state`: connecting, talking, holding, closing, transferring, transferred, fallback, …"""
    before: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Supervision(EventData):
    supervision: int
    """The number of the supervision in this attempt, from 1."""
    state: Literal["ringing", "on", "left", "failed"] | str
    mode: Literal["listen", "whisper", "take_over"] | str
    to: str | None = None
    """The name of the supervisor in the configuration."""
    by: str
    """The name of a token."""
    outcome: str | None
    """The result of dialing: answered, busy, no_answer, declined, …"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Tool(EventData):
    tool: str
    """The name of the tool; `unknown` if the agent does not have it."""
    state: Literal["called", "answered"] | str
    seconds: float | None = None
    """Seconds from the call to the answer."""
    ok: bool | None = None
    reason: str | None = None
    """Why an HTTP request failed or its answer was cut: `dns`, `refused`, `timeout`, … (docs/metrics.md, tools)."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Transfer(EventData):
    transfer: int
    """The number of the transfer in this attempt, from 1."""
    state: str
    """As in the call's `transfer`: ringing (it has started), answered, failed, …"""
    to: str | None = None
    """The requested destination."""
    by: str
    """The name of a token, `agent`, `digit` or `rescue`."""
    outcome: str | None
    """Why it failed: busy, no_answer, declined, …"""
    kind: str | None = None
    """blind, attended or refer."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Turn(EventData):
    turn: int
    endpointing_ms: float | None
    """Milliseconds from the end of the caller's speech until the AI provider reported it."""
    first_delta_ms: float | None
    """Milliseconds from that report to the first audio of the AI provider."""
    first_frame_ms: float | None
    """Milliseconds from that report to the first audio for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Used(EventData):
    provider: str
    model: str
    kind: Literal["response", "transcription"] | str
    tokens: Mapping[str, int]
    """Tokens by kind, as the provider counts them."""
    seconds: float | None
    """Seconds of audio, for transcription that is billed by time."""
    cost: float
    """US dollars."""
