"""A conversation of `voiceai try` as a test of the agent, in YAML. [pure]

What the caller said, how tools answered, and, as checks, what was certain: tools that were called, transfer and end.
What the agent said is a comment: whoever keeps the test decides which of its words matter.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from controller.api.models.text_sessions import TextEventAnswer


def saved_test(name: str, events: Sequence[TextEventAnswer]) -> str:
    """`tests:` with one entry. Ends with a line end."""
    lines = [event.text or "" for event in events if event.type == "user"]
    test: dict[str, Any] = {"says": lines}
    results = {event.tool: event.text for event in events if event.type == "tool_result" and event.by in _OUTSIDE}
    if results:
        test["results"] = results
    test["checks"] = _checks(events) or [{"max_turns": max(1, len(lines))}]
    said = [f"# the agent said: {' '.join((event.text or '').split())}" for event in events if event.type == "agent"]
    body = yaml.safe_dump({name: test}, allow_unicode=True, sort_keys=False, width=110)
    return "\n".join(["tests:", *(f"  {each}" for each in [*said, *body.splitlines()])]) + "\n"


_OUTSIDE = ("tool", "hand")


def _checks(events: Sequence[TextEventAnswer]) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = []
    for event in events:
        match event.type:
            case "tool_call" if event.tool not in ("hang_up", "transfer", "wait_for_user"):
                checks.append({"tool_called": {"name": event.tool, "arguments": event.arguments or {}}})
            case "ended" if event.to:
                checks.append({"transferred_to": event.to})
            case "ended" if event.by == "agent":
                checks.append({"ended_by": "agent"})
    return checks
