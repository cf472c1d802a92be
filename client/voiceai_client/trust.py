"""Which certificate authorities are trusted.

Owns the reading of `ca_file`.
"""

import ssl
from pathlib import Path


def trusted(ca_file: str | Path | None) -> ssl.SSLContext | bool:
    """As httpx takes it; None: those that httpx trusts. Raises ValueError."""
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"ca_file {ca_file} can't be used: {error.strerror or error}") from None
