"""The greeting, and its protection from interruption. [pure]

Owns the words with which the model is asked to say a given text, and whether the caller may interrupt yet. While the
greeting is protected the server's VAD runs with `interrupt_response: false`; once it has been played in full (or
will never be), the agent's own turn detection is put in force, and the server's confirmation is waited for.
"""

from bridge.contract import SessionSpec
from bridge.playout import Playout
from bridge.realtime.frames import session_update, unprotect
from bridge.responses import Responses, Wish
from bridge.signals import Outbox, Send

WORDS = (
    "Greet the caller now. Say exactly the text between the quotation marks, word for word, in its own language, "
    'and nothing before or after it: "{}"'
)


class Greeting:
    """See the module. `protected`: speech of the caller is not heeded."""

    def __init__(self, spec: SessionSpec, out: Outbox, playout: Playout, responses: Responses) -> None:
        self._spec = spec
        self._out = out
        self._playout = playout
        self._responses = responses
        self._asked = False
        self._items: set[str] = set()
        self.protected = bool(spec.greeting) and spec.protect_greeting
        self.server_interrupts = not self.protected
        """The server cancels by itself when the caller speaks."""

    @property
    def watching(self) -> bool:
        """The end of the protected greeting is to be noticed at the tick that plays it."""
        return self.protected and self._asked

    def setup(self) -> bytes:
        """The `session.update` with which each connection begins."""
        return session_update(self._out.new_id("setup"), self._spec, protect=self.protected)

    def ask(self) -> None:
        """The caller listens."""
        if not self._spec.greeting or self._asked:
            return
        self._asked = True
        text = WORDS.format(self._spec.greeting)
        self._responses.want(Wish(greeting=True, instructions=text, tool_choice="none"))

    def sound(self, item_id: str) -> None:
        """Sound was queued."""
        if self.watching and self._responses.greeting_pending:
            self._items.add(item_id)

    def ticked(self) -> None:
        """A frame may have been handed to Asterisk."""
        if not self.watching or self._responses.greeting_pending:
            return
        accounts = [self._playout.heard(item_id) for item_id in self._items]
        if all(each is None or each.heard_ms >= each.received_ms for each in accounts):
            self.protected = False
            self._out.add(Send(unprotect(self._out.new_id("setup"), self._spec)))

    def session_updated(self) -> None:
        """What we sent last is in force."""
        self.server_interrupts = not self.protected
