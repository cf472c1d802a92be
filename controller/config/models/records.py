"""config.yaml's `records`: what is stored about calls, and for how long. [pure]"""

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from controller.config.values import OptionalSecret, Section, SomeText, wrong

SHORTEST_KEY = 32
_HINT = "make one with: openssl rand -hex 32"


class Records(Section):
    """What the database keeps of past calls (GET /v1/history). Recordings have their own settings:
    `agents.*.recording`."""

    keep_days: float | None = Field(365.0, gt=0, le=36500)
    """Days after which a call is deleted with everything that is stored about it. null: never."""
    transcript_days: float | None = Field(90.0, gt=0, le=36500)
    """Days after which the transcript is deleted. null: together with the call."""
    transcripts: bool = True
    """false: transcripts are not stored."""
    numbers: Literal["full", "masked", "hashed", "none"] = "full"
    """masked: only the last two digits. hashed: a pseudonym, with which the calls of a number can still be found and
    deleted. none: no numbers. This is applied before anything is stored and cannot be undone."""
    hash_key: OptionalSecret = None
    """For `hashed`: at least 32 characters, `openssl rand -hex 32`. Keep it: with another key, earlier calls of a
    number cannot be found."""
    journal: SomeText | None = None
    """A file for records while the database is down. null: beside the SQLite file, or var/voiceai.journal."""

    @field_validator("hash_key")
    @classmethod
    def _long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            raise wrong(f"must have at least {SHORTEST_KEY} characters: numbers are few, and soon tried", _HINT)
        return key

    @model_validator(mode="after")
    def _key_for_hashed(self) -> Self:
        if self.numbers == "hashed" and self.hash_key is None:
            raise wrong("`numbers: hashed` needs a `hash_key`", _HINT)
        return self
