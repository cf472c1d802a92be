"""The audit log, as JSON. [pure]"""

from typing import Any

from pydantic import Field

from controller.api.models.base import Answer, Body, Instant, Moment


class AuditQuery(Body):
    by: str | None = Field(None, max_length=64)
    """The name of a token. Empty: requests with wrong tokens."""
    operation: str | None = Field(None, max_length=64)
    """The operationId of the request."""
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
    """The name of the token. Empty: the token was wrong."""
    operation: str
    call: str | None
    asked: dict[str, Any]
    """The body or query, with masked numbers and without personal texts."""
    status: int
    """The HTTP status of the answer."""
    request_id: str
    source: str | None
    """The address of the client, or of the proxy in front of the API."""


class AuditPage(Answer):
    entries: tuple[AuditEntryAnswer, ...]
    next: int | None
    """The value of `before` for the next page; null on the last page."""
