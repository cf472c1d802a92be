"""The conversation as it was heard, to be sent to the next connection. [pure]

Owns a copy of the server's conversation: the caller's turns (transcripts, or a marker), the agent's turns as far as
they were heard, tool calls with their answers, digits and notes. It learns them from the server's events and from what
the conversation sends and reports.

A server cannot resume a session, so a new connection gets everything again, as text (`replay`). What is not complete at
that moment (a sentence that is being played, a tool that runs) is sent when it is complete, at its place. What nobody
heard is never sent. The size is bounded; the oldest entries are dropped first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.common.strict_json import MOST_CHARACTERS
from bridge.contract import NOT_TRANSCRIBED, HistoryItem, Said
from bridge.realtime.conversation.inputs import Input
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import (
    ClientEvent,
    FunctionCall,
    FunctionOutput,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    Message,
)

MAX_ITEMS = 200
MAX_CHARACTERS = 64 * 1024
MAX_CALL_ID = 32
"""Characters of a call id. OpenAI refuses longer ones; a server that makes longer ones gets ours back."""
REMEMBERED_ELSEWHERE = 512

UNHEARD = "[the caller spoke; no transcript]"
UNWRITTEN = "[the agent spoke; no transcript]"
LINE_DROPPED = (
    "The line dropped for a moment and is back. The caller has heard everything above. "
    "Go on with the conversation from there; do not greet again and do not mention the line unless asked."
)
TAKEN_OVER = (
    "The call was interrupted for a few seconds and is back; the caller heard soft tones meanwhile. The caller has "
    "heard everything above, and may have said something that you did not hear. Go on from there in a short sentence: "
    "answer what is open, or ask the caller to repeat. Do not greet again."
)


@dataclass(slots=True, eq=False)
class _Entry:
    """One turn, note, or call of a tool with its answer."""

    role: Literal["user", "assistant", "system", "tool"]
    item_id: str
    """By which the server's events name it; of a tool call it is `_key_of` its call id."""
    own_id: str
    """The id that we give it on another connection."""
    text: str | None = None
    """None: not complete yet. Of a tool call: its answer."""
    here: str = ""
    """The id of its (last) item on the present connection; empty: the connection does not have it."""
    call_id: str = ""
    name: str = ""
    arguments: str = ""

    @property
    def size(self) -> int:
        return len(self.text or "") + len(self.arguments)


