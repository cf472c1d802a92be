"""What follows when the server's `session.updated` differs from the session that was asked for. [pure]

Each difference is a warning, reported once a call. An essential one is asked for again, once; if it stays, the
connection is ended, so that another provider is tried. If the server does not interrupt or answer by itself, though it
was asked to, we do that instead (`turn_detection`).
"""

from bridge.realtime.conversation.ai_warnings import AiWarnings
from bridge.realtime.conversation.effects import CancelTimer, EffectList, EndSession, StartTimer, Timer
from bridge.realtime.conversation.turn_detection import TurnDetection
from bridge.realtime.protocol.server_events import SessionUpdated
from bridge.realtime.protocol.session_differences import Difference, summary

MOST_TIMES = 5
"""After this number of corrections on one connection, the connection is given up."""
AGAIN_S = 2.0
"""For the answer to a correction."""


class EffectiveSession:
    """Watches the session of the present connection."""

    def __init__(self, out: EffectList, turn_detection: TurnDetection, warnings: AiWarnings) -> None:
        self._out = out
        self._turn_detection = turn_detection
        self._warnings = warnings
        self._asked_again = False
        """The session was asked for again, and is not right since."""
        self._times = 0
        """How often it was asked for again on this connection."""
        self._wrong = ""
        """The essential differences of the last `session.updated`, for people."""

    def connected(self, updated: SessionUpdated, refused: tuple[Difference, ...]) -> None:
        """Another connection, and what its server made of our set-up. `refused`: what others made of it."""
        self._asked_again, self._times = False, 0
        self._out.add(CancelTimer(Timer.SESSION))
        self._react(updated.differences)
        self._warn(refused)

    def updated(self, updated: SessionUpdated) -> None:
        """`session.updated` on the present connection."""
        essential = [each for each in updated.differences if each.essential]
        self._wrong = summary(essential)
        if not essential:
            self._asked_again = False
            self._out.add(CancelTimer(Timer.SESSION))
            self._react(updated.differences)
        elif not self._asked_again and self._times < MOST_TIMES:
            self._asked_again = True
            self._times += 1
            self._turn_detection.repeat()
            self._out.add(StartTimer(Timer.SESSION, AGAIN_S))
        else:
            self.overdue()

    def overdue(self) -> None:
        """It was asked for again, and is no better."""
        self._out.add(EndSession("config", f"the session is not as asked for: {self._wrong}"))

    def _react(self, differences: tuple[Difference, ...]) -> None:
        names = {each.name for each in differences}
        self._turn_detection.confirmed(
            interrupts="turn_detection.interrupt_response" not in names,
            answers="turn_detection.create_response" not in names,
        )
        self._warn(differences)

    def _warn(self, differences: tuple[Difference, ...]) -> None:
        for each in differences:
            self._warnings.warn("session_differs", (each.name,), str(each))
