"""A conversation of a test, as the checks see it. [pure]

Made of the events of a text session, or of the transcript and the events of a call. Texts are in no repr.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from controller.text_sessions.events import TextEvent

EndedBy = Literal["agent", "caller", "limit", "error"]


@dataclass(frozen=True, slots=True)
class Line:
    who: Literal["caller", "agent"]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolUse:
    name: str
    arguments: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Conversation:
    """`ended_by` None: it goes on. `to`: of a transfer, the destination as the agent named it."""

    entries: tuple[Line | ToolUse, ...] = ()
    latencies_ms: tuple[int, ...] = ()
    ended_by: EndedBy | None = None
    how: str = ""
    to: str | None = None
    cost: float = 0.0

    @property
    def turns(self) -> int:
        """How often the caller has said something."""
        return len(self.said_by("caller"))

    def said_by(self, who: Literal["caller", "agent"]) -> tuple[str, ...]:
        return tuple(each.text for each in self.entries if isinstance(each, Line) and each.who == who)

    def tools(self) -> tuple[ToolUse, ...]:
        return tuple(each for each in self.entries if isinstance(each, ToolUse))

    def heard(self, event: TextEvent) -> "Conversation":
        """The same with one more event of its text session."""
        match event.type:
            case "user":
                return self.with_entry(Line("caller", event.text or ""))
            case "agent":
                return self.with_entry(Line("agent", event.text or ""))
            case "tool_call":
                return self.with_entry(ToolUse(event.tool or "", event.arguments or {}))
            case "turn":
                latencies = () if event.latency_ms is None else (event.latency_ms,)
                return replace(self, latencies_ms=self.latencies_ms + latencies, cost=event.cost or self.cost)
            case "ended":
                by: EndedBy = "caller" if event.by == "user" else event.by  # type: ignore[assignment]
                return replace(self, ended_by=by, how=event.text or "", to=event.to, cost=event.cost or self.cost)
        return self

    def with_entry(self, entry: Line | ToolUse) -> "Conversation":
        return replace(self, entries=(*self.entries, entry))

    def text(self) -> str:
        """For a model that plays a part or judges."""
        lines = [
            f"{each.who}: {each.text}" if isinstance(each, Line) else f"(the agent uses the tool {each.name})"
            for each in self.entries
        ]
        if self.to is not None:
            lines.append(f"(the agent transfers the caller to {self.to})")
        elif self.ended_by in ("agent", "caller"):
            lines.append(f"(the {self.ended_by} hangs up)")
        return "\n".join(lines)
