"""Alerts, as JSON. [pure]"""

from typing import Literal

from controller.api.models.base import Answer


class AlertAnswer(Answer):
    type: str
    """A stable name, listed in docs/metrics.md."""
    severity: Literal["critical", "warning", "info"]
    """critical: calls cannot be handled, or data is lost. warning: this may happen soon. info: set by an operator."""
    subject: str | None
    """The name of the trunk, worker, node, task or folder. null: the controller itself."""
    message: str
    """What has happened."""
    action: str
    """What to do."""


class AlertList(Answer):
    alerts: tuple[AlertAnswer, ...]
    """The most severe first. Empty: nothing needs attention."""
