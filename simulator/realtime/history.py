"""The conversation as the server has it: its items, in order. [pure]

Owns create, delete, retrieve and truncate, with OpenAI's refusals. Audio is kept as 24 kHz s16le, so that what
was sent is known to the millisecond and a truncate beyond it is refused.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

from simulator.realtime.errors import Frame, Refusal
from simulator.realtime.vad import BYTES_PER_MS


@dataclass(slots=True)
class Item:
    """One item. `frame` is its JSON without audio; `audio` what was heard (user) or sent (assistant)."""

    frame: Frame
    audio: bytearray = field(default_factory=bytearray)
    spoken: bool = False

    @property
    def id(self) -> str:
        """Ours, or the one that the client chose."""
        return str(self.frame["id"])

    @property
    def audio_ms(self) -> int:
        """Whole milliseconds of audio in it."""
        return len(self.audio) // BYTES_PER_MS

    @property
    def text(self) -> str:
        """All its words, written or spoken."""
        parts = self.frame.get("content", [])
        return " ".join(part.get("text") or part.get("transcript") or "" for part in parts).strip()

    def with_audio(self) -> Frame:
        """Its JSON as `conversation.item.retrieved` shows it."""
        shown: dict[str, Any] = {**self.frame}
        if self.audio:
            part = {**self.frame["content"][0], "audio": base64.b64encode(self.audio).decode()}
            shown["content"] = [part, *self.frame["content"][1:]]
        return shown


class History:
    """The items of one conversation."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    @property
    def last_id(self) -> str | None:
        """What a new item comes after."""
        return self.items[-1].id if self.items else None

    def find(self, item_id: str, verb: str, doing: str) -> Item:
        """The item; raises Refusal in the words of the operation that looks for it."""
        for item in self.items:
            if item.id == item_id:
                return item
        text = f"Error {doing} item: the item with id '{item_id}' does not exist."
        raise Refusal(f"item_{verb}_invalid_item_id", text, "item_id")

    def append(self, item: Item) -> str | None:
        """Add at the end; the id of the item before it."""
        before = self.last_id
        self.items.append(item)
        return before

    def insert(self, item: Item, previous_item_id: str | None) -> str | None:
        """Add where the client asks; the id of the item before it. Raises Refusal."""
        if any(each.id == item.id for each in self.items):
            text = f"Error adding item: an item with id '{item.id}' already exists."
            raise Refusal("item_create_duplicate_item_id", text, "item.id")
        self._check_call(item.frame)
        if previous_item_id is None:
            return self.append(item)
        if previous_item_id == "root":
            self.items.insert(0, item)
            return None
        for place, each in enumerate(self.items):
            if each.id == previous_item_id:
                self.items.insert(place + 1, item)
                return previous_item_id
        text = f"Error adding item: the previous item with id '{previous_item_id}' does not exist."
        raise Refusal("item_create_invalid_previous_item_id", text, "previous_item_id")

    def _check_call(self, frame: Frame) -> None:
        if frame["type"] == "message" and frame["role"] == "assistant":
            if any(part["type"] == "output_audio" for part in frame["content"]):
                text = "Assistant audio cannot be inserted into a conversation."
                raise Refusal("invalid_value", text, "item.content[0].type")
        if frame["type"] != "function_call_output":
            return
        call_id = frame["call_id"]
        calls = [each.frame for each in self.items if each.frame["type"] == "function_call"]
        if not any(call["call_id"] == call_id and call["status"] == "completed" for call in calls):
            text = f"Tool call ID '{call_id}' not found in conversation."
            raise Refusal("invalid_tool_call_id", text, "item.call_id")

    def delete(self, item_id: str) -> None:
        """Raises Refusal."""
        self.items.remove(self.find(item_id, "delete", "deleting"))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> Item:
        """Cut an assistant's audio at `audio_end_ms` and forget its transcript. Raises Refusal."""
        item = self.find(item_id, "truncate", "truncating")
        if item.frame.get("role") != "assistant" or not item.spoken:
            raise Refusal("invalid_value", "Only model output audio messages can be truncated.", "item_id")
        if content_index >= len(item.frame["content"]):
            raise Refusal("invalid_value", f"Content part {content_index} does not exist.", "content_index")
        if audio_end_ms > item.audio_ms:
            text = f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms"
            raise Refusal("invalid_value", text, "audio_end_ms")
        del item.audio[audio_end_ms * BYTES_PER_MS :]
        item.frame["content"][content_index].pop("transcript", None)
        return item


def user_audio(item_id: str, audio: bytes) -> Item:
    """A committed turn of the caller."""
    content = [{"type": "input_audio", "transcript": None}]
    return Item(_message(item_id, "user", content, "completed"), bytearray(audio), spoken=True)


def assistant_message(item_id: str) -> Item:
    """A message that the model begins."""
    return Item(_message(item_id, "assistant", [], "in_progress"))


def function_call(item_id: str, name: str, call_id: str) -> Item:
    """A call that the model begins."""
    frame = {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": "in_progress",
        "name": name,
        "call_id": call_id,
        "arguments": "",
    }
    return Item(frame)


def _message(item_id: str, role: str, content: list[Frame], status: str) -> Frame:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }
