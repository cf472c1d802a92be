"""Events of Asterisk that are an input of one call and nothing else. [pure]"""

from controller.ari import events
from controller.calls.machine import inputs as m


def input_of(event: events.Event) -> tuple[str, m.Input] | None:
    """The channel or playback that it is about, and what it means to its call. None: no such."""
    match event:
        case events.ChannelHangupRequest(channel=channel, soft=True):  # its cause is none of Q.850
            return channel.id, m.LegHungUp(channel.id, soft=True)
        case events.ChannelHangupRequest(channel=channel, cause=cause):
            return channel.id, m.LegHungUp(channel.id, cause)
        case events.PlaybackFinished(playback_id=playback):
            return playback, m.SoundOver(playback)
        case events.ChannelStateChange(channel=channel) if channel.state == "Ringing":
            return channel.id, m.LegRinging(channel.id)
        case events.Dial(peer=channel, dialstatus="PROGRESS"):  # the network's own sound, instead of ringing
            return channel.id, m.LegRinging(channel.id)
        case events.ChannelHold(channel=channel):
            return channel.id, m.SipHold(channel.id, on=True)
        case events.ChannelUnhold(channel=channel):
            return channel.id, m.SipHold(channel.id, on=False)
    return None
