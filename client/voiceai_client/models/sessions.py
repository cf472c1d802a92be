"""Answers, and parts of requests: sessions. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass
from datetime import datetime

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConsoleSessionAnswer(Model):
    id: str
    name: str
    """The user: the name of a key or token, or `sso:` and the name of a person."""
    began_at: datetime
    used_at: datetime
    source: str | None
    """The address from which the user logged in."""
    current: bool
    """true for the session of this request."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConsoleSessionPage(Model):
    sessions: tuple[ConsoleSessionAnswer, ...]
    """Newest first."""
