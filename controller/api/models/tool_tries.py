"""A tool over HTTP that is tried: the arguments, and what came of them, as JSON. [pure]"""

from typing import Any

from pydantic import Field

from controller.api.models.base import Answer, Body


class TryTool(Body):
    arguments: dict[str, Any] = Field(default_factory=dict)
    """As a model would write them."""
    draft: bool = False
    """The draft; default: what is published."""


class ToolTried(Answer):
    """What a call would have got. Values of secrets are stars wherever they stand."""

    ok: bool
    """What the model is told of it: it went well, or it failed."""
    output: str
    """The text that the model would read."""
    reason: str | None
    """Why it failed, as in the metric of tools' failures; `too_large`: the text is cut."""
    detail: str
    """The cause in words, for whoever sets the tool up."""
    status: int | None
    """Of the server's answer; null: there was none."""
    duration_ms: int
    method: str
    url: str | None
    """What was asked; null: nothing, because the arguments do not fit."""
