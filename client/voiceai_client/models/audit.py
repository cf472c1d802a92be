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
    """A token's name; empty: a wrong token was shown."""
    operation: str
    call: str | None
    asked: Mapping[str, Any]
    """The body or query, with masked numbers and without words."""
    status: int
    """Of the answer."""
    request_id: str
    source: str | None
    """The address of the client, or of a proxy in between."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditPage(Model):
    entries: tuple[AuditEntryAnswer, ...]
    next: int | None
    """For the query's `before`: the page that follows; null on the last one."""
