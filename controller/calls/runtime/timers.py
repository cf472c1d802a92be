"""The timers of one call, by name."""

import asyncio
from collections.abc import Callable


class Timers:
    """`fired` is told the name of a timer whose time is up."""

    def __init__(self, fired: Callable[[str], None]) -> None:
        self._fired = fired
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def __contains__(self, timer: str) -> bool:
        return timer in self._handles

    def start(self, timer: str, seconds: float) -> None:
        """Starts it again if it runs."""
        self.stop(timer)
        self._handles[timer] = asyncio.get_running_loop().call_later(seconds, self._fired, timer)

    def stop(self, timer: str) -> None:
        handle = self._handles.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def is_due(self, timer: str) -> bool:
        """Whether a timer that has fired still counts. False: it was stopped after it had fired."""
        return self._handles.pop(timer, None) is not None

    def stop_all(self) -> None:
        for timer in list(self._handles):
            self.stop(timer)
