"""The PJSIP objects of a session in Asterisk: made and removed through ARI's dynamic configuration.

Owns what the endpoint of a browser may: SIP over a websocket, encrypted sound (DTLS-SRTP) found by ICE, Opus or else
G.722, and calls into one context of the dialplan. asterisk/sorcery.conf keeps them in Asterisk's memory.
"""

from contextlib import suppress

from controller.ari.rest import Ari, AriError, NotFound
from controller.config.models.softphone import Softphone

RTP_TIMEOUT = 30
"""Seconds without sound after which Asterisk ends the call: a browser that is closed says no good-bye. One that is
muted sends silence."""


def fields_of(settings: Softphone, user: str, password: str) -> dict[str, dict[str, str]]:
    """By kind of object, in the order in which they are made: an endpoint that is listed has perhaps all of them, one
    that is not has none."""
    return {
        "endpoint": {
            "webrtc": "yes",
            "transport": settings.transport,
            "context": settings.context,
            "identify_by": "username",
            "auth": user,
            "aors": user,
            "disallow": "all",
            "allow": "opus,g722",
            "direct_media": "no",
            "allow_transfer": "no",
            "allow_subscribe": "no",
            "send_connected_line": "no",
            "rtp_timeout": str(RTP_TIMEOUT),
        },
        "aor": {"max_contacts": "1", "remove_existing": "yes", "maximum_expiration": "600"},
        "auth": {"auth_type": "digest", "username": user, "password": password},
    }


class Endpoints:
    def __init__(self, ari: Ari, settings: Softphone) -> None:
        self._ari = ari
        self._settings = settings

    async def make(self, user: str, password: str) -> None:
        """Raises AriError."""
        for kind, fields in fields_of(self._settings, user, password).items():
            await self._ari.put_settings(kind, user, fields)

    async def registered(self, user: str) -> bool:
        """Whether it can be rung. Raises AriError."""
        with suppress(NotFound):
            return (await self._ari.endpoint("PJSIP", user)).state == "online"
        return False

    async def hang_up(self, user: str) -> None:
        """All its channels. Raises AriError."""
        with suppress(NotFound):
            for channel in (await self._ari.endpoint("PJSIP", user)).channel_ids:
                await self._ari.hangup(channel, reason="normal")

    async def remove(self, user: str) -> None:
        """The endpoint last: as long as it is there, it is found again. Raises AriError."""
        for kind in ("auth", "aor", "endpoint"):
            with suppress(NotFound):
                await self._ari.delete_settings(kind, user)

    async def names(self) -> list[str]:
        """Of all PJSIP endpoints. Raises AriError."""
        return [each.resource for each in await self._ari.endpoints("PJSIP")]

    async def why_not(self) -> str | None:
        """What Asterisk lacks for browsers; None: nothing, as far as it can be asked."""
        try:
            await self._ari.settings("transport", self._settings.transport)
        except NotFound:
            return f"Asterisk has no PJSIP transport named {self._settings.transport} (docs/talk.md)."
        except AriError as error:
            return f"Asterisk can't be asked: {error}"
        return None
