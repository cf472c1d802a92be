"""config.yaml's `records`: what is stored about calls, and for how long. [pure]"""

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from controller.config.values import OptionalSecret, Section, SomeText, wrong

SHORTEST_KEY = 32
_HINT = "make one with: openssl rand -hex 32"


class Records(Section):
    """What the store keeps of calls that are over (GET /v1/history). Recordings are the agents' `recording`."""

    keep_days: float | None = Field(365.0, gt=0, le=36500)
    """Calls older than this are deleted, with all that is known of them. null: kept for ever."""
    transcript_days: float | None = Field(90.0, gt=0, le=36500)
    """What was said is deleted earlier than the rest. null: with the rest."""
    transcripts: bool = True
    """false: what is said is never written down."""
    numbers: Literal["full", "masked", "hashed", "none"] = "full"
    """masked: the last two digits only; hashed: a pseudonym, by which the calls of one number can still be found and
    deleted; none: no trace of them. All before anything is written, for good."""
    hash_key: OptionalSecret = None
    """For `hashed`: `openssl rand -hex 32`. Keep it: with another one earlier calls of a number can't be found."""
    journal: SomeText | None = None
    """A file for what the store does not take at the moment. null: beside SQLite's file, else var/voiceai.journal."""

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
