"""The call on the terminal: who said what, at which rate, how fast. One line each, as it happens.

Owns the words for the service's JSON log lines and the layout. Reads what `voiceai serve` logs; what it does not know
it leaves out. Refuses nothing: a log line with a field missing is told without it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

STYLES = {"agent": "green", "caller": "cyan", "audio": "yellow", "turn": "magenta", "error": "bold red"}
Line = Mapping[str, Any]
Words = tuple[str, str] | None

WIRE_TYPES = {8000: "0x10", 16000: "0x12", 24000: "0x13", 48000: "0x16"}


class CallPrinter:
    """`tell()` prints a line; `hear()` turns a log line into one. Knows afterwards what was said and measured."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self.said: list[tuple[str, str]] = []
        self.rate: tuple[int, int] | None = None
        self.first_frame_ms: list[float] = []
        self._told: set[tuple[object, ...]] = set()
        self.cut_ms: list[float] = []
        self.problems: list[str] = []
        self._over = False

    def tell(self, who: str, text: str) -> None:
        """One line: seconds since the beginning, who, what."""
        line = Text(f"{time.monotonic() - self._began:6.2f}  ", style="dim")
        line.append(f"{who:<8}", style=STYLES.get(who, "bold"))
        line.append(text)
        self._console.print(line, soft_wrap=True)

    def hear(self, line: Line) -> None:
        """A line of the service's log. The controller's and the workers' come on the same stream; the workers tell
        what they tell the controller once more, and only one of the two is for us."""
        text = str(line.get("event", ""))
        if text == "controller going down":
            self._over = True
        if self._over:
            return
        known = _KNOWN.get(text)
        if known is not None:
            words = known(self, line)
        elif line.get("level") in ("warning", "error", "critical"):
            words = self._problem(text, line)
        else:
            return
        if words is not None:
            self.tell(*words)

    # ---------------------------------------------------------------- log lines

    def _arrived(self, line: Line) -> Words:
        return "call", f"{line.get('call', '?')} arrived, agent {line.get('agent', '?')}"

    def _configured(self, line: Line) -> Words:
        voice, vad, silence = (line.get(key, "?") for key in ("voice", "turn_detection", "silence_ms"))
        rate = line.get("output_rate", "?")
        return "session", f"configured: pcm16 {rate} Hz, voice {voice}, {vad}, silence {silence} ms"

    def _ready(self, line: Line) -> Words:
        if "session" in line:
            return None
        return "session", f"ready: {line.get('model', '?')}, after {line.get('ms', '?')} ms"

    def _audio(self, line: Line) -> Words:
        rate, chunk = int(line.get("rate", 0)), int(line.get("chunk", 0))
        if not self._first("audio", line):
            return None
        self.rate = rate, chunk
        return "audio", f"Audio: {rate / 1000:g}kHz (chunk={chunk}B, AudioSocket type {WIRE_TYPES.get(rate, '?')})"

    def _said(self, line: Line) -> Words:
        who, text = str(line.get("who", "?")), str(line.get("text_pii", ""))
        self.said.append((who, text))
        cut = f" (interrupted after {line.get('heard_ms')} ms)" if line.get("interrupted") else ""
        return who, f"“{text}”{cut}"

    def _turn(self, line: Line) -> Words:
        if not self._first("turn", line, line.get("turn")) or line.get("first_frame_ms") is None:
            return None
        delta, frame = float(line.get("first_delta_ms") or 0), float(line["first_frame_ms"])
        self.first_frame_ms.append(frame - delta)
        return "turn", f"first sound from the model after {delta:.0f} ms, sent to Asterisk {frame - delta:.1f} ms later"

    def _interrupted(self, line: Line) -> Words:
        cut = float(line.get("latency_ms") or 0)
        self.cut_ms.append(cut)
        return (
            "turn",
            f"interrupted: the agent was silenced in {cut:.1f} ms, {line.get('heard_ms')} ms of it were heard",
        )

    def _tool(self, line: Line) -> Words:
        return None if "arguments_pii" in line else ("tool", str(line.get("tool", "?")))

    def _state(self, line: Line) -> Words:
        return "call", str(line.get("state", "?"))

    def _ended(self, line: Line) -> Words:
        return "call", f"ended: {line.get('outcome', '?')}, by {line.get('by', '?')}, {line.get('talked_s', '?')} s"

    def _first(self, what: str, line: Line, number: object = None) -> bool:
        """True once for each call (and number): worker and controller tell the same."""
        key = what, line.get("call"), number
        if key in self._told:
            return False
        self._told.add(key)
        return True

    def _problem(self, text: str, line: Line) -> Words:
        self.problems.append(text)
        return "error", f"{text} {line.get('reason') or line.get('error') or ''}".rstrip()


_KNOWN: dict[str, Callable[[CallPrinter, Line], Words]] = {
    "call arrived": CallPrinter._arrived,
    "session configured": CallPrinter._configured,
    "session ready": CallPrinter._ready,
    "audio": CallPrinter._audio,
    "said": CallPrinter._said,
    "turn": CallPrinter._turn,
    "barged in": CallPrinter._interrupted,
    "tool called": CallPrinter._tool,
    "call state": CallPrinter._state,
    "call ended": CallPrinter._ended,
}
