"""The operations of ARI on channels. Parameters are those of rest-api/api-docs/channels.json.

All raise AriError; NotFound means that the channel does not exist (any more). `hangup` treats that as success. Times
are in seconds.
"""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal
from urllib.parse import unquote_plus
from uuid import UUID

from controller.ari.errors import BadArgument, NotFound, Unavailable
from controller.ari.resources import Channel, RtpStatistics, listing, text
from controller.ari.transport import (
    Transport,
    checked_id,
    checked_variable,
    checked_variables,
    given,
    reported_id,
    reported_segment,
)

SpyDirection = Literal["none", "in", "out", "both"]

MEDIA_FORMAT = "slin24"
"""The format of media legs: 24 kHz, as in the Realtime API."""
NO_FUNCTION = "Unable to read provided function"
"""Asterisk's message where it lacks a dialplan function: its module is not loaded."""
_PROOF = ";"
"""Encoded as %3B, if Asterisk has URIENCODE."""
_SEPARATORS = re.compile(r"[\\\\,\"()\[\]|]")
"""What has a meaning in a list of arguments (Asterisk, main/app.c: ast_app_separate_args)."""
_HOST_PORT = re.compile(r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")
_DTMF = re.compile(r"[0-9A-Da-d*#wW]{1,255}")  # w: half a second of pause, W: a second


def _path(channel: str, *more: str) -> str:
    return "/".join(("/channels", reported_segment("channel", channel), *more))


class Channels(Transport):
    _has_functions = False
    """Asterisk has func_strings and func_uri, as far as is known."""

    # ------------------------------------------------------------ questions

    async def channels(self) -> list[Channel]:
        """All channels of Asterisk, also those of other applications."""
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

    async def evaluate(self, channel: str, *expressions: str) -> list[str] | None:
        """The values of dialplan expressions, such as `${CALLERID(num)}`, by one request. Empty where a function or
        header is missing. None: Asterisk lacks the functions EVAL (func_strings) or URIENCODE (func_uri)."""
        encoded = (f"${{URIENCODE({each})}}" for each in (*expressions, _PROOF))
        try:
            answer = await self.get_variable(channel, f"EVAL({' '.join(encoded)})")
        except Unavailable as error:
            if error.message != NO_FUNCTION:
                raise
            answer = None
        *values, proof = [unquote_plus(each, errors="replace") for each in (answer or "").split(" ")]
        self._has_functions = proof == _PROOF and len(values) == len(expressions)
        return values if self._has_functions else None

    async def set_variable(self, channel: str, variable: str, value: str) -> None:
        body = {"variable": checked_variable(variable), "value": value}
        await self._do("set_variable", "POST", _path(channel, "variable"), body)

    async def set_variables(self, channel: str, variables: Mapping[str, str]) -> None:
        """Several, by one request through the function ARRAY if `evaluate` has shown that Asterisk has func_strings:
        it reports no error where the function is missing."""
        if self._has_functions and len(variables) > 1:
            names = ",".join(map(checked_variable, variables))
            values = ",".join(_SEPARATORS.sub(r"\\\g<0>", value) for value in variables.values())
            variables = {f"ARRAY({names})": values}
        for name, value in variables.items():
            await self.set_variable(channel, name, value)

    async def rtp_statistics(self, channel: str) -> RtpStatistics:
        """Raises Refused for a channel without RTP."""
        return await self._ask("rtp_statistics", "GET", _path(channel, "rtp_statistics"), RtpStatistics.read)

    # ------------------------------------------------------------ answer and end

    async def ring(self, channel: str) -> None:
        await self._do("ring", "POST", _path(channel, "ring"))

    async def answer(self, channel: str) -> None:
        await self._do("answer", "POST", _path(channel, "answer"))

    async def hangup(self, channel: str, *, reason: str | None = None) -> bool:
        """False: the channel had hung up already; that is success too. Before answer the reason becomes the SIP
        status: `busy` 486, `congestion` 503, `no_answer` 480, none or `normal` 603."""
        with suppress(NotFound):  # the other side has hung up
            await self._do("hangup", "DELETE", _path(channel), None, given(reason=reason))
            return True
        return False

    async def continue_in_dialplan(
        self, channel: str, *, context: str | None = None, extension: str | None = None, priority: int | None = None
    ) -> None:
        """The channel leaves our app. An unknown context is accepted and ends the call: check it first."""
        body = given(context=context, extension=extension, priority=priority)
        await self._do("continue_in_dialplan", "POST", _path(channel, "continue"), body)

    # ------------------------------------------------------------ new channels

    async def originate(
        self,
        endpoint: str,
        *,
        channel_id: str,
        caller_id: str | None = None,
        timeout: float = 30.0,
        variables: Mapping[str, str] | None = None,
        originator: str | None = None,
        formats: str | None = None,
    ) -> Channel:
        """Dial `endpoint`; the channel enters our app when it is answered. The far half of a Local channel is
        `<channel_id>;2`.

        Returns at once; the results come as events. `timeout`: seconds of ringing, rounded up. Raises Refused if the
        id is taken.
        """
        if originator is not None and formats is not None:
            raise BadArgument("give originator or formats, not both")
        body = given(
            endpoint=endpoint,
            channelId=checked_id("channel", channel_id),
            callerId=caller_id,
            timeout=math.ceil(timeout),  # Asterisk reads whole seconds, and a fraction as 0
            variables=checked_variables(variables),
            originator=originator and reported_id("channel", originator),
            formats=formats,
            app=self.app,
        )
        return await self._ask("originate", "POST", "/channels", Channel.read, body)

    async def external_media(
        self, *, channel_id: str, host_port: str, uuid: str, variables: Mapping[str, str] | None = None
    ) -> Channel:
        """An AudioSocket channel: Asterisk connects to `host_port` over TCP and sends `uuid` first.

        Asterisk connects within this request, up to 2 s per address. Give an IP address: a name is looked up within
        this request too. Raises Unavailable (status 500) if nobody accepts; then there is no channel and no event.
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
            format=MEDIA_FORMAT,
            data=_uuid(uuid),
            variables=checked_variables(variables),
        )
        return await self._ask("external_media", "POST", "/channels/externalMedia", Channel.read, body)

    async def snoop(
        self, channel: str, *, snoop_id: str, spy: SpyDirection = "none", whisper: SpyDirection = "none"
    ) -> Channel:
        """A channel that hears (`spy`) and speaks into (`whisper`) `channel`. It enters our app, and ends with
        `channel`."""
        if spy == whisper == "none":
            raise BadArgument("spy or whisper must have a direction")
        body = given(spy=spy, whisper=whisper, app=self.app, snoopId=checked_id("channel", snoop_id))
        return await self._ask("snoop", "POST", _path(channel, "snoop"), Channel.read, body)

    # ------------------------------------------------------------ during a call

    async def send_dtmf(self, channel: str, dtmf: str) -> None:
        """Send digits to the party of this channel, each 100 ms long, 100 ms apart. Returns at once."""
        if not _DTMF.fullmatch(dtmf):
            raise BadArgument("not DTMF digits")
        body = given(dtmf=dtmf, duration=100, between=100)
        await self._do("send_dtmf", "POST", _path(channel, "dtmf"), body)

    async def start_moh(self, channel: str, moh_class: str | None = None) -> None:
        await self._do("start_moh", "POST", _path(channel, "moh"), given(mohClass=moh_class))

    async def stop_moh(self, channel: str) -> None:
        await self._do("stop_moh", "DELETE", _path(channel, "moh"))

    async def play(self, channel: str, *media: str, playback_id: str) -> None:
        """`media`: URIs such as `sound:hello`, `recording:NAME`, `tone:busy`, played one after the other."""
        body = given(media=list(media), playbackId=checked_id("playback", playback_id))
        await self._do("play", "POST", _path(channel, "play"), body)

    async def stop_playback(self, playback: str) -> None:
        """A playback that has ended already is no error."""
        with suppress(NotFound):
            await self._do("stop_playback", "DELETE", f"/playbacks/{checked_id('playback', playback)}")


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError as error:
        raise BadArgument("not a UUID") from error
