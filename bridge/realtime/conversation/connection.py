"""Whether there is a connection to the AI, and what is sent on it. [pure]

Owns `open` and `lost_at`, which only `ConnectionOpened` and `ConnectionLost` change; the conversation's `history`; and
changes of the set-up that were made while there was no connection. On a new connection is sent, in this order: the
set-up, if it was changed while the connection was being opened; the history; those changes. Of what the conversation
sends, only what makes sense to the present connection is passed on; nothing, if there is none.
"""

from collections.abc import Iterable

from bridge.contract import Ready, Reconnected, Said
from bridge.realtime.conversation.effects import Effect, Emit, Send
from bridge.realtime.conversation.history import History
from bridge.realtime.conversation.inputs import ConnectionOpened
from bridge.realtime.conversation.turn_detection import TurnDetection
from bridge.realtime.protocol.client_events import ClientEvent, SessionUpdate


class Connection:
    """The present connection of a conversation. `call`: the id of the call. `now`: seconds of a monotonic clock."""

    def __init__(self, call: str, turn_detection: TurnDetection) -> None:
        self._call = call
        self._turn_detection = turn_detection
        self.history = History()
        self.open = False
        self.lost_at: float | None = None
        """Since when there is none; None: there is one, or there was none yet."""
        self._revision = 0
        """Of the set-up with which a connection was last opened."""
        self._unsent: list[SessionUpdate] = []
        """Changes of the set-up while there was no connection."""

    def setup(self) -> SessionUpdate:
        """The `session.update` for a connection that is being opened."""
        self._revision = self._turn_detection.revision
        return self._turn_detection.setup()

    def opened(self, what: ConnectionOpened) -> list[Effect]:
        """There is a connection, the first or another one. Returns what comes before all other effects."""
        info, updated = what.info, what.updated
        self.open, self.lost_at = True, None
        self.history.lost()
        changed = [self.setup()] if self._revision != self._turn_detection.revision else []
        replayed = self.history.replay(dropped=not (info.first or info.planned))
        effects: list[Effect] = [Send(event) for event in (*changed, *replayed, *self._unsent)]
        self._unsent.clear()
        if info.first:
            model = updated.model or info.provider.model
            ready = Ready(call=self._call, model=model, session=updated.session_id, took_ms=info.gap_ms)
            return [*effects, Emit(ready)]
        reconnected = Reconnected(
            call=self._call,
            provider=info.provider.name,
            attempts=info.attempts,
            gap_ms=info.gap_ms,
            reason=info.reason,
            planned=info.planned,
        )
        return [*effects, Emit(reconnected)]

    def lost(self, now: float) -> None:
        """There is none any more; another one is being opened."""
        self.open = False
        self.lost_at = now if self.lost_at is None else self.lost_at
        self.history.lost()

    def passed_on(self, effects: Iterable[Effect]) -> list[Effect]:
        """The same effects; of the events to send, those that make sense to the present connection."""
        passed: list[Effect] = []
        for effect in effects:
            match effect:
                case Send(event):
                    passed += self._sends(self.history.sent(event))
                    if isinstance(event, SessionUpdate) and not self.open:
                        self._unsent.append(event)
                case Emit(Said() as said):
                    passed += [effect, *self._sends(self.history.said(said))]
                case _:
                    passed.append(effect)
        return passed

    def _sends(self, events: Iterable[ClientEvent]) -> list[Effect]:
        return [Send(event) for event in events] if self.open else []
