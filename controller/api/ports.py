"""What the HTTP API asks of call control. [pure]"""

from collections.abc import Mapping
from typing import Protocol

from controller.calls.reporting.view import CallDetail, CallView
from controller.calls.runtime.call_control import CallControl


class Calls(Protocol):
    """What the HTTP API may ask of call control. Each method returns at once; what it starts shows in the view."""

    @property
    def verbs(self) -> "CallControl":
        """What may be asked of one live call."""

    def all(self) -> list[CallView]:
        """Live calls first, then those that ended, newest first."""

    def get(self, call: str) -> CallView:
        """Raises UnknownCall."""

    def detail(self, call: str) -> CallDetail:
        """Raises UnknownCall."""

    def ready(self) -> Mapping[str, bool]:
        """Each part that a call needs, and whether it is there."""
