"""Events of Asterisk that are an input of one call and nothing else. [pure]"""

from controller.ari import events
from controller.calls.machine import inputs


def input_of(event: events.Event) -> tuple[str, inputs.Input] | None:
    """The channel or playback that it is about, and what it means to its call. None: no such."""
    match event:
        case events.ChannelHangupRequest(channel=channel, soft=True):  # its cause is none of Q.850
            return channel.id, inputs.LegHungUp(channel.id, soft=True)
        case events.ChannelHangupRequest(channel=channel, cause=cause):
            return channel.id, inputs.LegHungUp(channel.id, cause)
        case events.PlaybackFinished(playback_id=playback):
            return playback, inputs.SoundOver(playback)
        case events.ChannelStateChange(channel=channel) if channel.state == "Ringing":
            return channel.id, inputs.LegRinging(channel.id)
        case events.Dial(peer=channel, dialstatus="PROGRESS"):  # the network's own sound, instead of ringing
            return channel.id, inputs.LegRinging(channel.id)
        case events.ChannelHold(channel=channel):
            return channel.id, inputs.SipHold(channel.id, on=True)
        case events.ChannelUnhold(channel=channel):
            return channel.id, inputs.SipHold(channel.id, on=False)
    return None
