"""The secret of a webhook, whsec_ and 24 to 64 bytes in base64 (Standard Webhooks 1.0). [pure]"""

import base64
import binascii

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes."""


def key_of(secret: str) -> bytes:
    """The key in bytes. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"must be {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64")
    return key
