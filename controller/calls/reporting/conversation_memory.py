"""The conversation of a call as the caller heard it, for a session that takes the call over. [pure]

Owns the turns of caller and agent, keys, and tools with their answers, in their order, made of workers' events and of
the answers that they are sent. Bounded; the oldest goes first. The words are personal and in no repr. What the agent
was saying when its worker was lost is not in it: how much of that was heard is not known.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from bridge.contract import (
    NOT_TRANSCRIBED,
    CallEvent,
    DigitPressed,
    HistoryItem,
    Said,
    SessionSpec,
    ToolCalled,
    TurnMeasured,
)

TURNS = 200
CHARACTERS = 64 * 1024
UNHEARD = "[the caller spoke; no transcript]"
UNWRITTEN = "[the agent spoke; no transcript]"
KEYS = "[DTMF] "
OPEN = "The tool {} was called with {}; its answer is still to come."


@dataclass(slots=True, eq=False)
class _Turn:
    role: Literal["user", "assistant", "tool"]
    text: str | None = field(repr=False)
    """None: of a tool that has not answered."""
    name: str = ""
    arguments: str = field(default="", repr=False)
    at: datetime = datetime.min.replace(tzinfo=UTC)
    """When it was over."""
    item: str = ""
    """Of a turn of the caller."""

    @property
    def size(self) -> int:
        return len(self.text or "") + len(self.arguments)


class ConversationMemory:
    def __init__(self) -> None:
        self._turns: deque[_Turn] = deque()
        self._tools: dict[str, _Turn] = {}
        self._size = 0
        self._now = datetime.now(UTC)

    def __repr__(self) -> str:
        return f"<ConversationMemory [{len(self._turns)} turns, {self._size} characters]>"

    def take(self, event: CallEvent, spec: SessionSpec, now: datetime | None = None) -> None:
        """`spec`: of the agent that the event is about."""
        self._now = now or datetime.now(UTC)
        match event:
            case Said():
                self.said(event)
            case TurnMeasured() if not spec.consultation:
                self._spoke(event.item, event.first_frame_ms or 0.0, written=spec.transcription is not None)
            case DigitPressed() if event.digit not in spec.digit_actions:
                self._key(event.digit)
            case ToolCalled() if event.tool_call not in self._tools:
                arguments = json.dumps(event.arguments, ensure_ascii=False)
                self._tools[event.tool_call] = turn = _Turn("tool", None, event.name, arguments)
                self._add(turn)

    def said(self, event: Said, at: datetime | None = None) -> None:
        """`at`: when it was over; None: `event.ago_ms` before the last event."""
        at = self._now - timedelta(milliseconds=event.ago_ms) if at is None else at
        if event.consultation:
            return  # the caller heard nothing of it
        written = event.text != NOT_TRANSCRIBED
        if event.who == "caller":
            self._forget_unheard(event.item)
            self._add(_Turn("user", event.text if written else UNHEARD, item=event.item), at)
        elif event.text:
            self._add(_Turn("assistant", event.text if written else UNWRITTEN), at)

    def _spoke(self, item: str, ago_ms: float, *, written: bool) -> None:
        """A turn of the caller without a transcript, or before it has come: only that the caller spoke is known."""
        if not written or (item and all(turn.item != item for turn in self._turns)):
            self._add(_Turn("user", UNHEARD, item=item), self._now - timedelta(milliseconds=ago_ms))

    def _forget_unheard(self, item: str) -> None:
        """The transcript of this turn has come."""
        for turn in [turn for turn in self._turns if item and turn.item == item and turn.text == UNHEARD]:
            self._turns.remove(turn)
            self._size -= turn.size

    def answered(self, tool_call: str, output: str) -> None:
        """Adds a text that the model got to read. The first answer counts."""
        turn = self._tools.pop(tool_call, None)
        if turn is not None and turn in self._turns:
            turn.text = output
            self._grown(len(output))

    def turns(self) -> tuple[HistoryItem, ...]:
        return tuple(map(_told, self._turns))

    def _key(self, digit: str) -> None:
        last = self._turns[-1] if self._turns else None
        if last is not None and last.role == "user" and (last.text or "").startswith(KEYS):
            last.text = f"{last.text}{digit}"
            self._grown(1)
        else:
            self._add(_Turn("user", KEYS + digit))

    def _add(self, turn: _Turn, at: datetime | None = None) -> None:
        """In the order in which it was said, whenever it is told."""
        turn.at = self._now if at is None else at
        later: list[_Turn] = []
        while self._turns and self._turns[-1].at > turn.at:
            later.append(self._turns.pop())
        self._turns.extend((turn, *reversed(later)))
        self._grown(turn.size)

    def _grown(self, characters: int) -> None:
        self._size += characters
        while len(self._turns) > 1 and (len(self._turns) > TURNS or self._size > CHARACTERS):
            self._size -= self._turns.popleft().size


def _told(turn: _Turn) -> HistoryItem:
    if turn.text is None:
        return HistoryItem(role="system", text=OPEN.format(turn.name, turn.arguments))
    return HistoryItem(role=turn.role, text=turn.text, name=turn.name, arguments=turn.arguments)
