"""DTMF digits of the caller: each is reported at once; the model gets them together, as one text. [pure]

Owns the digits that the model has not got yet. It gets them after `#`, after a pause of `PAUSE_S`, or when there are
`MOST`. Digits on which the controller acts (`SessionSpec.digit_actions`) are not passed on to the model.
"""

from bridge.contract import DigitPressed
from bridge.realtime.conversation.effects import CancelTimer, EffectList, Emit, Send, StartTimer, Timer
from bridge.realtime.conversation.responses import ResponseRequest, Responses
from bridge.realtime.protocol.client_events import ItemCreate, Message

PAUSE_S = 1.5
MOST = 64
"""Digits of one text."""


class DtmfCollector:
    """Collects the digits. `actions`: those on which the controller acts."""

    def __init__(self, call: str, actions: tuple[str, ...], out: EffectList, responses: Responses) -> None:
        self._call = call
        self.actions = actions
        self._out = out
        self._responses = responses
        self._pressed = ""

    def pressed(self, digit: str) -> None:
        """The caller pressed a key."""
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
        """There are digits that the model has not got yet."""
        return bool(self._pressed)

    def tell(self) -> None:
        """Pass the digits on to the model, and request a response."""
        self._out.add(CancelTimer(Timer.DIGITS))
        if not self._pressed:
            return
        item_id = self._out.new_id("item")
        text, self._pressed = f"[DTMF] {self._pressed}", ""
        self._out.add(Send(ItemCreate(self._out.new_id("digits"), Message(item_id, "user", text))))
        self._responses.request(ResponseRequest(items={item_id}))
