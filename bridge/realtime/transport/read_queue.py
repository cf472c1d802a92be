"""Lets connections with much unread data take turns: one slice of reading in each round of the event loop.

However many servers send without end, the worker's other work waits for one slice only.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary


class ReadQueue:
    """Of one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], bool]] = deque()
        self._due = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, read: Callable[[], bool]) -> None:
        """Call it in one of the next rounds, and again for as long as it returns True."""
        self._waiting.append(read)
        self._next_round()

    def _next_round(self) -> None:
        if self._waiting and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._due = False
        read = self._waiting.popleft()
        try:
            if read():
                self._waiting.append(read)
        finally:
            self._next_round()


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, ReadQueue] = WeakKeyDictionary()


def read_queue() -> ReadQueue:
    """Of the running loop."""
    return _queues.setdefault(asyncio.get_running_loop(), ReadQueue())
