"""The server's turn detection: may it interrupt the agent, may it answer the caller by itself? [pure]

Owns the settings in force. They are the agent's, except:

    while                                         interrupts   answers
    -------------------------------------------   ----------   -------------------
    the first words were not heard (`greeting`)   as set       we ask it to
    the consent, or the greeting, is protected    no           we ask it to
    last words are said, or the call is held      no           no
    short speech is ignored (`min_speech_ms`)     we do        we ask it to

Reasons for the last row: if short speech is not to interrupt, the server must not cancel responses when speech begins.
Nor may it answer by itself: it would answer a cough, since the reply that is being played was generated long before and
is not active any more.
"""

from bridge.contract import SessionSpec
from bridge.realtime.conversation.effects import EffectList, Send
from bridge.realtime.protocol.client_events import (
    SessionUpdate,
    session_change,
    session_repeat,
    session_update,
    turn_detection_update,
)


class TurnDetection:
    """The settings of one conversation. `opening`, `protected` and `muted` are set from outside; then `changed` is
    called."""

    def __init__(self, spec: SessionSpec, out: EffectList) -> None:
        self._spec = spec
        self._out = out
        self.opening = bool(spec.greeting or spec.consent)
        """The first words have not been heard."""
        self.protected = bool(spec.consent or (spec.greeting and spec.protect_greeting))
        self.muted = False
        self._told = self._wanted
        self.server_interrupts = self._wanted[0]
        """The server cancels the response by itself when the caller speaks."""
        self._answers = True
        """The server does answer by itself if it is asked to."""
        self.revision = 0
        """Counts changes. A connection that was set up with an earlier one has missed a change."""

    @property
    def _ours(self) -> bool:
        return self._spec.min_speech_ms > 0

    @property
    def server_answers(self) -> bool:
        """The server begins a response by itself when the caller stops."""
        return self._wanted[1] and self._answers

    @property
    def we_answer(self) -> bool:
        """The caller is to be answered, and we must request that."""
        neglected = self._wanted[1] and not self._answers
        return neglected or ((self._ours or self.opening) and self._spec.turn_detection.create_response)

    @property
    def _wanted(self) -> tuple[bool, bool]:
        options = self._spec.turn_detection
        interrupts = options.interrupt_response and not (self._ours or self.muted or self.protected)
        return interrupts, options.create_response and not (self._ours or self.muted or self.opening)

    def setup(self) -> SessionUpdate:
        """The `session.update` with which each connection begins."""
        self._told = self._wanted
        return session_update(self._out.new_id("setup"), self._spec, *self._wanted)

    def apply(self, spec: SessionSpec) -> None:
        """Another agent goes on, on the same connection."""
        before, self._spec = self._spec, spec
        self._sent(session_change(self._out.new_id("setup"), before, spec, *self._wanted))

    def changed(self) -> None:
        """An attribute was set: send the change, if it is one for the server."""
        if self._told == self._wanted or self._spec.modality == "text":
            return
        self._sent(turn_detection_update(self._out.new_id("setup"), self._spec, *self._wanted))

    def confirmed(self, *, interrupts: bool = True, answers: bool = True) -> None:
        """`session.updated` has come. False: the server does not do this, though it was asked to."""
        self.server_interrupts = self._wanted[0] and interrupts
        self._answers = answers

    def repeat(self) -> None:
        """Send the whole session again, but for what can't be changed any more."""
        self._sent(session_repeat(self._out.new_id("setup"), self._spec, *self._wanted))

    def _sent(self, event: SessionUpdate) -> None:
        self._told = self._wanted
        self.revision += 1
        if not self._wanted[0]:
            self.server_interrupts = False
        self._out.add(Send(event))
