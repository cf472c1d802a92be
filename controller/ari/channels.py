"""The operations of ARI on channels. Parameters are those of rest-api/api-docs/channels.json.

All raise AriError; NotFound means that the channel is gone, which `hangup` takes for done. Times are seconds, except
where a name ends in `_ms`.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, Unpack
from uuid import UUID

from controller.ari.errors import BadArgument, NotFound
from controller.ari.resources import Channel, Playback, Recording, RtpStatistics, listing, text
from controller.ari.sounds import RecordingOptions, playback_body, recording_body, whole_seconds
from controller.ari.transport import (
    Transport,
    checked_id,
    checked_variable,
    checked_variables,
    given,
    joined_arguments,
    reported_id,
    reported_segment,
)

Direction = Literal["in", "out", "both"]
SpyDirection = Literal["none", "in", "out", "both"]
TransferState = Literal["channel_progress", "channel_answered", "channel_unavailable", "channel_declined"]

MEDIA_FORMAT = "slin24"
"""Of media legs: 24 kHz, as the AI speaks."""
_HOST_PORT = re.compile(r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")
_DTMF = re.compile(r"[0-9A-Da-d*#wW]{1,255}")  # w: half a second of pause, W: a second


def _path(channel: str, *more: str) -> str:
    return "/".join(("/channels", reported_segment("channel", channel), *more))


class Channels(Transport):
    # ------------------------------------------------------------ what there is

    async def channels(self) -> list[Channel]:
        """All that Asterisk has, also those of others."""
        return await self._ask("channels", "GET", "/channels", lambda found: list(map(Channel.read, listing(found))))

    async def channel(self, channel: str) -> Channel:
        return await self._ask("channel", "GET", _path(channel), Channel.read)

    async def get_variable(self, channel: str, variable: str) -> str | None:
        """A channel variable or dialplan function; None if it is not set."""
        query = {"variable": checked_variable(variable)}
        try:
            return await self._ask(
                "get_variable", "GET", _path(channel, "variable"), lambda v: text(v, "value"), None, query
            )
        except NotFound as error:
            if error.message == "Provided variable was not found":
                return None
            raise

    async def set_variable(self, channel: str, variable: str, value: str) -> None:
        body = {"variable": checked_variable(variable), "value": value}
        await self._do("set_variable", "POST", _path(channel, "variable"), body)

    async def rtp_statistics(self, channel: str) -> RtpStatistics:
        """Of a channel that has RTP; for any other Refused."""
        return await self._ask("rtp_statistics", "GET", _path(channel, "rtp_statistics"), RtpStatistics.read)

    # ------------------------------------------------------------ answer and end

    async def ring(self, channel: str) -> None:
        await self._do("ring", "POST", _path(channel, "ring"))

    async def ring_stop(self, channel: str) -> None:
        await self._do("ring_stop", "DELETE", _path(channel, "ring"))

    async def answer(self, channel: str) -> None:
        await self._do("answer", "POST", _path(channel, "answer"))

    async def hangup(self, channel: str, *, reason: str | None = None, reason_code: int | None = None) -> bool:
        """False: it was gone already, which is success too. Before answer the reason becomes the SIP status: `busy`
        486, `congestion` 503, `no_answer` 480, none or `normal` 603; `reason_code` (Q.850) 21 403, 3 404."""
        if reason is not None and reason_code is not None:
            raise BadArgument("give reason or reason_code, not both")
        query = given(reason=reason, reason_code=None if reason_code is None else str(reason_code))
        with suppress(NotFound):  # the far end was faster
            await self._do("hangup", "DELETE", _path(channel), None, query)
            return True
        return False

    async def continue_in_dialplan(
        self, channel: str, *, context: str | None = None, extension: str | None = None, priority: int | None = None
    ) -> None:
        """Leave our app. A context that does not exist is accepted and ends the call: check it first."""
        body = given(context=context, extension=extension, priority=priority)
        await self._do("continue_in_dialplan", "POST", _path(channel, "continue"), body)

    async def redirect(self, channel: str, endpoint: str) -> None:
        """SIP REFER (302 before answer), such as to `PJSIP/sip:4919@host`. Returns before its outcome is known."""
        await self._do("redirect", "POST", _path(channel, "redirect"), given(endpoint=endpoint))

    async def transfer_progress(self, channel: str, states: TransferState) -> None:
        """Tell the sender of a REFER (event ChannelTransfer) how it goes."""
        await self._do("transfer_progress", "POST", _path(channel, "transfer_progress"), given(states=states))

    # ------------------------------------------------------------ new channels

    async def originate(
        self,
        endpoint: str,
        *,
        channel_id: str,
        other_channel_id: str | None = None,
        caller_id: str | None = None,
        timeout: float = 30.0,
        variables: Mapping[str, str] | None = None,
        app_args: Sequence[str] = (),
        originator: str | None = None,
        formats: str | None = None,
        context: str | None = None,
        extension: str | None = None,
        priority: int | None = None,
    ) -> Channel:
        """Dial `endpoint`; once answered it enters our app, or the dialplan if an extension is given.

        Returns at once; everything else comes as events. `timeout` is how long it may ring. `other_channel_id` is
        for the far half of a Local channel (`<channel_id>;2` if not given). Raises Refused if the id is taken.
        """
        if originator is not None and formats is not None:
            raise BadArgument("give originator or formats, not both")
        body = given(
            endpoint=endpoint,
            channelId=checked_id("channel", channel_id),
            otherChannelId=other_channel_id and checked_id("channel", other_channel_id),
            callerId=caller_id,
            timeout=whole_seconds(timeout),
            variables=checked_variables(variables),
            originator=originator and reported_id("channel", originator),
            formats=formats,
            context=context,
            extension=extension,
            priority=priority,
            app=None if extension else self.app,
            appArgs=None if extension else joined_arguments(app_args),
        )
        return await self._ask("originate", "POST", "/channels", Channel.read, body)

    async def create(
        self,
        endpoint: str,
        *,
        channel_id: str,
        variables: Mapping[str, str] | None = None,
        app_args: Sequence[str] = (),
        originator: str | None = None,
        formats: str | None = None,
    ) -> Channel:
        """A channel that is in our app at once, not dialled yet: it may be bridged before `dial`."""
        if originator is not None and formats is not None:
            raise BadArgument("give originator or formats, not both")
        body = given(
            endpoint=endpoint,
            app=self.app,
            appArgs=joined_arguments(app_args),
            channelId=checked_id("channel", channel_id),
            variables=checked_variables(variables),
            originator=originator and reported_id("channel", originator),
            formats=formats,
        )
        return await self._ask("create", "POST", "/channels/create", Channel.read, body)

    async def dial(self, channel: str, *, caller: str | None = None, timeout: float | None = None) -> None:
        """Dial what `create` made. `caller` is the channel that it is for."""
        body = given(caller=caller and reported_id("channel", caller), timeout=whole_seconds(timeout))
        await self._do("dial", "POST", _path(channel, "dial"), body)

    async def external_media(
        self,
        *,
        channel_id: str,
        host_port: str,
        uuid: str,
        format: str = MEDIA_FORMAT,
        variables: Mapping[str, str] | None = None,
    ) -> Channel:
        """An AudioSocket channel: Asterisk connects to `host_port` over TCP and says `uuid` first.

        It connects within this request (up to 2 s per address; give an IP address, names are looked up here too).
        Raises Unavailable with status 500 if nobody accepts; then there is no channel and no event.
        """
        if not _HOST_PORT.fullmatch(host_port):
            raise BadArgument("not host:port")
        body = given(
            channelId=checked_id("channel", channel_id),
            app=self.app,
            external_host=host_port,
            encapsulation="audiosocket",
            transport="tcp",
            connection_type="client",
            direction="both",
            format=format,
            data=_uuid(uuid),
            variables=checked_variables(variables),
        )
        return await self._ask("external_media", "POST", "/channels/externalMedia", Channel.read, body)

    async def snoop(
        self,
        channel: str,
        *,
        snoop_id: str,
        spy: SpyDirection = "none",
        whisper: SpyDirection = "none",
        app_args: Sequence[str] = (),
    ) -> Channel:
        """A channel that hears (`spy`) and speaks into (`whisper`) another. It enters our app and ends with it."""
        if spy == whisper == "none":
            raise BadArgument("spy or whisper must say a direction")
        body = given(
            spy=spy,
            whisper=whisper,
            app=self.app,
            appArgs=joined_arguments(app_args),
            snoopId=checked_id("channel", snoop_id),
        )
        return await self._ask("snoop", "POST", _path(channel, "snoop"), Channel.read, body)

    # ------------------------------------------------------------ while it talks

    async def send_dtmf(self, channel: str, dtmf: str, *, duration_ms: int = 100, between_ms: int = 100) -> None:
        """Digits to the far end. Returns before they are sent."""
        if not _DTMF.fullmatch(dtmf):
            raise BadArgument("not DTMF digits")
        body = given(dtmf=dtmf, duration=duration_ms, between=between_ms)
        await self._do("send_dtmf", "POST", _path(channel, "dtmf"), body)

    async def hold(self, channel: str) -> None:
        await self._do("hold", "POST", _path(channel, "hold"))

    async def unhold(self, channel: str) -> None:
        await self._do("unhold", "DELETE", _path(channel, "hold"))

    async def start_moh(self, channel: str, moh_class: str | None = None) -> None:
        await self._do("start_moh", "POST", _path(channel, "moh"), given(mohClass=moh_class))

    async def stop_moh(self, channel: str) -> None:
        await self._do("stop_moh", "DELETE", _path(channel, "moh"))

    async def mute(self, channel: str, direction: Direction = "both") -> None:
        """`in`: what comes from the far end is silenced."""
        await self._do("mute", "POST", _path(channel, "mute"), given(direction=direction))

    async def unmute(self, channel: str, direction: Direction = "both") -> None:
        await self._do("unmute", "DELETE", _path(channel, "mute"), None, given(direction=direction))

    async def play(self, channel: str, *media: str, playback_id: str, language: str | None = None) -> Playback:
        """URIs such as `sound:hello`, `recording:NAME`, `tone:busy`, one after the other."""
        body = playback_body(media, playback_id, language)
        return await self._ask("play", "POST", _path(channel, "play"), Playback.read, body)

    async def stop_playback(self, playback: str) -> None:
        """One that is over already is no error."""
        with suppress(NotFound):
            await self._do("stop_playback", "DELETE", f"/playbacks/{checked_id('playback', playback)}")

    async def record(self, channel: str, **options: Unpack[RecordingOptions]) -> Recording:
        """What comes from this channel, which must not be in a bridge (Refused); in one, record the bridge."""
        body = recording_body(**options)
        return await self._ask("record", "POST", _path(channel, "record"), Recording.read, body)


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError as error:
        raise BadArgument("not a UUID") from error
