"""What requests may hold and what answers hold: JSON and typed values, both ways.

Owns the strict reading of a body (size, kind, encoding, JSON without the liberties Python's parser takes, unknown
fields refused with a pointer to each) and the JSON of a call. Messages never repeat what was sent.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, NoReturn, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, ValidationError, WithJsonSchema

from controller.api.problems import Problem, malformed
from controller.call.record import BargeIn, Turn, Utterance
from controller.call.view import CallDetail, CallView, ParticipantView, QueueView
from controller.config_webhooks import WebhookUrl

LARGEST = 64 * 1024
READ_SECONDS = 10.0

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
VariableText = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]


def _moment(value: Any) -> datetime:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("must be a moment such as 2026-11-23T09:30:00+01:00")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no moment of any calendar") from None


_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_Moment = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Nothing(Body):
    """An empty body, or `{}`."""


class PlaceCall(Body):
    to: Name
    """The number to call."""
    trunk: Name | None = None
    """A name from `trunks` in the config; the first one if not given."""
    agent: Name | None = None
    """A name from `agents` in the config; the first one if not given."""
    caller_id: Name | None = None
    """Shown to who is called, where the trunk lets it; the trunk's own if not given."""
    variables: dict[VariableName, VariableText] = Field(default_factory=dict, max_length=50)
    """Fill `{{name}}` in the agent's instructions and greeting."""
    timeout: float | None = Field(None, gt=0, le=300)
    """Seconds it may ring; the trunk's own if not given."""
    answer_detection: bool = False
    """Is it a person or a machine that answers? Takes a second or two after the answer; the agent begins then."""
    webhook: WebhookUrl | None = None
    """Told what happens in this call, signed; needs `call_webhooks` in the config."""
    priority: int = Field(0, ge=-1000, le=1000)
    """Higher comes first; among equals who came first."""
    not_before: _Moment | None = None
    """RFC 3339, with its offset. The call waits until then."""
    expires: _Moment | None = None
    """RFC 3339, with its offset. If it could not be placed by then it is given up (`outbound.expire_after_s`)."""


class PauseQueue(Body):
    trunk: Name | None = None
    """A name from `trunks` in the config; all of them if not given."""


class TransferCall(Body):
    to: Name
    """A number or extension, `sip:user@host`, `extension@context`, or a name from `transfer.targets` in the config."""


B = TypeVar("B", bound=Body)


async def read(request: web.Request, kind: type[B]) -> B:
    """The request's body as a `kind`. Raises Problem 400, 408, 413, 415."""
    raw = await _bytes(request)
    if not raw and not any(each.is_required() for each in kind.model_fields.values()):
        return kind()
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        title = "Only JSON is understood"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", title, "Send Content-Type: application/json.")
    try:
        return kind.model_validate(_json(raw))
    except ValidationError as error:
        raise malformed(
            "The body has wrong or unknown fields.", *map(_field, error.errors(include_url=False))
        ) from None


async def _bytes(request: web.Request) -> bytes:
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        title = "Compressed requests are not understood"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "compressed", title)
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except TimeoutError:
        title = "The request took too long to arrive"
        headers: dict[str, str] = {hdrs.CONNECTION: "close"}
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "too-slow", title, headers=headers) from None


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError:
        raise malformed("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise malformed("The body is nested too deeply.") from None
    except ValueError:  # a number of thousands of digits
        raise malformed("The body has a number that is too long.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise malformed("The body has a field twice.")
    return found


def _constant(_: str) -> NoReturn:
    raise malformed("The body is not JSON: NaN and Infinity are no JSON.")


def _field(detail: Mapping[str, Any]) -> dict[str, str]:
    parts = [str(part) for part in detail["loc"] if part != "[key]"]
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    match detail["type"]:
        case "extra_forbidden":
            said = "unknown field"
        case "missing":
            said = "is missing"
        case "string_pattern_mismatch":
            said = "has signs that are not allowed here"
        case _:  # the library's words do without the value
            said = detail["msg"].replace("Input should", "must")
    return {"pointer": pointer, "detail": said}


def call_json(call: CallView) -> dict[str, Any]:
    moved, spread = call.transfer, call.first_frame_ms
    return {
        "id": call.id,
        "url": f"/v1/calls/{call.id}",
        "direction": call.direction,
        "state": call.state,
        "agent": call.agent,
        "trunk": call.trunk,
        "caller": call.caller,
        "callee": call.callee,
        "started_at": _time(call.started_at),
        "answered_at": _time(call.answered_at),
        "ended_at": _time(call.ended_at),
        "outcome": call.outcome,
        "ended_by": call.ended_by,
        "cause": call.cause,
        "detail": call.detail,
        "transfer": moved and {"to": moved.to, "by": moved.by, "state": moved.state, "outcome": moved.outcome},
        "turns": call.turns,
        "latency": {"first_frame_ms": spread and {"p50": round(spread.p50), "max": round(spread.max)}},
        "cost": round(call.cost, 6),
        "held_by": call.held_by,
        "muted": list(call.muted),
        "recording": call.recording,
        "participants": [participant_json(each) for each in call.participants],
        "queue": call.queue and queue_json(call.queue),
    }


def participant_json(found: ParticipantView) -> dict[str, Any]:
    return {"leg": found.leg, "to": found.to, "by": found.by, "state": found.state, "outcome": found.outcome}


def queue_json(queue: QueueView) -> dict[str, Any]:
    return {
        "number": queue.number,
        "status": queue.status,
        "priority": queue.priority,
        "due_at": _time(queue.due_at),
        "expires_at": _time(queue.expires_at),
        "asked_by": queue.asked_by,
        "attempts": [{"at": _time(each.at), "result": each.result, "detail": each.detail} for each in queue.attempts],
    }


def detail_json(detail: CallDetail) -> dict[str, Any]:
    return call_json(detail.call) | {
        "transcript": [_kept(each) for each in detail.transcript],
        "turn_times": [_kept(each) for each in detail.turns],
        "barge_ins": [_kept(each) for each in detail.barge_ins],
        "recordings": [{"path": each.path, "seconds": each.seconds} for each in detail.recordings],
    }


def _kept(entry: Utterance | Turn | BargeIn) -> dict[str, Any]:
    return {each.name: getattr(entry, each.name) for each in fields(entry)} | {"at": _time(entry.at)}


def _time(moment: datetime | None) -> str | None:
    """RFC 3339, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
