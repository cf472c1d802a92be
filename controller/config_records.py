"""config.yaml's `records`: what is kept of calls, and for how long. [pure]"""

from typing import Literal

from pydantic import Field

from controller.config_values import Section, SomeText


class Records(Section):
    """What the store keeps of calls that are over (GET /v1/history). Recordings are the agents' `recording`."""

    keep_days: float | None = Field(365.0, gt=0, le=36500)
    """Calls older than this are deleted, with all that is known of them. null: kept for ever."""
    transcript_days: float | None = Field(90.0, gt=0, le=36500)
    """What was said is deleted earlier than the rest. null: with the rest."""
    transcripts: bool = True
    """false: what is said is never written down."""
    numbers: Literal["full", "masked", "none"] = "full"
    """masked: the last two digits only; none: no trace of them. Both before anything is written, for good."""
    journal: SomeText | None = None
    """A file for what the store does not take at the moment. null: beside SQLite's file, else var/voiceai.journal."""
