"""What Asterisk is asked and told about the RTP of a call's legs, and whether they are where their sound has to go."""

from collections.abc import Callable
from contextlib import suppress

from bridge.common.limited_warnings import LimitedWarnings
from controller.ari.errors import NotFound, Refused
from controller.ari.rest import Ari
from controller.calls.machine import commands, inputs


async def carry_out(
    ari: Ari,
    command: commands.CountRtp | commands.Rejoin | commands.RestoreBridge,
    put: Callable[[inputs.Input], None],
    warnings: LimitedWarnings,
) -> None:
    """Counts are `put` as inputs. A leg that is gone is no error: an event says so."""
    match command:
        case commands.CountRtp(channel):
            put(await _counted(ari, channel))
        case commands.Rejoin(bridge, channel):
            text = "Asterisk drops the sound that a leg sends; the leg joins anew"
            warnings.warning(text, by=("channel",), channel=channel)
            with suppress(NotFound):
                # One request that moves the leg: what the agent says goes on without a gap.
                await ari.add_channel(bridge, channel)
        case commands.RestoreBridge(bridge, channels):
            await _restored(ari, bridge, channels, warnings)


async def _restored(ari: Ari, bridge: str, channels: tuple[str, ...], warnings: LimitedWarnings) -> None:
    with suppress(NotFound):
        there = (await ari.bridge(bridge)).channels
        for channel in channels:
            if channel not in there:
                with suppress(NotFound, Refused):
                    await ari.add_channel(bridge, channel)
                    text = "a leg was not in the bridge of its call; it has joined"
                    warnings.warning(text, by=("channel",), channel=channel)


async def _counted(ari: Ari, channel: str) -> inputs.RtpCounted:
    try:
        found = await ari.rtp_statistics(channel)
    except (Refused, NotFound):  # it has no RTP
        return inputs.RtpCounted(channel, None)
    return inputs.RtpCounted(channel, found.received_bytes, found.received_lost, found.remote_source)
