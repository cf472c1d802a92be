"""`Ari`: the REST client, one typed method per operation of ARI.

Owns the operations on Asterisk itself and on Stasis apps, and adds those on channels and bridges. Methods raise
AriError; to delete an object that does not exist is success.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime

from controller.ari.bridges import Bridges
from controller.ari.channels import Channels
from controller.ari.errors import (
    AriError,
    BadAnswer,
    BadArgument,
    NotFound,
    Refused,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from controller.ari.resources import Application, AsteriskInfo, Endpoint, Json, listing, text
from controller.ari.transport import checked_variable, given, reported_segment, segment

__all__ = [
    "Ari",
    "AriError",
    "BadAnswer",
    "BadArgument",
    "NotFound",
    "Refused",
    "TimedOut",
    "Unauthorized",
    "Unavailable",
]


class Ari(Channels, Bridges):
    """`async with Ari("http://127.0.0.1:8088/ari", user, password, app) as ari: await ari.answer(channel)`."""

    # ------------------------------------------------------------ Asterisk

    async def ping(self) -> None:
        """Checks that HTTP works and the password is right. A frozen Asterisk answers this too."""
        await self._do("ping", "GET", "/asterisk/ping")

    async def time(self) -> datetime | None:
        """Asterisk's clock, to the second, from the Date header; None if it has none."""
        answer = await self._call("time", "GET", "/asterisk/ping")
        try:
            return parsedate_to_datetime(answer.headers.get("date", ""))
        except (ValueError, OverflowError, IndexError):
            return None

    async def look_up(self, channel: str) -> None:
        """Checks that channels can be looked up, by one that does not exist. A frozen Asterisk does not answer this."""
        with suppress(NotFound):
            await self._do("look_up", "DELETE", f"/channels/{segment('channel', channel)}")

    async def info(self) -> AsteriskInfo:
        return await self._ask("info", "GET", "/asterisk/info", AsteriskInfo.read)

    async def endpoint(self, technology: str, resource: str) -> Endpoint:
        path = f"/endpoints/{segment('endpoint', technology)}/{segment('endpoint', resource)}"
        return await self._ask("endpoint", "GET", path, Endpoint.read)

    async def endpoints(self, technology: str) -> list[Endpoint]:
        path = f"/endpoints/{segment('endpoint', technology)}"
        return await self._ask("endpoints", "GET", path, lambda found: list(map(Endpoint.read, listing(found))))

    async def module(self, name: str) -> str:
        """The status, such as Running. Raises NotFound if it is not loaded. `name`: as in modules.conf, with `.so`."""

        def status(source: Json) -> str:
            return text(source, "status")

        return await self._ask("module", "GET", f"/asterisk/modules/{segment('module', name)}", status)

    async def sound(self, name: str) -> frozenset[str]:
        """The languages in which Asterisk has a sound. Raises NotFound. Each folder in Asterisk's folder of sounds is a
        language for it: of `voiceai/sorry` it has `sorry` in the language `voiceai`."""

        def languages(source: Json) -> frozenset[str]:
            return frozenset(text(each, "language") for each in listing(source.get("formats")))

        return await self._ask("sound", "GET", f"/sounds/{reported_segment('sound', name)}", languages)

    async def settings(self, kind: str, name: str) -> dict[str, str]:
        """The settings of a PJSIP object (`endpoint`, `aor`, `transport`, …) that are in force, by name."""

        def pairs(source: object) -> dict[str, str]:
            return {text(each, "attribute"): text(each, "value") for each in listing(source)}

        return await self._ask("settings", "GET", _of_pjsip(kind, name), pairs)

    async def put_settings(self, kind: str, name: str, fields: Mapping[str, str]) -> None:
        """Makes or changes a PJSIP object, if Asterisk's sorcery.conf has a place for it."""
        body = {"fields": [{"attribute": each, "value": value} for each, value in given(**fields).items()]}
        await self._do("put_settings", "PUT", _of_pjsip(kind, name), body)

    async def delete_settings(self, kind: str, name: str) -> None:
        """Raises NotFound."""
        await self._do("delete_settings", "DELETE", _of_pjsip(kind, name))

    async def get_global(self, variable: str) -> str:
        """A global variable of the dialplan; empty if it is not set."""

        def value(source: Json) -> str:
            return text(source, "value")

        query = {"variable": checked_variable(variable)}
        return await self._ask("get_global", "GET", "/asterisk/variable", value, None, query)

    async def set_global(self, variable: str, value: str) -> None:
        body = {"variable": checked_variable(variable), "value": value}
        await self._do("set_global", "POST", "/asterisk/variable", body)

    # ------------------------------------------------------------ apps

    async def application(self, app: str | None = None) -> Application:
        """Our own by default. Raises NotFound if no websocket has registered it since Asterisk started."""
        path = f"/applications/{segment('app', app or self.app)}"
        return await self._ask("application", "GET", path, Application.read)

    async def subscribe(self, *sources: str) -> Application:
        """Get the events of `channel:ID`, `bridge:ID` or `endpoint:TECH/RESOURCE`, also of those not in our app."""
        path = f"/applications/{segment('app', self.app)}/subscription"
        return await self._ask("subscribe", "POST", path, Application.read, given(eventSource=list(sources)))


def _of_pjsip(kind: str, name: str) -> str:
    return f"/asterisk/config/dynamic/res_pjsip/{segment('object', kind)}/{segment('object', name)}"
