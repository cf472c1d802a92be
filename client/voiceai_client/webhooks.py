"""Webhooks of voiceai: whether a request is genuine and fresh, and the event in it.

Owns the receiver's half of Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 over
`<webhook-id>.<webhook-timestamp>.<body>`, in base64, as `v1,<signature>`; several of them, with spaces between, while a
secret is being replaced. It needs no client, no token and no framework. docs/events.md describes the deliveries.
"""

import base64
import binascii
import hmac
import json
import time
from collections.abc import Iterable, Mapping

from voiceai_client.errors import UnexpectedAnswerError
from voiceai_client.events import AnyEvent, event_of

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300.0
PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret."""


class WebhookError(Exception):
    """The request must not be believed. Answer 400, or 401."""


class MissingHeaderError(WebhookError):
    """`webhook-id`, `webhook-timestamp` or `webhook-signature` is not there: it is no request of voiceai."""


class MalformedTimestampError(WebhookError):
    """`webhook-timestamp` is no number of seconds."""


class TimestampTooOldError(WebhookError):
    """An earlier request that is sent again, or the clock of one side is wrong."""


class TimestampTooNewError(WebhookError):
    """The clock of one side is wrong."""


class SignatureError(WebhookError):
    """No signature fits any of the secrets: another secret, or the body was changed on its way. Check the bytes as they
    arrived, and not JSON that was read and written again."""


class MalformedBodyError(WebhookError):
    """It is genuine, but no event that this version can read."""


def verify(
    secret: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes | str,
    tolerance_s: float = TOLERANCE_SECONDS,
    *,
    now: float | None = None,
) -> AnyEvent:
    """The event in a genuine request. `secret`: as in the config, or several while one is being replaced; `headers`: of
    the request, in any case; `body`: as it arrived; `tolerance_s`: so many seconds may the timestamp be off; `now`:
    seconds since 1970, default: the time.

    Raises a WebhookError for what must not be believed, each case one of its own, and ValueError for a secret that is
    none. An event may come twice (docs/events.md): keep `event.id` for a while and drop what you have seen."""
    keys = [_key(each) for each in ((secret,) if isinstance(secret, str) else secret)]
    if not keys:
        raise ValueError("there must be a secret")
    given = {name.lower(): text for name, text in headers.items()}
    raw = body.encode(errors="replace") if isinstance(body, str) else body
    id_, timestamp, signatures = (_header(given, name) for name in (ID, TIMESTAMP, SIGNATURE))
    _check_time(timestamp, time.time() if now is None else now, tolerance_s)
    signed = f"{id_}.{timestamp}.".encode(errors="replace") + raw
    genuine = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    shown = [each.removeprefix("v1,").encode(errors="replace") for each in signatures.split() if each.startswith("v1,")]
    matches = [hmac.compare_digest(ours, theirs) for ours in genuine for theirs in shown]
    if not any(matches):
        raise SignatureError("no signature fits")
    try:
        return event_of(json.loads(raw))
    except (ValueError, UnexpectedAnswerError) as error:
        raise MalformedBodyError(f"the body is no event: {error}") from None


def _header(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise MissingHeaderError(f"the header {name} is missing")
    return given[name]


def _check_time(timestamp: str, now: float, tolerance_s: float) -> None:
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 15:
        raise MalformedTimestampError(f"{TIMESTAMP} must be seconds since 1970")
    if int(timestamp) < now - tolerance_s:
        raise TimestampTooOldError(f"the request is {now - int(timestamp):.0f} s old")
    if int(timestamp) > now + tolerance_s:
        raise TimestampTooNewError(f"the request is of {int(timestamp) - now:.0f} s from now")


def _key(secret: str) -> bytes:
    """Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"a secret must be {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64")
    return key
