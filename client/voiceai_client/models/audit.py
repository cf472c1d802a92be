"""Answers, and parts of requests: audit. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditEntryAnswer(Model):
    number: int
    at: datetime
    by: str
    """The name of the token. Empty: the token was wrong."""
    operation: str
    call: str | None
    asked: Mapping[str, Any]
    """The body or query, with masked numbers and without personal texts."""
    status: int
    """The HTTP status of the answer."""
    request_id: str
    source: str | None
    """The address of the client, or of the proxy in front of the API."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditPage(Model):
    entries: tuple[AuditEntryAnswer, ...]
    next: int | None
    """The value of `before` for the next page; null on the last page."""
