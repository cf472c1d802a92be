"""The timers of one call, on asyncio's loop: one handle per name and subject."""

import asyncio
from collections.abc import Callable

from bridge.realtime.conversation.effects import Timer


class Timers:
    """`fired` is called with name and subject; the timer is forgotten by then and may be started anew."""

    def __init__(self, fired: Callable[[Timer, str], None]) -> None:
        self._fired = fired
        self._handles: dict[tuple[Timer, str], asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._handles)

    def start(self, timer: Timer, seconds: float, subject: str) -> None:
        """Start a timer. A running one of the same name and subject is replaced."""
        self.cancel(timer, subject)
        self._handles[timer, subject] = asyncio.get_running_loop().call_later(seconds, self._fire, timer, subject)

    def cancel(self, timer: Timer, subject: str) -> None:
        """Stop a timer. It need not be running."""
        if handle := self._handles.pop((timer, subject), None):
            handle.cancel()

    def clear(self) -> None:
        """Stop all timers."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def _fire(self, timer: Timer, subject: str) -> None:
        del self._handles[timer, subject]
        self._fired(timer, subject)
