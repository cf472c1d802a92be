"""What Asterisk says of PJSIP endpoints: online, offline, unknown. Asked when somebody wants to know, and kept briefly.

Asterisk tells it of endpoints whose aor is qualified; others are online as long as they are configured.
"""

import asyncio
from collections.abc import Iterable, Mapping
from time import monotonic

from controller.ari.errors import AriError, NotFound
from controller.ari.rest import Ari

KEPT_SECONDS = 10.0
LONGEST_SECONDS = 3.0
MISSING = "missing"
"""Asterisk has no such endpoint."""


class EndpointStates:
    def __init__(self, ari: Ari) -> None:
        self._ari = ari
        self._known: dict[str, tuple[float, str | None]] = {}

    async def of(self, endpoints: Iterable[str]) -> Mapping[str, str]:
        """The state of each endpoint, or `MISSING`. Those of which Asterisk does not tell in time are left out."""
        wanted = set(endpoints)
        old = monotonic() - KEPT_SECONDS
        due = [name for name in sorted(wanted) if self._known.get(name, (0.0, None))[0] < old]
        for name, state in zip(due, await asyncio.gather(*map(self._ask, due)), strict=True):
            self._known[name] = monotonic(), state
        self._known = {name: kept for name, kept in self._known.items() if name in wanted}
        return {name: state for name, (_, state) in self._known.items() if state is not None}

    async def _ask(self, name: str) -> str | None:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return (await self._ari.endpoint("PJSIP", name)).state
        except NotFound:
            return MISSING
        except (AriError, TimeoutError):
            return None
