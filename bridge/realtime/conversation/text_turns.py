"""The turns of a text session: what the user types, what the agent writes, and when it is the user's turn. [pure]

A text session (`SessionSpec.modality`) is a conversation without sound: nothing is played, so what the agent has
written counts as heard, and nobody interrupts. All the rest, tools and errors and lost connections, is as in a call.

Source: OpenAI Realtime API, `output_modalities` ["text"]; `conversation.item.create` with `input_text`.
"""

from bridge.contract import Said, SessionSpec, TurnCompleted
from bridge.realtime.conversation.connection import Connection
from bridge.realtime.conversation.effects import EffectList, Emit, EndSession, Send
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.conversation.responses import ResponseRequest, Responses
from bridge.realtime.protocol.client_events import ItemCreate, Message

NO_TEXT_MODE = "the server answers with sound where text was asked for: this model has no text mode"


class TextTurns:
    """`on`: this is a text session. Otherwise nothing here has an effect."""

    def __init__(
        self, call: str, spec: SessionSpec, out: EffectList, responses: Responses, connection: Connection
    ) -> None:
        self.on = spec.modality == "text"
        self._call = call
        self._out = out
        self._responses = responses
        self._connection = connection
        self._written = RecentIds()
        self._open = False
        """It is the agent's turn."""

    def begin(self) -> None:
        """The agent may write from now on: its greeting, if it has one."""
        self._open = self.on

    def typed(self, text: str) -> None:
        """The user's words. They are answered."""
        if not self.on:
            return
        self._open = True
        item_id = self._out.new_id("item")
        said = Said(call=self._call, who="caller", text=text, item=item_id)
        self._out.add(Send(ItemCreate(self._out.new_id("typed"), Message(item_id, "user", text))), Emit(said))
        self._responses.request(ResponseRequest(items={item_id}, required=True))

    def written(self, item_id: str, content_index: int, text: str) -> None:
        """The agent has written a part of an item."""
        if (key := f"{item_id} {content_index}") in self._written:
            return
        self._written.add(key)
        self._connection.history.written(item_id)
        self._out.add(Emit(Said(call=self._call, who="agent", text=text, item=item_id)))

    def sound(self) -> None:
        """Audio has come, which no text session asks for."""
        if self.on:
            self._out.add(EndSession("config", NO_TEXT_MODE, again=False))

    def settled(self, *, quiet: bool) -> None:
        """After each input. `quiet`: nothing is being written, requested or carried out."""
        if self._open and quiet:
            self._open = False
            self._out.add(Emit(TurnCompleted(call=self._call)))
