"""What requests may hold: JSON as typed values.

Owns the strict reading of a body (size, kind, encoding, JSON without the liberties Python's parser takes, unknown
fields refused with a pointer to each). Messages never repeat what was sent.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from aiohttp import hdrs, web
from pydantic import ValidationError

from bridge.common.strict_json import well_formed
from controller.api.models.base import Body
from controller.api.problems import Problem, malformed

LARGEST = 64 * 1024
LARGEST_WITH_PROMPT = 1 << 20
"""Bytes of a body that has an agent's prompt, tests, or routes."""
READ_SECONDS = 10.0


B = TypeVar("B", bound=Body)


async def read(request: web.Request, kind: type[B], largest: int = LARGEST) -> B:
    """The request's body, of so many bytes, as a `kind`. Raises Problem 400, 408, 413, 415."""
    raw = await _bytes(request if largest == LARGEST else request.clone(client_max_size=largest))
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
            return str(detail["msg"]).removeprefix("Value error, ").replace("Input should", "must")
