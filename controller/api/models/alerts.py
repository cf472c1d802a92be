"""Alerts, as JSON. [pure]"""

from typing import Literal

from controller.api.models.base import Answer


class AlertAnswer(Answer):
    type: str
    """Stable: docs/metrics.md lists them."""
    severity: Literal["critical", "warning", "info"]
    """critical: calls can't be handled, or data is lost; warning: it may become so; info: somebody has set it so."""
    subject: str | None
    """The name of the trunk, worker, node, task or folder. null: the controller itself."""
    message: str
    """What has happened."""
    action: str
    """What to do."""


class AlertList(Answer):
    alerts: tuple[AlertAnswer, ...]
    """The most severe first. Empty: nothing needs attention."""
