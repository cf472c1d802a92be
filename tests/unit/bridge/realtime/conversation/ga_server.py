"""A Realtime server in memory, as strict as OpenAI's: frames in, events out, no clock and no socket. [pure]

It has a mind of its own (`speak`, `hush`, `sound`, …, chosen by the test) and rules that it does not bend. What breaks
one is a `Violation`, except the two races that no client can avoid, which are refused: a `response.create` while its
own response is on its way to the client, and a `response.cancel` of one that has just ended.
"""

from dataclasses import dataclass, field
from typing import Any

from bridge.media.playout import BYTES_PER_MS
from bridge.realtime.protocol import server_events

RACES = ("conversation_already_has_active_response", "response_cancel_not_active")


LIMITED = server_events.ServerError("tokens", "rate_limit_exceeded", "Please try again in 6ms.", "", "")


class Violation(AssertionError):
    """The client did what a server does not forgive."""


@dataclass
class Item:
    """One of the conversation. `sound`: bytes by content part; of an agent that spoke."""

    kind: str
    response_id: str = ""
    sound: dict[int, int] = field(default_factory=dict)
    cut: bool = False
    call_id: str = ""

    def left_ms(self) -> int:
        return sum(length // BYTES_PER_MS for length in self.sound.values())


class GaServer:
    """One connection. Its ids begin with `name`, so that no two connections share one."""

    def __init__(self, name: str, first: int = 0) -> None:
        self.name = name
        self.items: dict[str, Item] = {}
        self.active = ""
        self.speaking = ""
        """The item of what the caller says."""
        self.refused: list[str] = []
        self.limited = False
        """The next request is refused, without saying so."""
        self.asked: list[dict[str, Any]] = []
        self.count = first
        """Of ids; an item's sound has its number as value."""
        self._knobs: dict[str, Any] = {}
        self._item = ""
        self._part = 0
        self._value = 0
        self._new_calls: list[str] = []
        self._last_call: list[server_events.Event] = []
        self._calls: set[str] = set()
        """Those that wait for their output."""

    def _new(self, prefix: str) -> str:
        self.count += 1
        return f"{self.name}{prefix}{self.count}"

    # ------------------------------------------------------------ what the client sends

    def take(self, frame: dict[str, Any]) -> list[server_events.Event]:
        """Raises Violation."""
        match frame["type"]:
            case "session.update":
                self._knobs |= frame["session"].get("audio", {}).get("input", {}).get("turn_detection", {})
                return [server_events.SessionUpdated(self.name, "m", None)]
            case "response.create":
                if self.active:
                    return self._refuse(frame, RACES[0])
                if self.limited:
                    self.limited = False
                    return [LIMITED]
                self.asked.append(frame["response"])
                return self.begin()
            case "response.cancel":
                if self.active != frame["response_id"]:
                    return self._refuse(frame, RACES[1])
                return self.end("cancelled")
            case "conversation.item.truncate":
                self._truncate(self._known(frame), frame)
            case "conversation.item.delete":
                self._known(frame)
                del self.items[frame["item_id"]]
            case "conversation.item.create":
                return self._create(frame)
            case kind:
                raise Violation(f"what is {kind}?")
        return []

    def _refuse(self, frame: dict[str, Any], code: str) -> list[server_events.Event]:
        self.refused.append(code)
        return [server_events.ServerError("invalid_request_error", code, "", "", frame["event_id"])]

    def _known(self, frame: dict[str, Any]) -> Item:
        item = self.items.get(frame["item_id"])
        if item is None:
            raise Violation(f"{frame['type']} of an unknown item: {frame}")
        return item

    def _truncate(self, item: Item, frame: dict[str, Any]) -> None:
        part, end_ms = frame["content_index"], frame["audio_end_ms"]
        if item.kind != "agent" or part not in item.sound:
            raise Violation(f"only model output audio can be truncated: {frame}")
        if item.cut:
            raise Violation(f"truncated twice: {frame}")
        if end_ms * BYTES_PER_MS > item.sound[part]:
            raise Violation(f"audio of {item.sound[part] / BYTES_PER_MS} ms is shorter than that: {frame}")
        item.cut = True
        item.sound = {each: length for each, length in item.sound.items() if each < part} | {
            part: end_ms * BYTES_PER_MS
        }

    def _create(self, frame: dict[str, Any]) -> list[server_events.Event]:
        told = frame["item"]
        if told["id"] in self.items or not 0 < len(told["id"]) <= 32:
            raise Violation(f"an id that is taken, or no id: {frame}")
        after = frame.get("previous_item_id", "root")
        if after != "root" and after not in self.items:
            raise Violation(f"behind an unknown item: {frame}")
        call_id = told.get("call_id", "")
        if told["type"] == "function_call":
            self._calls.add(call_id)
        elif told["type"] == "function_call_output":
            if call_id not in self._calls:
                raise Violation(f"the output of a call that is unknown, or answered: {frame}")
            self._calls.remove(call_id)
        if told["type"] == "message" and told["role"] == "assistant" and told["content"][0]["type"] != "output_text":
            raise Violation(f"what the agent said can be told as text only: {frame}")
        self.items[told["id"]] = Item(told["type"], call_id=call_id)
        return [server_events.ItemAdded(told["id"])]

    # ------------------------------------------------------------ what the server does by itself

    def begin(self) -> list[server_events.Event]:
        """A response, if none is active."""
        if self.active:
            return []
        self.active = self._new("r")
        return [server_events.ResponseCreated(self.active)]

    def end(self, status: str = "completed") -> list[server_events.Event]:
        """The active response, if there is one."""
        if not self.active:
            return []
        told = self._close_item()
        self._calls |= set(self._new_calls)
        self._new_calls.clear()
        told.append(
            server_events.ResponseDone(self.active, status, error_code="server_error" if status == "failed" else "")
        )
        self.active = ""
        return told

    def end_before_words(self) -> list[server_events.Event]:
        """The same; the words of its last item come after it."""
        told = self.end()
        words = [each for each in told if isinstance(each, server_events.TranscriptDone)]
        return [each for each in told if each not in words] + words

    def end_unseen(self) -> list[server_events.Event]:
        """Of a response that was cancelled before it had begun."""
        return [server_events.ResponseDone(self._new("r"), "cancelled")]

    def limit(self) -> list[server_events.Event]:
        """The next request."""
        self.limited = True
        return []

    def sound(self, length: int) -> list[server_events.Event]:
        """Some of the item that is being said."""
        if not self.active:
            return []
        if not self._item:
            self._item, self._part = self._new("i"), 0
            self._value = 1 + self.count % 255
            self.items[self._item] = Item("agent", self.active)
        sound = self.items[self._item].sound if self._item in self.items else {}
        sound[self._part] = sound.get(self._part, 0) + length
        pcm = bytes([self._value]) * length
        return [
            server_events.TranscriptDelta(self.active, self._item, "word ", self._part),
            server_events.AudioDelta(self.active, self._item, self._part, pcm),
        ]

    def next_part(self) -> list[server_events.Event]:
        """The item goes on in another content part."""
        if not self._item:
            return []
        told = self._part_done()
        self._part += 1
        return told

    def next_item(self) -> list[server_events.Event]:
        """The response says something else after this."""
        return self._close_item()

    def call(self, name: str) -> list[server_events.Event]:
        """The response calls a tool."""
        if not self.active:
            return []
        told = self._close_item()
        item_id, call_id = self._new("f"), self._new("c")
        self.items[item_id] = Item("function_call", self.active, call_id=call_id)
        self._new_calls.append(call_id)
        self._last_call = [
            server_events.ItemDone(self.active, item_id, "function_call", "completed", call_id, name, "{}")
        ]
        return told + self._last_call

    def call_again(self) -> list[server_events.Event]:
        """The last call of a tool is told twice, as some servers do."""
        return self._last_call if self.active else []

    def remote(self) -> list[server_events.Event]:
        """The response had the server call a tool of its own."""
        if not self.active:
            return []
        done = server_events.ItemDone(self.active, self._new("m"), "mcp_call", "completed")
        return [*self._close_item(), server_events.RemoteTool(over=False), server_events.RemoteTool(over=True), done]

    def speak(self) -> list[server_events.Event]:
        """The caller."""
        if self.speaking:
            return []
        self.speaking = self._new("u")
        told: list[server_events.Event] = [server_events.SpeechStarted(self.speaking, 0)]
        return told + (self.end("cancelled") if self._knobs.get("interrupt_response") else [])

    def hush(self, *, told: bool = True, words: str | None = None) -> list[server_events.Event]:
        """The caller is silent again; `told` is how it should be."""
        if not self.speaking:
            return []
        item, self.speaking = self.speaking, ""
        self.items[item] = Item("caller")
        stopped: list[server_events.Event] = [server_events.SpeechStopped(item, 0)] if told else []
        stopped.append(server_events.ItemAdded(item))
        if words is not None:
            stopped.append(server_events.CallerTranscribed(item, words, {}))
        return stopped + (self.begin() if self._knobs.get("create_response") else [])

    # ------------------------------------------------------------ inside

    def _part_done(self) -> list[server_events.Event]:
        count = len(self.items[self._item].sound) if self._item in self.items else 1
        return [
            server_events.AudioDone(self._item),
            server_events.TranscriptDone(self.active, self._item, "word " * count, self._part),
        ]

    def _close_item(self) -> list[server_events.Event]:
        if not self._item:
            return []
        told = [*self._part_done(), server_events.ItemDone(self.active, self._item, "message", "completed")]
        self._item = ""
        return told
