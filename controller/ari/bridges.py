"""The operations of ARI on bridges. Parameters are those of rest-api/api-docs/bridges.json.

All raise AriError; NotFound means that the bridge, or a channel named, does not exist (any more).
`destroy_bridge` treats that as success.
"""

from contextlib import suppress

from controller.ari.errors import AriError, NotFound, Refused
from controller.ari.resources import Bridge, listing
from controller.ari.transport import Transport, checked_id, given, reported_id, reported_segment


def _path(bridge: str, *more: str) -> str:
    return "/".join(("/bridges", reported_segment("bridge", bridge), *more))


class Bridges(Transport):
    async def bridges(self) -> list[Bridge]:
        """All bridges of Asterisk, also those of other applications."""
        return await self._ask("bridges", "GET", "/bridges", lambda found: list(map(Bridge.read, listing(found))))

    async def bridge(self, bridge: str) -> Bridge:
        return await self._ask("bridge", "GET", _path(bridge), Bridge.read)

    async def create_bridge(self, bridge_id: str, name: str | None = None) -> Bridge:
        body = given(type="mixing", bridgeId=checked_id("bridge", bridge_id), name=name)
        return await self._ask("create_bridge", "POST", "/bridges", Bridge.read, body)

    async def destroy_bridge(self, bridge: str) -> None:
        """A bridge that does not exist is success. The channels in it stay up."""
        with suppress(NotFound):
            await self._do("destroy_bridge", "DELETE", _path(bridge))

    async def add_channel(self, bridge: str, *channels: str) -> None:
        """Raises Refused for a channel that is not in our app yet: wait for its StasisStart. A channel in another
        bridge is moved."""
        await self._do("add_channel", "POST", _path(bridge, "addChannel"), given(channel=_ids(channels)))

    async def remove_channel(self, bridge: str, *channels: str) -> None:
        await self._do("remove_channel", "POST", _path(bridge, "removeChannel"), given(channel=_ids(channels)))


async def join(ari: Bridges, bridge: str, channels: tuple[str, ...], instead: str | None = None) -> None:
    """Add `channels` to the bridge, after the channel `instead` has left it; that one stays in our app.

    They are never in it together: a bridge that is a softmix for a moment makes one direction of a Local channel silent
    for good if its far end transcodes (Asterisk 22.10). Raises AriError; then `instead` is back in the bridge.
    """
    if instead:
        with suppress(NotFound, Refused):  # it has hung up, or is in another bridge
            await ari.remove_channel(bridge, instead)
    try:
        await ari.add_channel(bridge, *channels)
    except AriError:
        if instead:
            with suppress(AriError):
                await ari.add_channel(bridge, instead)
        raise


def _ids(channels: tuple[str, ...]) -> list[str]:
    return [reported_id("channel", each) for each in channels]