class History:
    """The history of one conversation. Events that a method returns are to be sent now, if there is a connection."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._by_item: dict[str, _Entry] = {}
        self._elsewhere: dict[str, None] = {}
        """Items of earlier connections, which the present one does not know."""
        self._count = 0
        self._size = 0

    def __repr__(self) -> str:
        return f"<History [{len(self._entries)} items, {self._size} characters]>"

    # ------------------------------------------------------------ what happens

    def heard(self, event: server_events.Event | Input) -> None:
        """An event of the server. Others are of no concern."""
        match event:
            case server_events.AudioDelta():
                if event.item_id not in self._by_item and event.item_id not in self._elsewhere:
                    self._add("assistant", event.item_id)
            case server_events.SpeechStopped(item_id) if item_id and item_id not in self._by_item:
                self._add("user", item_id, UNHEARD)
            case server_events.CallerTranscribed(item_id, transcript):
                self._transcribed(item_id, transcript.strip())
            case server_events.ItemDone(kind="function_call", call_id=call_id) if event.status in ("completed", ""):
                if call_id and _key_of(call_id) not in self._by_item:
                    entry = self._add("tool", _key_of(call_id))
                    entry.here, entry.call_id = event.item_id, call_id
                    usable = 0 < len(event.arguments) <= MOST_CHARACTERS  # else the tool was not run
                    entry.name, entry.arguments = event.name, event.arguments if usable else "{}"
                    self._grown(entry.size)

    def written(self, item_id: str) -> None:
        """The agent has written this item, in a session without sound. `said` follows."""
        if item_id not in self._by_item and item_id not in self._elsewhere:
            self._add("assistant", item_id)

    def said(self, said: Said) -> list[ClientEvent]:
        """An utterance is complete. `said` tells how much of it was heard."""
        entry = self._by_item.get(said.item)
        if said.who == "caller" or entry is None or entry.role != "assistant" or entry.text is not None:
            return []
        if not said.text:
            self._forget(entry)
            return []
        entry.text = UNWRITTEN if said.text == NOT_TRANSCRIBED else said.text
        self._grown(len(entry.text))
        return [] if entry.here else self._tell(entry, self._before(entry))

    def sent(self, event: ClientEvent) -> list[ClientEvent]:
        """What the conversation wants to send. Returns what makes sense to the present connection."""
        match event:
            case ItemCreate(item=FunctionOutput() as answer):
                return self._answered(answer, event)
            case ItemCreate(item=Message(item_id, role, text)):
                self._add(role, item_id, text).own_id = item_id
            case ItemTruncate(item_id=item_id) | ItemDelete(item_id=item_id):
                return self._cut(item_id, event)
        return [event]

    # ------------------------------------------------------------ connections

    def restore(self, turns: Sequence[HistoryItem]) -> None:
        """What was said in another worker's session, and a note that the call was taken over."""
        for turn in turns:
            entry = self._add(turn.role, f"before_{self._count}", turn.text)
            entry.here, entry.call_id = "", entry.own_id
            entry.name, entry.arguments = turn.name, turn.arguments
            self._grown(len(turn.arguments))
        self._add("system", f"before_{self._count}", TAKEN_OVER).here = ""

    def lost(self) -> None:
        """The connection is gone, and with it all that the server knew."""
        for entry in self._entries:
            if entry.here:
                self._elsewhere[entry.here] = None
            entry.here = ""
        while len(self._elsewhere) > REMEMBERED_ELSEWHERE:
            del self._elsewhere[next(iter(self._elsewhere))]

    def replay(self, *, dropped: bool) -> list[ClientEvent]:
        """All complete entries, for a new connection. `dropped`: with a note that the connection was interrupted."""
        events = [event for entry in self._entries if entry.text is not None for event in self._tell(entry, None)]
        if dropped:
            self._count += 1
            note = Message(f"line_{self._count}", "system", LINE_DROPPED)
            events.append(ItemCreate(f"replay_{self._count}", note))
        return events

    # ------------------------------------------------------------ inside

    def _answered(self, answer: FunctionOutput, event: ClientEvent) -> list[ClientEvent]:
        entry = self._by_item.get(_key_of(answer.call_id))
        if entry is None or entry.text is not None:
            return [event]
        known = bool(entry.here)
        entry.text = answer.output
        self._grown(len(answer.output))
        if known:
            entry.here = answer.item_id
            return [event]
        return self._tell(entry, self._before(entry))

    def _cut(self, item_id: str, event: ClientEvent) -> list[ClientEvent]:
        entry = self._by_item.get(item_id)
        here = entry.here if entry else item_id
        if isinstance(event, ItemDelete) and entry:
            self._forget(entry)
        return [] if item_id in self._elsewhere or not here else [event]

    def _transcribed(self, item_id: str, text: str) -> None:
        entry = self._by_item.get(item_id)
        if entry is None:
            if text:
                self._add("user", item_id, text)
        elif entry.role != "user":
            return  # nobody else is transcribed
        elif not text:
            if entry.text == UNHEARD:
                self._forget(entry)  # noise: nothing was said
        else:
            before, entry.text = entry.size, text
            self._grown(entry.size - before)

    def _add(
        self, role: Literal["user", "assistant", "system", "tool"], item_id: str, text: str | None = None
    ) -> _Entry:
        if (other := self._by_item.get(item_id)) is not None:
            self._forget(other)  # the server has given an item of its own the id of one of ours
        self._count += 1
        entry = _Entry(role, item_id, f"memory_{self._count}", text, here=item_id)
        self._entries.append(entry)
        self._by_item[item_id] = entry
        self._grown(entry.size)
        return entry

    def _grown(self, characters: int) -> None:
        self._size += characters
        while len(self._entries) > 1 and (len(self._entries) > MAX_ITEMS or self._size > MAX_CHARACTERS):
            self._forget(self._entries[0])

    def _forget(self, entry: _Entry) -> None:
        if entry in self._entries:
            self._entries.remove(entry)
            self._size -= entry.size
            del self._by_item[entry.item_id]

    def _before(self, entry: _Entry) -> str:
        """The item behind which this one belongs on the present connection."""
        place = self._entries.index(entry) if entry in self._entries else 0
        return next((each.here for each in reversed(self._entries[:place]) if each.here), "root")

    def _tell(self, entry: _Entry, after: str | None) -> list[ClientEvent]:
        """The events of a complete entry; from now on the connection has it."""
        event_id = f"replay_{entry.own_id}"
        entry.here = entry.own_id
        if entry.role != "tool":
            return [ItemCreate(event_id, Message(entry.own_id, entry.role, entry.text or ""), after)]
        call_id = entry.call_id if len(entry.call_id) <= MAX_CALL_ID else entry.own_id
        entry.here = f"{entry.own_id}_out"
        call = FunctionCall(entry.own_id, call_id, entry.name, entry.arguments)
        answer = FunctionOutput(entry.here, call_id, entry.text or "")
        return [ItemCreate(event_id, call, after), ItemCreate(f"{event_id}_out", answer)]


def _key_of(call_id: str) -> str:
    """A call id may be equal to an item id, so it gets a prefix."""
    return f"call {call_id}"
