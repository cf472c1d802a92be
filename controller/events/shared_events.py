"""An event as an entry of the stream that all nodes share, and back. [pure]

What a reader may not see is cut by the node that made the event: a node of another release need not know its fields.
"""

from collections.abc import Mapping

from controller.cluster.event_log import Entry
from controller.events.factory import SentEvent

CALL = "call"
"""The field with the call's id."""


def fields_of(sent: SentEvent) -> Mapping[str, bytes]:
    same = sent.without_words is sent.full
    return {
        "type": sent.type.encode(),
        CALL: sent.call.encode(),
        "final": b"1" if sent.final else b"",
        "agent": (sent.agent or "").encode(),
        "trunk": (sent.trunk or "").encode(),
        "json": sent.full,
        "wordless": b"" if same else sent.without_words,
    }


def size_of(sent: SentEvent) -> int:
    """Bytes of what makes up most of it."""
    return len(sent.full) + (0 if sent.without_words is sent.full else len(sent.without_words))


def event_of(entry: Entry) -> SentEvent | None:
    """None: it can't be read."""
    fields = entry.fields
    try:
        if fields is None:
            return None
        type_, call, agent, trunk = (fields[name].decode() for name in ("type", CALL, "agent", "trunk"))
        full = fields["json"]
        wordless, final = fields["wordless"] or full, bool(fields["final"])
        return SentEvent(
            entry.order, str(entry.place), type_, call, final, agent or None, trunk or None, full, wordless
        )
    except (KeyError, UnicodeDecodeError):
        return None
