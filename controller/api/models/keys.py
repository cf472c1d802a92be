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
    """Who it is for: appears in logs and in the audit log. No other key and no token of the config has it."""
    scopes: Scopes
    agents: Names | None = None
    """Only calls of these agents are seen and placed. Default: of all."""
    trunks: Names | None = None
    """Only calls over these trunks are seen and placed. Default: over all."""
    sources: Sources | None = None
    """Addresses and networks from which it may be used, such as 10.1.0.0/16. Default: from everywhere."""
    expires_at: Instant | None = None
    """Default: never."""
    comment: Comment = ""


class ChangeKey(Body):
    """What is left out stays as it is."""

    scopes: Scopes | None = None
    agents: Names | None = None
    """null: no limit any more; so for `trunks`, `sources` and `expires_at`."""
    trunks: Names | None = None
    sources: Sources | None = None
    expires_at: Instant | None = None
    comment: Comment | None = None


class KeyAnswer(Answer):
    id: str | None
    """null: a token of the config, which is changed there."""
    prefix: str | None
    """What the key begins with."""
    name: str
    scopes: tuple[str, ...]
    agents: tuple[str, ...] | None
    """null here and below: no limit."""
    trunks: tuple[str, ...] | None
    sources: tuple[str, ...] | None
    expires_at: Moment | None
    comment: str
    version: int
    """One more with each change; in the `ETag` of a single key."""
    created_at: Moment | None
    created_by: str
    changed_at: Moment | None
    changed_by: str
    used_at: Moment | None
    """The latest request that was let in. It may lack the last minute before a controller was killed."""
    used_from: str | None


class KeyCreated(KeyAnswer):
    key: str
    """The key itself. It is shown here, and never again."""


class KeyPage(Answer):
    keys: tuple[KeyAnswer, ...]
    """Those of the store, newest first; then the tokens of the config."""


class ConsoleSessionAnswer(Answer):
    id: str
    name: str
    """Whose it is: a key's or a token's name, or `sso:` and a person's."""
    began_at: Moment
    used_at: Moment
    source: str | None
    """The address of the log-in."""
    current: bool
    """The one that this request came with."""


class ConsoleSessionPage(Answer):
    sessions: tuple[ConsoleSessionAnswer, ...]
    """Newest first."""
