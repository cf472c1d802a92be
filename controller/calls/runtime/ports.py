"""What call control asks of others: on whose behalf a call is placed, and what was written down of one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.calls.reporting.view import CallView

Recall = Callable[[CallLog, ConversationMemory], None]
"""Fills in what was written down of a call, as if this controller had been there."""


class OutboundAttempt(Protocol):
    async def before_dial(self) -> None:
        """Awaited before Asterisk is asked to dial. Raises `errors.WrongState`: then it is not."""

    def after_dial(self) -> None:
        """Asterisk was asked, whatever came of it; said once for each `before_dial` that returned."""

    def over(self, call: CallView) -> None:
        """The call has ended; said once."""


@asynccontextmanager
async def dialling(errand: OutboundAttempt | None) -> AsyncIterator[None]:
    """Around the request to dial. Raises `errors.WrongState`: it must not be made."""
    if errand is None:
        yield
        return
    await errand.before_dial()
    try:
        yield
    finally:
        errand.after_dial()
