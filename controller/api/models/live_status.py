"""What is heard at this moment, as JSON. [pure]"""

from typing import Literal

from pydantic import Field

from controller.api.models.base import Answer, Body


class SceneQuery(Body):
    call: str | None = Field(None, max_length=64)
    """Only this one."""


class SceneAnswer(Answer):
    """One live call. Levels in dBFS, the loudest since the last scene; null: not a sound."""

    call: str
    caller_dbfs: float | None
    agent_dbfs: float | None
    speaking: tuple[Literal["caller", "agent"], ...]
    saying: str
    """The agent's present words, as far as they were heard; empty for a token without the scope `recordings`."""
    cost: float
    """US dollars so far."""


class ScenesAnswer(Answer):
    scenes: tuple[SceneAnswer, ...]
