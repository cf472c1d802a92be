"""Server-sent events (WHATWG HTML §9.2): bytes → events. [pure]

Owns the parser. Lines end with LF, CR LF or CR only: other line separators of Unicode may stand in what somebody said.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from voiceai_client.errors import UnexpectedAnswerError

LONGEST_LINE = 4 * 2**20


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a stream, as it was sent."""

    type: str
    data: Any
    """JSON, read."""


class SseParser:
    """`feed` takes the bytes of one connection in any pieces."""

    def __init__(self, last_event_id: str | None = None) -> None:
        self.last_event_id = last_event_id
        """The place from which the stream can be continued. Comments may move it, too."""
        self._rest = b""
        self._after_cr = False
        self._id: str | None = None
        self._type = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[StreamEvent]:
        """The events that are complete. Raises UnexpectedAnswerError."""
        if self._after_cr:
            piece = piece.removeprefix(b"\n")
        self._after_cr = piece.endswith(b"\r") or (self._after_cr and not piece)
        lines = (self._rest + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            raise UnexpectedAnswerError("the stream has a line without end")
        for line in lines:
            if line:
                self._field(line.decode("utf-8", "replace"))
            elif (event := self._complete()) is not None:
                yield event

    def _field(self, line: str) -> None:
        name, _, value = line.removeprefix("\ufeff").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _complete(self) -> StreamEvent | None:
        """At an empty line. The place moves only now: what broke off in the middle is sent again."""
        id_, type_, data = self._id, self._type, self._data
        self._id, self._type, self._data = None, "", []
        if id_ is not None:
            self.last_event_id = id_ or None
        if not data:
            return None
        try:
            return StreamEvent(type_ or "message", json.loads("\n".join(data)))
        except ValueError:
            raise UnexpectedAnswerError("the stream has data that is no JSON") from None
