"""Answers, and parts of requests: keys. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass
from datetime import datetime

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyAnswer(Model):
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
    expires_at: datetime | None
    comment: str
    version: int
    """One more with each change; in the `ETag` of a single key."""
    created_at: datetime | None
    created_by: str
    changed_at: datetime | None
    changed_by: str
    used_at: datetime | None
    """The latest request that was let in. It may lack the last minute before a controller was killed."""
    used_from: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyCreated(KeyAnswer):
    key: str
    """The key itself. It is shown here, and never again."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyPage(Model):
    keys: tuple[KeyAnswer, ...]
    """Those of the store, newest first; then the tokens of the config."""
