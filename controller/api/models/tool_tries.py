"""A tool over HTTP that is tried: the arguments, and what came of them, as JSON. [pure]"""

from typing import Any

from pydantic import Field

from controller.api.models.base import Answer, Body


class TryTool(Body):
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments, as the model would send them."""
    draft: bool = False
    """true: the draft. Default: the published version."""


class ToolTried(Answer):
    """What the agent would get in a call. Secrets are replaced by stars."""

    ok: bool
    """Whether the model would see a success."""
    output: str
    """The text that the model would read."""
    reason: str | None
    """Why it failed, as in the metric of tools' failures; `too_large`: the text is cut."""
    detail: str
    """The cause in words, for the person who configures the tool."""
    status: int | None
    """The HTTP status of the server. null: no answer."""
    duration_ms: int
    method: str
    url: str | None
    """The URL of the request. null: nothing was sent, because the arguments do not match the schema."""
