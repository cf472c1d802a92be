"""Answers, and parts of requests: keys. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass
from datetime import datetime

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyAnswer(Model):
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
    expires_at: datetime | None
    comment: str
    version: int
    """Increases with each change. It is the `ETag` of the key."""
    created_at: datetime | None
    created_by: str
    changed_at: datetime | None
    changed_by: str
    used_at: datetime | None
    """The time of the latest accepted request. After a kill of the controller, the last minute may be missing."""
    used_from: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyCreated(KeyAnswer):
    key: str
    """The key. It is shown only in this answer."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyPage(Model):
    keys: tuple[KeyAnswer, ...]
    """Keys of the database, newest first, then the tokens of the configuration."""
