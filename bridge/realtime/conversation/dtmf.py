"""The keys that the caller presses: reported at once, told to the model as one text. [pure]

Owns the digits pressed so far. They are told after `#`, a pause or `MOST` of them. Digits on which the controller acts
are reported only: the model is not to react to them as well.
"""

from bridge.contract import DigitPressed
from bridge.realtime.conversation.effects import CancelTimer, EffectList, Emit, Send, StartTimer, Timer
from bridge.realtime.conversation.responses import ResponseRequest, Responses
from bridge.realtime.protocol.client_events import ItemCreate, Message

PAUSE_S = 1.5
MOST = 64
"""Digits of one text."""


class DtmfCollector:
    """See the module. `actions`: those on which the controller acts."""

    def __init__(self, call: str, actions: tuple[str, ...], out: EffectList, responses: Responses) -> None:
        self._call = call
        self.actions = actions
        self._out = out
        self._responses = responses
        self._pressed = ""

    def pressed(self, digit: str) -> None:
        """One key."""
        self._out.add(Emit(DigitPressed(call=self._call, digit=digit)))
        if digit in self.actions:
            return
        self._pressed += digit
        if digit == "#" or len(self._pressed) >= MOST:
            self.tell()
        else:
            self._out.add(StartTimer(Timer.DIGITS, PAUSE_S))

    @property
    def collecting(self) -> bool:
        """The caller may press another one."""
        return bool(self._pressed)

    def tell(self) -> None:
        """These are all."""
        self._out.add(CancelTimer(Timer.DIGITS))
        if not self._pressed:
            return
        item_id = self._out.new_id("item")
        text, self._pressed = f"[DTMF] {self._pressed}", ""
        self._out.add(Send(ItemCreate(self._out.new_id("digits"), Message(item_id, "user", text))))
        self._responses.request(ResponseRequest(items={item_id}))
