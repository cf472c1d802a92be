"""What requests may hold: JSON as typed values.

Owns the strict reading of a body (size, kind, encoding, JSON without the liberties Python's parser takes, unknown
fields refused with a pointer to each). Messages never repeat what was sent.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, ValidationError, WithJsonSchema

from bridge.common.strict_json import well_formed
from controller.api.problems import Problem, malformed
from controller.config.models.webhooks import WebhookUrl

LARGEST = 64 * 1024
READ_SECONDS = 10.0

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
_VariableText = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Variables = Annotated[
    dict[_VariableName, _VariableText], Field(max_length=50, json_schema_extra={"additionalProperties": False})
]


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
Instant = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


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
    variables: Variables = Field(default_factory=dict)
    """Fill `{{name}}` in the agent's instructions and greeting."""
    timeout: float | None = Field(None, gt=0, le=300)
    """Seconds it may ring; the trunk's own if not given."""
    answer_detection: bool = False
    """Whoever answers is heard out for a few seconds, and the agent has the tool `voicemail` for machines."""
    webhook: WebhookUrl | None = None
    """Told what happens in this call, signed; needs `call_webhooks` in the config."""
    priority: int = Field(0, ge=-1000, le=1000)
    """Higher comes first; among equals who came first."""
    not_before: Instant | None = None
    """RFC 3339, with its offset. The call waits until then."""
    expires: Instant | None = None
    """RFC 3339, with its offset. If it could not be placed by then it is given up (`outbound.expire_after_s`)."""


class PauseQueue(Body):
    trunk: Name | None = None
    """A name from `trunks` in the config; all of them if not given."""


B = TypeVar("B", bound=Body)


async def read(request: web.Request, kind: type[B]) -> B:
    """The request's body as a `kind`. Raises Problem 400, 408, 413, 415."""
    raw = await _bytes(request)
    if not raw and not any(each.is_required() for each in kind.model_fields.values()):
        raw = b"{}"
    elif not _is_json(request):
        raise Problem("not-json", "Send Content-Type: application/json.")
    return body_of(raw, kind)


def body_of(raw: bytes, kind: type[B]) -> B:
    """JSON as a `kind`. Raises Problem 400."""
    found = _json(raw)
    try:
        body = kind.model_validate(found)
    except ValidationError as error:
        raise malformed(
            "The body has wrong or unknown fields.", *map(_field, error.errors(include_url=False))
        ) from None
    if ill_formed(found):
        raise malformed("The body has a text with U+0000, or with half of a character (a lone surrogate).")
    return body


def _is_json(request: web.Request) -> bool:
    """By its Content-Type, which may be no readable header at all (RFC 2231 lets it name any codec)."""
    try:
        charset = request.charset or "utf-8"
    except ValueError:
        return False
    return request.content_type == "application/json" and charset.lower() in ("utf-8", "utf8")


async def _bytes(request: web.Request) -> bytes:
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Problem("compressed")
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except (ConnectionError, web.RequestPayloadError):  # who asked has gone, or lied about its length
        raise malformed("The body did not come whole.") from None
    except TimeoutError:
        headers: dict[str, str] = {hdrs.CONNECTION: "close"}
        raise Problem("too-slow", headers=headers) from None


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


def ill_formed(value: Any) -> bool:
    """Whether a text in it can't be kept or sent: PostgreSQL takes no U+0000, and nothing encodes a lone surrogate."""
    match value:
        case str():
            return well_formed(value) != value
        case dict():
            return any(ill_formed(key) or ill_formed(each) for key, each in value.items())
        case list():
            return any(map(ill_formed, value))
    return False


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
    return {"pointer": pointer, "detail": field_error(detail)}


def field_error(detail: Mapping[str, Any]) -> str:
    """What is wrong with a value, without the value."""
    match detail["type"]:
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            return "has signs that are not allowed here"
        case _:  # the library's words do without the value
            return str(detail["msg"]).replace("Input should", "must")
