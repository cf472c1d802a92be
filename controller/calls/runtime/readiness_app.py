"""A second Stasis app, `<app>-ready`, that is registered only while new calls are accepted.

Asterisk answers OPTIONS with 200 if the number has an extension in the endpoint's context, else 404. A registered app
makes the context `stasis-<app>`, which ends with the registration (res_stasis). The dialplan's context `edge` includes
`stasis-<app>-ready`, and so a SIP proxy that asks for `sip:ready@node` learns whether this node takes calls
(docs/scaling.md). Measured on Asterisk 22.10: the answer follows the websocket within 50 ms.

Owns that websocket. A call that reaches this app is declined.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import structlog

from bridge.common.tls import client_context
from controller.ari.events import ApplicationReplaced, StasisStart
from controller.ari.link import Link
from controller.ari.rest import Ari, AriError

log = structlog.get_logger()

SUFFIX = "-ready"
LOOK_SECONDS = 0.25
"""Seconds between two looks at whether calls are accepted."""


class ReadinessApp:
    """`settings`: the config's `asterisk`. `accepts`: whether a call that came now would be taken."""

    def __init__(self, settings: Any, ari: Ari, accepts: Callable[[], bool]) -> None:
        self._settings = settings
        self._ari = ari
        self._accepts = accepts

    async def run(self) -> None:
        """Until cancelled. Ends at once if `asterisk.readiness_app` is off."""
        while self._settings.readiness_app:
            if self._accepts():
                await self._registered()
            await asyncio.sleep(LOOK_SECONDS)

    async def _registered(self) -> None:
        """Registers the app, until calls are not accepted any more."""
        log.info("the SIP front may send calls", app=self._settings.ari.app + SUFFIX)
        listening = asyncio.create_task(self._listen(), name="readiness app")
        try:
            while self._accepts():
                await asyncio.wait({listening}, timeout=LOOK_SECONDS)
                if listening.done():
                    await listening
                    await asyncio.Event().wait()  # somebody else's now: to take it back would begin a fight
        finally:
            listening.cancel()
            await asyncio.wait({listening})
        log.warning("the SIP front is told to send no more calls", app=self._settings.ari.app + SUFFIX)

    async def _listen(self) -> None:
        """Until another program registers the app."""
        at = self._settings.ari
        secret, trust = at.password.get_secret_value(), client_context(at.url, at.ca_file)
        link = Link(at.url, at.username, secret, at.app + SUFFIX, trust=trust)
        async with aclosing(link.stream()) as events:
            async for event in events:
                match event:
                    case ApplicationReplaced():
                        log.error("another program tells the SIP front that this node takes calls", app=link.app)
                    case StasisStart(channel=channel):
                        await self._decline(channel.id)

    async def _decline(self, channel: str) -> None:
        log.warning("a call to the extension of the readiness check was declined", channel=channel)
        try:
            await self._ari.hangup(channel)
        except AriError as error:
            log.warning("could not hang up a channel", channel=channel, reason=str(error))
