"""The audit log, as JSON. [pure]"""

from typing import Any

from pydantic import Field

from controller.api.models.base import Answer, Body, Instant, Moment


class AuditQuery(Body):
    by: str | None = Field(None, max_length=64)
    """A token's name; empty: wrong tokens."""
    operation: str | None = Field(None, max_length=64)
    """Its operationId."""
    call: str | None = Field(None, max_length=64)
    since: Instant | None = None
    """Requests at this time or later."""
    until: Instant | None = None
    """Requests before this time."""
    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=1, le=2**53)
    """The `next` of the page before this one."""


class AuditEntryAnswer(Answer):
    number: int
    at: Moment
    by: str
    """A token's name; empty: a wrong token was shown."""
    operation: str
    call: str | None
    asked: dict[str, Any]
    """The body or query, with masked numbers and without words."""
    status: int
    """Of the answer."""
    request_id: str
    source: str | None
    """The address of the client, or of a proxy in between."""


class AuditPage(Answer):
    entries: tuple[AuditEntryAnswer, ...]
    next: int | None
    """For the query's `before`: the page that follows; null on the last one."""
