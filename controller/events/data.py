"""What each event of a call says. [pure]

Part of `shapes`, which names everything here again. Fields are only ever added: receivers ignore what they don't know.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, WithJsonSchema

Direction = Literal["inbound", "outbound"]


def rfc3339(moment: datetime) -> str:
    """UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


def _personal(text: str) -> str | None:
    """The default of a field that is personal: null, as for receivers that may not see it."""
    return Field(default=None, repr=False, description=text, json_schema_extra={"x-personal": True})


def _words(text: str) -> str | None:
    """Personal, and what somebody has said."""
    extra: dict[str, JsonValue] = {"x-personal": True, "x-words": True}
    return Field(default=None, repr=False, description=text, json_schema_extra=extra)


class Data(Part):
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
        return cls._marked("x-personal")

    def bare(self) -> Self:
        """Without what is personal."""
        return self._without(self.personal())

    def wordless(self) -> Self:
        """Without what somebody has said."""
        return self._without(self._marked("x-words"))

    @classmethod
    def _marked(cls, mark: str) -> frozenset[str]:
        return frozenset(
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get(mark)
        )

    def _without(self, hidden: frozenset[str]) -> Self:
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
    cause: int | None = None
    """Of the last attempt: Q.850, where Asterisk told it."""
    sip_status: int | None = None
    """Of the network's answer that ended the last attempt, where it was refused."""


class Started(Data):
    direction: Direction
    agent: str
    trunk: str | None
    caller: str | None = _personal("Who calls; for an outbound call the caller id that is shown.")
    callee: str | None = _personal("The number called.")


class Adopted(Data):
    state: str
    """As in `call.state`."""


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
    item: str = ""
    """The provider's id of it: told twice, it is the same."""
    spoken_at: Moment | None = None
    """When it was over. What a caller said is written down later, and not always in its order: sort by this."""
    who: Literal["caller", "agent", "target"]
    """`target`: of an attended transfer."""
    text: str | None = _words("The words; of an agent that was interrupted, up to what was heard.")
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
    reason: str | None = None
    """Of a request over HTTP that failed, or was cut: `dns`, `refused`, `timeout`, … (docs/metrics.md, tools)."""


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
    caller_hold: bool
    """The caller's or callee's own telephone holds the call: the agent is paused."""
    muted: tuple[Literal["caller", "agent"], ...]
    """Who is not heard by the other."""
    recording: Literal["off", "on", "paused"]


class Reconnected(Data):
    provider: str
    gap_ms: int
    """From the loss of the AI's line to its being ready again."""
    planned: bool


class AiWarning(Data):
    kind: str
    """response_incomplete, response_failed, rate_limited, transcription_failed, mcp_call_failed, …"""
    code: str
    """The provider's short name of the reason, or the label of an MCP server; empty: none was told."""
    times: int
    """How many this stands for: the first ones of a kind are told one by one, the rest at the end."""


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


class Ended(Data):
    direction: Direction
    agent: str
    trunk: str | None
    caller: str | None = _personal("Who called; for an outbound call the caller id that was shown.")
    callee: str | None = _personal("The number called.")
    outcome: str
    """answered, busy, no_answer, declined, congestion, invalid_number, redirected, incompatible, trunk_fault,
    cancelled, failed, …"""
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
