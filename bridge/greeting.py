"""The greeting, and its protection from interruption. [pure]

Owns whether the greeting has been said, and whether the caller may interrupt yet. While the greeting is protected the
server's VAD runs with `interrupt_response: false`; once it has been played in full (or will never be), the agent's
own turn detection is put in force by `ears`.
"""

from bridge import wording
from bridge.contract import SessionSpec
from bridge.ears import Ears
from bridge.playout import MOST_UNFINISHED, Playout
from bridge.responses import Responses, Wish


class Greeting:
    """See the module."""

    def __init__(self, spec: SessionSpec, ears: Ears, playout: Playout, responses: Responses) -> None:
        self._spec = spec
        self._ears = ears
        self._playout = playout
        self._responses = responses
        self._asked = False
        self._items: set[str] = set()

    @property
    def protected(self) -> bool:
        """Speech of the caller is not heeded."""
        return self._ears.protected

    @property
    def watching(self) -> bool:
        """The end of the protected greeting is to be noticed at the tick that plays it."""
        return self.protected and self._asked

    def ask(self, *, resumed: bool = False) -> None:
        """The caller listens. `resumed`: to an agent that was greeted by before, and goes on."""
        if resumed and not self._asked:
            self._asked, self._ears.protected = True, False
            self._ears.changed()
            self._responses.want(Wish())
        if not self._spec.greeting or self._asked:
            return
        self._asked = True
        text = wording.greeting(self._spec.greeting)
        self._responses.want(Wish(greeting=True, instructions=text, tool_choice="none", text=self._spec.greeting))

    def sound(self, item_id: str) -> None:
        """Sound was queued."""
        if self.watching and self._responses.greeting_pending and len(self._items) < MOST_UNFINISHED:
            self._items.add(item_id)

    def ticked(self) -> None:
        """A frame may have been handed to Asterisk."""
        if not self.watching or self._responses.greeting_pending:
            return
        accounts = [self._playout.heard(item_id) for item_id in self._items]
        if all(each is None or each.heard_ms >= each.received_ms for each in accounts):
            self._ears.protected = False
            self._ears.changed()
