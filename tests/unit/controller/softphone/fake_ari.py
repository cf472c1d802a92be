"""Asterisk's dynamic objects and channels, in memory."""

import asyncio

from controller.ari.errors import NotFound, Unavailable
from controller.ari.resources import Endpoint


class FakeAri:
    """Asterisk's objects and channels. `away`: it does not answer. `offline`: who is not registered."""

    app = "voiceai"

    def __init__(self) -> None:
        self.objects: set[tuple[str, str]] = {("transport", "transport-ws")}
        self.channels: dict[str, list[str]] = {}
        self.away = False
        self.offline: set[str] = set()
        self.changed = asyncio.Event()

    def _answer(self) -> None:
        self.changed.set()
        if self.away:
            raise Unavailable("any", None, "refused")

    async def settings(self, kind: str, name: str) -> dict[str, str]:
        self._answer()
        if (kind, name) not in self.objects:
            raise NotFound("settings", 404, "not found")
        return {}

    async def put_settings(self, kind: str, name: str, fields: dict[str, str]) -> None:
        self._answer()
        self.objects.add((kind, name))

    async def delete_settings(self, kind: str, name: str) -> None:
        self._answer()
        if (kind, name) not in self.objects:
            raise NotFound("delete_settings", 404, "not found")
        self.objects.discard((kind, name))

    async def endpoints(self, _: str) -> list[Endpoint]:
        self._answer()
        return [Endpoint("PJSIP", name, "offline") for kind, name in sorted(self.objects) if kind == "endpoint"]

    async def endpoint(self, technology: str, name: str) -> Endpoint:
        self._answer()
        return Endpoint(
            technology, name, "offline" if name in self.offline else "online", tuple(self.channels.get(name, ()))
        )

    async def hangup(self, channel: str, *, reason: str) -> bool:
        self._answer()
        for each in self.channels.values():
            if channel in each:
                each.remove(channel)
        return True

    @property
    def left(self) -> set[str]:
        return {name for _, name in self.objects if name.startswith("browser-")}
