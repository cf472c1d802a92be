"""What was written down of a call, for a controller that goes on with it."""

from collections.abc import Callable
from functools import partial

from bridge.contract import Said
from controller.calls.reporting.call_log import CallLog, Turn, Utterance
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.events.records.history import History, StoredCall


async def recalled(past: History, call: str, attempt: int) -> Callable[[CallLog, ConversationMemory], None] | None:
    """How an attempt's record and memory are filled in; None: nothing was written down. Raises StoreError."""
    kept = await past.find(call, attempt)
    return None if kept is None else partial(recall, kept)


def recall(kept: StoredCall, record: CallLog, recollection: ConversationMemory) -> None:
    """Into both, as if this controller had been there. Of tools only their cost is known."""
    for row in kept.parts["call_words"]:
        record.insert(Utterance(row.at, row.who, row.text, row.interrupted, row.heard_ms, row.consultation))
        if row.who in ("caller", "agent"):
            said = Said(call=row.call, who=row.who, text=row.text, item="", consultation=row.consultation)
            recollection.said(said, row.at)
    for row in kept.parts["call_turns"]:
        record.turns.append(Turn(row.at, row.turn, row.stopped_to_told_ms, row.first_delta_ms, row.first_frame_ms))
    record.turn_count = len(kept.parts["call_turns"])
    record.cost = sum(row.cost for row in kept.parts["call_usage"])
