"""API keys and sessions of the console, as JSON. [pure]"""

from typing import Annotated

from pydantic import Field, StringConstraints

from controller.api.models.base import Answer, Body, Instant, Moment, Name
from controller.config.models.api import Scope

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Comment = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Names = Annotated[list[Name], Field(min_length=1, max_length=200)]
Sources = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(min_length=1, max_length=100)]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=20)]


class CreateKey(Body):
    name: KeyName
    """The name in logs and in the audit log. It must be unique among keys and tokens of the configuration."""
    scopes: Scopes
    agents: Names | None = None
    """The key sees and places only calls of these agents. Default: all agents."""
    trunks: Names | None = None
    """The key sees and places only calls over these trunks. Default: all trunks."""
    sources: Sources | None = None
    """Addresses and networks from which the key may be used, such as 10.1.0.0/16. Default: all."""
    expires_at: Instant | None = None
    """Default: never."""
    comment: Comment = ""


class ChangeKey(Body):
    """Missing fields are not changed."""

    scopes: Scopes | None = None
    agents: Names | None = None
    """null removes the limit, also for `trunks`, `sources` and `expires_at`."""
    trunks: Names | None = None
    sources: Sources | None = None
    expires_at: Instant | None = None
    comment: Comment | None = None


class KeyAnswer(Answer):
    id: str | None
    """null: a token of the configuration file; change it there."""
    prefix: str | None
    """The start of the key."""
    name: str
    scopes: tuple[str, ...]
    agents: tuple[str, ...] | None
    """null: no limit. The same for the fields below."""
    trunks: tuple[str, ...] | None
    sources: tuple[str, ...] | None
    expires_at: Moment | None
    comment: str
    version: int
    """Increases with each change. It is the `ETag` of the key."""
    created_at: Moment | None
    created_by: str
    changed_at: Moment | None
    changed_by: str
    used_at: Moment | None
    """The time of the latest accepted request. After a kill of the controller, the last minute may be missing."""
    used_from: str | None


class KeyCreated(KeyAnswer):
    key: str
    """The key. It is shown only in this answer."""


class KeyPage(Answer):
    keys: tuple[KeyAnswer, ...]
    """Keys of the database, newest first, then the tokens of the configuration."""


class ConsoleSessionAnswer(Answer):
    id: str
    name: str
    """The user: the name of a key or token, or `sso:` and the name of a person."""
    began_at: Moment
    used_at: Moment
    source: str | None
    """The address from which the user logged in."""
    current: bool
    """true for the session of this request."""


class ConsoleSessionPage(Answer):
    sessions: tuple[ConsoleSessionAnswer, ...]
    """Newest first."""
