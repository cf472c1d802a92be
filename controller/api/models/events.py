"""Event streams and the dead letters of webhooks, as JSON. [pure]"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from controller.api.models.base import Answer, Body, Moment

Named = Annotated[str, StringConstraints(min_length=1, max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Replay(Body):
    """Selects the dead letters to send again: of a receiver, of a call, of both, or all."""

    receiver: Named | None = None
    call: Named | None = None


class Discard(Body):
    """Selects the dead letters to delete: of a receiver, of a call, of both, or all."""

    receiver: Named | None = None
    call: Named | None = None
    all: Literal[True] | None = None
    """true deletes all dead letters. Then receiver and call must be missing."""

    @model_validator(mode="after")
    def _says_which(self) -> "Discard":
        if (self.receiver is None and self.call is None) != bool(self.all):
            raise ValueError("needs `receiver` or `call`, or `all` alone")
        return self


class StreamQuery(Body):
    type: tuple[str, ...] = ()
    """Only events of this type; `call.*` matches all types with this beginning. May be given more than once."""


class LetterQuery(Body):
    receiver: Named | None = None
    call: Named | None = None
    after: int = Field(0, ge=0, le=2**53)
    """The `next` of the page before this one."""
    limit: int = Field(100, ge=1, le=1000)


class LetterAnswer(Answer):
    """A message that its receiver did not accept in any attempt."""

    number: int
    event: str
    type: str
    call: str
    receiver: str
    accepted_at: Moment
    dead_at: Moment
    attempts: int
    reason: str


class LetterPage(Answer):
    dead_letters: tuple[LetterAnswer, ...]
    next: int | None


class Replayed(Answer):
    replayed: int


class Discarded(Answer):
    discarded: int
