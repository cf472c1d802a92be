"""The shared event stream in Valkey, or Redis 7 or newer: a stream (XADD, XRANGE, XREAD) that is bounded.

Appending and reading have connections of their own, also apart from those of calls: none of them waits for another.
Source: valkey.io, "Valkey Streams".
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from controller.cluster.event_log import KEPT_S, MOST, Entry, Offset, Opened, Place
from controller.cluster.port import BackendError
from controller.cluster.valkey_connection import ValkeyConnection
from controller.config.cluster_url import ClusterUrl

ERASE_AT_ONCE = 500


class ValkeyEventLog:
    """`EventLog`. Arguments as of `ValkeyConnection`. What another installation has written there is not read."""

    def __init__(
        self, url: ClusterUrl, prefix: str, ca_file: str | None = None, installation: str = "", *, most: int = MOST
    ) -> None:
        self._appending = ValkeyConnection(url, prefix, ca_file, installation, text=False)
        self._reading = ValkeyConnection(url, prefix, ca_file, installation, text=False)
        self._key, self._most = f"{self._reading.prefix}:events", most

    async def append(self, from_: str, events: Sequence[tuple[int, Mapping[str, bytes]]], *, dropped: bool) -> None:
        names = list(events[0][1]) if events else []
        told: list[int | bytes] = []
        for order, fields in events:
            told += [order, *(fields[name] for name in names)]
        bounds = self._most, int(KEPT_S * 1000), int(dropped), len(names)
        await self._appending.run("events_append", from_, *bounds, *names, *told)

    async def open(self) -> Opened:
        found = await self._reading.run("events_open")
        try:
            stream, *offsets = (each.decode() for each in found)
            return Opened(stream, *map(Offset.parse, offsets))
        except (TypeError, ValueError, AttributeError) as error:
            raise BackendError("its answer can't be read") from error

    async def read(self, after: Offset, wait_s: float, most: int) -> list[Entry]:
        with self._reading.asking():
            found: Any = await self._reading.client.xread({self._key: str(after)}, most, int(wait_s * 1000))
        if found:
            await self._reading.check_installation()
        return _entries(found[0][1]) if found else []

    async def range(self, after: Offset, until: Offset | None, most: int) -> list[Entry]:
        with self._reading.asking():
            last = "+" if until is None else str(until)
            found: Any = await self._reading.client.xrange(self._key, f"({after}", last, most)
        if found:
            await self._reading.check_installation()
        return _entries(found)

    async def erase(self, field: str, values: Collection[str]) -> None:
        place: bytes | None = b"0-0"
        while place is not None and values:
            place = await self._appending.run("events_erase", place, ERASE_AT_ONCE, field, *values)

    async def reset(self, *, appending: bool) -> None:
        await (self._appending if appending else self._reading).reset()

    async def close(self) -> None:
        await self._appending.close()
        await self._reading.close()


def _entries(found: Any) -> list[Entry]:
    """Raises BackendError."""
    try:
        return [_entry(Offset.parse(id_.decode()), fields) for id_, fields in found]
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise BackendError("its answer can't be read") from error


def _entry(offset: Offset, fields: Mapping[bytes, bytes]) -> Entry:
    told = {name.decode(): value for name, value in fields.items()}
    place = Place(told.pop("stream").decode(), offset)
    if not told:
        return Entry(place)
    return Entry(place, told.pop("from").decode(), int(told.pop("order")), told)
