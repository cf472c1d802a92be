"""A conversation on stage with its memory, wired to a strict server: both directions are delayed at will.

Does what `bridge.realtime.session` does between the two, without a socket, and keeps accounts of its own: each
item's sound has a value by which its frames are known when they are played.
"""

from collections import Counter, deque
from typing import Any

from bridge.contract import Hold, ToolCalled
from bridge.media.playout import BYTES_PER_MS
from bridge.realtime.conversation import effects, inputs
from bridge.realtime.conversation.inputs import ConnectionLost, ToolAnswered
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import ClientEvent, encode
from tests.unit.bridge.realtime.conversation.ga_server import GaServer, Violation
from tests.unit.bridge.realtime.conversation.stage import Stage, connection_opened


class Wired(Stage):
    """See the module. The line is up from the beginning."""

    def __init__(self, *, cuts_at_once: bool = False, **spec: Any) -> None:
        super().__init__(**spec)
        self.cuts_at_once = cuts_at_once
        """The agent can be interrupted at any time: by the caller's first sound."""
        self.up: deque[dict[str, Any]] = deque()
        self.down: deque[server_events.Event] = deque()
        self.lines = 0
        self.connected = False
        self.server = GaServer("")
        self.known_active = ""
        """The response that the client has been told of, and not of its end."""
        self.received: Counter[str] = Counter()
        self.played: Counter[str] = Counter()
        self.owner: dict[int, str] = {}
        """Item by the value of its sound, latest first."""
        self.response_of: dict[str, str] = {}
        self.muted: set[str] = set()
        self.calls: set[str] = set()
        self.refused: list[str] = []
        self._line_due_down = False
        self.open_line()

    # ------------------------------------------------------------ the line

    def open_line(self) -> None:
        """A new connection that is told everything."""
        if self.connected:
            return
        self.lines += 1
        self.server = GaServer(f"{self.lines}", self.server.count)
        self.server.take(encode(self.conversation.parts.connection.setup()))
        self.connected = True
        self.feed(connection_opened(first=self.lines == 1))

    def lose_line(self) -> None:
        if not self.connected and not self._line_due_down:
            return
        self.connected = self._line_due_down = False
        self.refused += self.server.refused
        self.up.clear()
        self.down.clear()
        self.known_active = ""
        self.feed(ConnectionLost())

    def feed(self, *what: server_events.Event | inputs.Input) -> None:
        closing = self.conversation.parts.closing
        for each in what:
            cuts = self.cuts_at_once and not self.conversation.parts.turn_detection.protected
            barge_in = isinstance(each, server_events.SpeechStarted) and cuts and not closing.firm
            if barge_in or (isinstance(each, Hold) and each.on and not closing.firm):
                self.muted |= set(self.response_of.values()) | {self.known_active} - {""}
        super().feed(*what)
        responses = self.conversation.parts.responses
        if not self.gave_up:  # else what had come of that response is still heard
            self.muted |= {each for each in self.response_of.values() if responses.is_muted(each)}
        if self._line_due_down:
            self.lose_line()

    def _do(self, effect: effects.Effect) -> None:
        super()._do(effect)
        match effect:
            case effects.Send(event):
                self._write(event)
            case effects.EndSession():
                self._line_due_down, self.connected = self.connected, False

    def _write(self, event: ClientEvent) -> None:
        if not self.connected:
            return
        told = encode(event)
        if told["type"] == "response.create" and self.known_active and not self.gave_up:
            raise Violation(f"a second response beside {self.known_active}: {told}")
        self.up.append(told)

    @property
    def gave_up(self) -> bool:
        """The server did not react to a cancel for so long that the client goes on without."""
        return any("never ended" in note.text for note in self.notes)

    # ------------------------------------------------------------ both directions

    def take(self) -> None:
        """The server reads a frame."""
        if self.up:
            self.tell(self.server.take(self.up.popleft()))

    def tell(self, told: list[server_events.Event]) -> None:
        """The server says something."""
        self.down.extend(told)

    def deliver(self) -> None:
        """The client reads an event."""
        if not self.down:
            return
        event = self.down.popleft()
        match event:
            case server_events.AudioDelta(response_id, item_id, _, pcm):
                self.received[item_id] += len(pcm)
                self.owner[pcm[0]] = item_id
                self.response_of[item_id] = response_id
            case server_events.ResponseCreated(response_id):
                self.known_active = response_id
            case server_events.ResponseDone():
                self.known_active = ""
            case server_events.ItemDone(kind="function_call", call_id=call_id):
                self.calls.add(call_id)
        self.feed(event)

    def tick(self) -> bytes | None:
        silent = set(self.muted)
        frame = super().tick()
        if frame:
            for value, count in Counter(frame).items():
                if value:
                    self._heard(self.owner[value], count, silent)
        return frame

    def _heard(self, item_id: str, count: int, silent: set[str]) -> None:
        assert self.response_of[item_id] not in silent, f"{item_id} was to be silent"
        self.played[item_id] += count
        assert self.played[item_id] <= self.received[item_id]

    def answer_tools(self) -> None:
        for called in self.told_of(ToolCalled):
            self.feed(ToolAnswered(called.tool_call, "out"))

    def in_memory_ms(self) -> dict[str, tuple[int, int]]:
        """Of each item that the server remembers as said: how much of it, and how much was played."""
        said = {name: item for name, item in self.server.items.items() if item.kind == "agent"}
        return {name: (item.left_ms(), self.played[name] // BYTES_PER_MS) for name, item in said.items()}
