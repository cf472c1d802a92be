"""Live levels and words of calls, as JSON. [pure]"""

from typing import Literal

from pydantic import Field

from controller.api.models.base import Answer, Body


class SceneQuery(Body):
    call: str | None = Field(None, max_length=64)
    """Only this call."""


class SceneAnswer(Answer):
    """One live call. Levels in dBFS, the loudest since the last scene; null: silence."""

    call: str
    caller_dbfs: float | None
    agent_dbfs: float | None
    speaking: tuple[Literal["caller", "agent"], ...]
    saying: str
    """The agent's words that the caller has heard of the present utterance; empty without the scope `recordings`."""
    cost: float
    """US dollars so far."""


class LiveStatusAnswer(Answer):
    scenes: tuple[SceneAnswer, ...]
