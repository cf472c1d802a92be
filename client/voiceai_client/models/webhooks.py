"""Answers, and parts of requests: webhooks. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass
from datetime import datetime

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Discarded(Model):
    discarded: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LetterAnswer(Model):
    """A message that its receiver did not accept in any attempt."""

    number: int
    event: str
    type: str
    call: str
    receiver: str
    accepted_at: datetime
    dead_at: datetime
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LetterPage(Model):
    dead_letters: tuple[LetterAnswer, ...]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Replayed(Model):
    replayed: int
