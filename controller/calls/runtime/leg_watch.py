"""A caller's leg is watched until it is gone: Asterisk tells its cause only after it has left our app.

Costs one request for each caller. Asterisk ends the subscription with the channel, so that nothing is left to undo.
"""

import structlog

from controller.ari.rest import Ari, AriError

log = structlog.get_logger()


async def watch(ari: Ari, channel: str) -> None:
    """Without it the end of the call is told without its cause. The caller may be gone already."""
    try:
        await ari.subscribe(f"channel:{channel}")
    except AriError as error:
        log.debug("a leg can't be watched; the cause of its end may stay unknown", channel=channel, reason=str(error))
