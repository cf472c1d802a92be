"""What follows when the session that the server says is in force is not the one that was asked for. [pure]

Owns the reaction, on a connection that is in use: each difference is a warning, told once a call; an essential one is
asked for again once, and ends the connection if it stays, so that another provider is taken. A server that does not
interrupt or answer by itself, though it was asked to, is relieved of it: `ears` does so in its place.
"""

from bridge.ai_warnings import AiWarnings
from bridge.ears import Ears
from bridge.realtime.events import SessionUpdated
from bridge.realtime.session_differences import Difference, summary
from bridge.signals import EndSession, Outbox


class EffectiveSession:
    """See the module."""

    def __init__(self, out: Outbox, ears: Ears, warnings: AiWarnings) -> None:
        self._out = out
        self._ears = ears
        self._warnings = warnings
        self._asked_again = False
        """On this connection."""

    def connected(self, updated: SessionUpdated | None) -> None:
        """Another connection, and what its server made of our wishes."""
        self._asked_again = False
        self._heed(updated.differences if updated else ())

    def updated(self, updated: SessionUpdated) -> None:
        """`session.updated` on the present connection."""
        essential = [each for each in updated.differences if each.essential]
        if not essential:
            self._heed(updated.differences)
        elif not self._asked_again:
            self._asked_again = True
            self._ears.repeat()
        else:
            self._out.add(EndSession("config", f"the session is not as asked for: {summary(essential)}"))

    def _heed(self, differences: tuple[Difference, ...]) -> None:
        names = {each.name for each in differences}
        self._ears.confirmed(
            interrupts="turn_detection.interrupt_response" not in names,
            answers="turn_detection.create_response" not in names,
        )
        for each in differences:
            self._warnings.warn("session_differs", (each.name,), str(each))
