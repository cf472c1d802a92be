"""What Asterisk is asked and told about the RTP of a call's legs, and whether they are where their sound has to go."""

from collections.abc import Callable
from contextlib import suppress

import structlog

from controller.ari.errors import NotFound, Refused
from controller.ari.rest import Ari
from controller.call import messages as m

log = structlog.get_logger()


async def carry_out(
    ari: Ari, call: str, command: m.CountRtp | m.Rejoin | m.RestoreBridge, put: Callable[[m.Input], None]
) -> None:
    """What was counted is `put` as an input. A leg that is gone is no error: its end is told otherwise."""
    match command:
        case m.CountRtp(channel):
            put(await _counted(ari, channel))
        case m.Rejoin(bridge, channel):
            log.warning("Asterisk drops the sound that a leg sends; the leg joins anew", call=call, channel=channel)
            with suppress(NotFound):
                # In one step: what the agent says goes on without a gap.
                await ari.add_channel(bridge, channel)
        case m.RestoreBridge(bridge, channels):
            await _restored(ari, call, bridge, channels)


async def _restored(ari: Ari, call: str, bridge: str, channels: tuple[str, ...]) -> None:
    with suppress(NotFound):
        there = (await ari.bridge(bridge)).channels
        for channel in channels:
            if channel not in there:
                with suppress(NotFound, Refused):
                    await ari.add_channel(bridge, channel)
                    log.warning("a leg was not in the bridge of its call; it has joined", call=call, channel=channel)


async def _counted(ari: Ari, channel: str) -> m.RtpCounted:
    try:
        found = await ari.rtp_statistics(channel)
    except (Refused, NotFound):  # it has no RTP
        return m.RtpCounted(channel, None)
    return m.RtpCounted(channel, found.received_bytes, found.received_lost, found.remote_source)
