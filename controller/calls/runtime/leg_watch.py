"""Subscribes to a caller's channel, so that its ChannelDestroyed comes even after it has left our app.

One request for each caller. Asterisk ends the subscription together with the channel.
"""

import structlog

from controller.ari.rest import Ari, AriError

log = structlog.get_logger()


async def watch(ari: Ari, channel: str) -> None:
    """If it fails, the call ends without a hangup cause. The caller may be gone already."""
    try:
        await ari.subscribe(f"channel:{channel}")
    except AriError as error:
        log.debug("a leg can't be watched; the cause of its end may stay unknown", channel=channel, reason=str(error))
