"""Answers, and parts of requests: sessions. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass
from datetime import datetime

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConsoleSessionAnswer(Model):
    id: str
    name: str
    """Whose it is: a key's or a token's name, or `sso:` and a person's."""
    began_at: datetime
    used_at: datetime
    source: str | None
    """The address of the log-in."""
    current: bool
    """The one that this request came with."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConsoleSessionPage(Model):
    sessions: tuple[ConsoleSessionAnswer, ...]
    """Newest first."""
