"""What proves that a webhook comes from us, and that it is not an old one sent again. [pure]

Owns the signature of Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 over
`<id>.<timestamp>.<body>`, in base64, as `v1,<signature>`; several of them, with spaces between, while a secret is being
replaced. A secret is `whsec_` and 24 to 64 bytes in base64. `verify` is the receivers' half.
"""

import base64
import hmac
from collections.abc import Iterable, Mapping

TOLERANCE = 300.0
"""Seconds that a timestamp may be off."""

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class Forged(Exception):
    """Not signed by who has the secret, or not now. The text says why."""


def headers(keys: Iterable[bytes], event_id: str, body: bytes, now: float) -> dict[str, str]:
    """Of one attempt: the same event sent again later has another timestamp. `now`: seconds since 1970."""
    timestamp = str(int(now))
    signatures = " ".join(f"v1,{_signature(key, event_id, timestamp, body)}" for key in keys)
    return {ID: event_id, TIMESTAMP: timestamp, SIGNATURE: signatures}


def verify(keys: Iterable[bytes], given: Mapping[str, str], body: bytes, now: float) -> None:
    """`given`: the request's headers, by small names. Raises Forged."""
    event_id, timestamp = given.get(ID, ""), given.get(TIMESTAMP, "")
    if not event_id or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 15:
        raise Forged("the headers are missing or malformed")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise Forged("the timestamp is too far from now")
    shown = [each.removeprefix("v1,") for each in given.get(SIGNATURE, "").split() if each.startswith("v1,")]
    genuine = [_signature(key, event_id, timestamp, body) for key in keys]
    matches = [hmac.compare_digest(ours.encode(), theirs.encode()) for ours in genuine for theirs in shown]
    if not any(matches):
        raise Forged("no signature fits")


def _signature(key: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{event_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
