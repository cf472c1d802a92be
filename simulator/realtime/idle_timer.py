"""The timer behind `idle_timeout_ms`.

Owns one pending deadline of a session. Starting it again replaces it; stopping it twice is fine.
"""

import asyncio
from collections.abc import Callable


class Idle:
    """Calls `out` once when the deadline passes."""

    def __init__(self, out: Callable[[], None]) -> None:
        self._out = out
        self._handle: asyncio.TimerHandle | None = None

    def start(self, deadline: float) -> None:
        """`deadline` in seconds of the running loop's clock."""
        self.stop()
        self._handle = asyncio.get_running_loop().call_at(deadline, self._out)

    def stop(self) -> None:
        """No timeout from now on."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
