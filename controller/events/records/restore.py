"""Fills a call's log and memory from its records, for a controller that takes the call over."""

from collections.abc import Callable
from functools import partial

from bridge.contract import Said
from controller.calls.reporting.call_log import CallLog, Turn, Utterance
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.events.records.history import History, StoredCall


async def restorer(past: History, call: str, attempt: int) -> Callable[[CallLog, ConversationMemory], None] | None:
    """A function that fills both; None: there are no records of this attempt. Raises StoreError."""
    stored = await past.find(call, attempt)
    return None if stored is None else partial(restore, stored)


def restore(stored: StoredCall, call_log: CallLog, memory: ConversationMemory) -> None:
    """As if this controller had carried the call from its beginning. Answers of tools are not in the records."""
    for row in stored.parts["call_words"]:
        told = row.started_at, row.by, row.action, row.agent
        cut = row.interrupted, row.heard_ms
        call_log.insert(Utterance(row.at, row.who, row.text, *cut, row.consultation, *told))
        if row.who in ("caller", "agent"):
            said = Said(call=row.call, who=row.who, text=row.text, item="", consultation=row.consultation)
            memory.said(said, row.at)
    for row in stored.parts["call_turns"]:
        call_log.turns.append(Turn(row.at, row.turn, row.endpointing_ms, row.first_delta_ms, row.first_frame_ms))
    call_log.turn_count = len(stored.parts["call_turns"])
    call_log.cost = sum(row.cost for row in stored.parts["call_usage"])
