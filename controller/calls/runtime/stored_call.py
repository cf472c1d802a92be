"""The form in which a live call is stored, and the check of a stored row. [pure]

Owns the version and the schema of a row (`recovery` makes it). A row may be of another release, cut off or damaged: a
row that does not fit the schema is not used at all.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from controller.calls.machine import inputs
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.types import (
    Direction,
    RecordingState,
    SupervisionMode,
    SupervisionState,
    TransferKind,
    TransferState,
)

VERSION = 1
"""Of the schema. Rows without a version are of earlier releases and have the same schema."""


_STATES_BEFORE = {"rehoming": State.FAILOVER.value, "rescuing": State.FALLBACK.value}
_SUPERVISION_STATES_BEFORE = {"over": "left"}
"""Names of states in rows of releases before 1.0."""


class Unreadable(Exception):
    """This row can't be read. Says why, without what is in it."""


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("no moment of any calendar") from None
    return text


def _state(text: str) -> str:
    return State(text).value


def _outcome(text: str) -> str:
    return Outcome(text).value


_Moment = Annotated[str, AfterValidator(_moment)]
_State = Annotated[str, AfterValidator(_state)]
_Outcome = Annotated[str, AfterValidator(_outcome)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Plan(_Part):
    direction: Direction
    leg: str
    agent: str
    instructions: str
    given: dict[str, Any]
    trunk: str | None
    caller: str | None
    callee: str | None
    webhook: str | None
    attempt: int
    # Of releases since: not in older rows.
    answer_detection: bool = False
    agent_version: int | None = None
    metadata: dict[str, str] = {}


class _Target(_Part):
    dial: str
    shown: str
    trunk: str | None
    kind: TransferKind


class _Leg(_Part):
    channel: str
    by: str
    state: str
    outcome: _Outcome | None
    target: _Target


class _Participant(_Leg):
    state: Literal["joined"]


class _Transfer(_Leg):
    state: TransferState
    tool_call: str | None
    consultation: str | None


class _Supervision(_Leg):
    state: SupervisionState
    mode: SupervisionMode
    snoop: str | None


class _Row(_Part):
    plan: _Plan
    state: _State
    back_to: _State | None
    started_at: _Moment
    answered_at: _Moment | None
    muted: list[inputs.Side]
    company: list[str]
    participants: list[_Participant]
    transfer: _Transfer | None
    open_tools: list[str]
    standing: list[str]
    media: str
    losses: int
    sounds: int
    transfers: int
    machine: bool
    session_open: bool
    media_lost: bool
    stranded: bool
    conversed: bool
    music: bool
    paused: bool
    hold: str | None
    held_by: str | None
    recording: RecordingState
    supervisions: int
    snoops: int
    detail: str | None
    # Of releases since: not in older rows.
    tone: str | None = None
    supervision: _Supervision | None = None
    transferred_at: _Moment | None = None
    hops: int = 0
    caller_hold: dict[str, _Moment] = {}
    worker_boot: str | None = None


def checked(found: object) -> Mapping[str, Any]:
    """The row, with the states' names of today. Raises Unreadable."""
    if not isinstance(found, dict):
        raise Unreadable("it is no JSON object")
    found = found | {name: _renamed(found[name], _STATES_BEFORE) for name in ("state", "back_to") if name in found}
    supervision = found.get("supervision")
    if isinstance(supervision, dict) and "state" in supervision:
        state = _renamed(supervision["state"], _SUPERVISION_STATES_BEFORE)
        found["supervision"] = supervision | {"state": state}
    version = found.get("version", VERSION)
    if version != VERSION or type(version) is not int:
        raise Unreadable("it is of another version")
    try:
        _Row.model_validate(found)
    except ValidationError as error:
        places = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
        raise Unreadable(f"wrong or missing: {', '.join(places)[:200]}") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    return found


def _renamed(state: object, before: Mapping[str, str]) -> object:
    return before.get(state, state) if isinstance(state, str) else state
