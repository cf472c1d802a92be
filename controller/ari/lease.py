"""A lease on a Stasis app: which controller serves it, for all controllers that use the same Asterisk.

Asterisk gives an app to the websocket that registered it last, and does not show whether a controller serves it: `GET
/applications/{app}` also shows an app whose websocket is closed, if it had channels then (measured on 22.10). So a
controller writes its name into a global variable of Asterisk every `RENEW_SECONDS`. No clocks are compared: a lease
that changes is held; one that has not changed for `DEAD_SECONDS` is free.

Owns that variable. Writing it also shows that our ARI user may make changes.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from controller.ari.rest import Ari

RENEW_SECONDS = 2.0
DEAD_SECONDS = 7.0
LOOK_SECONDS = 0.5


class Lease:
    """`us`: what other controllers read about this one. `store`: a holder with the same store is an earlier run of this
    controller."""

    def __init__(self, ari: Ari, store: str, us: Mapping[str, Any]) -> None:
        self._ari = ari
        self._store = store
        self._us = dict(us)
        self._run = secrets.token_hex(8)
        self._count = 0
        self._name = "VOICEAI_APP_" + hashlib.sha256(ari.app.encode()).hexdigest()[:16]

    async def holder(self) -> Mapping[str, Any] | None:
        """The other controller that serves the app. Waits up to `DEAD_SECONDS` if there is a lease. Raises AriError."""
        first = await self._others()
        if first is None:
            return None
        loop = asyncio.get_running_loop()
        end = loop.time() + DEAD_SECONDS
        while loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
            now = await self._others()
            if now is None:
                return None
            if now != first:
                return now
        return None

    async def renew(self) -> None:
        """Raises AriError."""
        self._count += 1
        lease = {**self._us, "store": self._store, "run": self._run, "count": self._count}
        await self._ari.set_global(self._name, json.dumps(lease))

    async def is_ours(self) -> bool:
        """Whether no other controller has written the lease since. Raises AriError."""
        found = _read(await self._ari.get_global(self._name))
        return found is None or found.get("run") == self._run

    async def release(self) -> None:
        """Raises AriError."""
        if await self.is_ours():
            await self._ari.set_global(self._name, "")

    async def _others(self) -> dict[str, Any] | None:
        found = _read(await self._ari.get_global(self._name))
        if found is None or found.get("run") == self._run or found.get("store") == self._store:
            return None
        return found


def _read(value: str) -> dict[str, Any] | None:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
