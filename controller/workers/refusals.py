"""Workers that are not let in, and why: told to the worker, to the log, and to whoever lists the workers.

Owns the memory of them, which is short and bounded: a worker tries again every few seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import structlog
from aiohttp import WSCloseCode, web

REASON_BYTES = 120  # a close frame has room for 123 bytes of reason (RFC 6455, 5.5)
KEPT_SECONDS = 60.0
MOST_KEPT = 50
UNNAMED = "(unnamed)"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RefusedWorker:
    """`name`: the one that it gives itself, or that of its token. `at`: `time.monotonic`."""

    name: str
    remote: str
    reason: str
    at: float


class Refusals:
    """Those of the last minute, one for each name."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, RefusedWorker] = {}

    def all(self) -> list[RefusedWorker]:
        """The latest one of each name, sorted by name."""
        since = self._clock() - KEPT_SECONDS
        self._kept = {name: each for name, each in self._kept.items() if each.at >= since}
        return sorted(self._kept.values(), key=lambda each: each.name)

    def forget(self, name: str) -> None:
        """It was let in."""
        self._kept.pop(name, None)

    def note(self, refused: RefusedWorker) -> None:
        self._kept.pop(refused.name, None)
        if len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[refused.name] = refused

    async def refuse(
        self, socket: web.WebSocketResponse, name: str | None, remote: str | None, reason: str
    ) -> web.WebSocketResponse:
        """Closes its link, with the reason in the close frame."""
        refused = RefusedWorker(name or UNNAMED, remote or "", reason, self._clock())
        log.error("worker refused", worker=refused.name, remote=remote, reason=reason)
        self.note(refused)
        told = reason.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore")  # no half of a character
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=told.encode())
        return socket
