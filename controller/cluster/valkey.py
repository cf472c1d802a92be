"""A backend that is a server of its own: Valkey, or Redis 7 or newer, alone or with Sentinel (`ValkeyConnection`).

Each step is one script (`scripts/`), which the server carries out by itself and by its own clock.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

from controller.cluster.node import NodeId
from controller.cluster.port import (
    LEASE_S,
    BackendError,
    Claim,
    Holdings,
    Lease,
    Limit,
    NodeFacts,
    Outdated,
    Replaced,
    Reply,
    Report,
)
from controller.cluster.valkey_connection import ValkeyConnection
from controller.config.cluster_url import ClusterUrl

KEPT_MS = 3 * 86_400_000
"""Milliseconds for which the amounts of a day are kept."""


class ValkeyBackend:
    """`Backend`. Arguments as of `ValkeyConnection`."""

    shared = True

    def __init__(
        self, node: NodeId, url: ClusterUrl, prefix: str, ca_file: str | None = None, installation: str = ""
    ) -> None:
        self._owner, self._connection = str(node), ValkeyConnection(url, prefix, ca_file, installation)
        self._checked = False

    async def beat(self, report: Report) -> Reply:
        if not self._checked:
            await self._connection.check_version()
            self._checked = True
        facts = report.facts
        told = json.dumps(asdict(facts))
        amounts = [each for book, amount in report.amounts.items() for each in (book, repr(float(amount)))]
        slots, rates = chain(*report.samples.slots), chain(*report.samples.rates)
        sizes = len(report.amounts), len(report.samples.slots)
        head = self._owner, _ms(LEASE_S), told, report.day, KEPT_MS
        found = await self._run("beat", *head, *sizes, *amounts, *slots, *rates)
        try:
            generation, asserted, replaced, held, leases, books, complete = found
            return Reply(
                str(generation),
                bool(asserted),
                bool(replaced),
                int(held),
                tuple(sorted(_leases(leases), key=lambda lease: lease.node)),
                {book: _amounts(pairs) for book, pairs in books},
                bool(complete),
            )
        except (TypeError, ValueError) as error:
            raise BackendError("its answer can't be read") from error

    async def take(self, claim: Claim, generation: str) -> Limit | None:
        slots = [x for each in claim.slots for x in (each.scope, -1 if each.most is None else each.most)]
        rates = [x for each in claim.rates for x in (each.scope, each.most, _ms(each.window_s))]
        found = await self._run("take", self._owner, generation, claim.id, len(claim.slots), *slots, *rates)
        if found == -1:
            raise Outdated
        limits: tuple[Limit, ...] = (*claim.slots, *claim.rates)
        return limits[int(found) - 1] if found else None

    async def hold(self, holdings: Holdings) -> None:
        await self._run("hold", self._owner, *_holdings(holdings))

    async def release(self, scopes: Mapping[str, tuple[str, ...]]) -> None:
        if scopes:
            told = [word for id_, each in scopes.items() for word in (id_, "\n".join(each))]
            await self._run("release", self._owner, *told)

    async def assert_all(self, holdings: Holdings, generation: str) -> None:
        found = await self._run("assert_all", self._owner, generation, *_holdings(holdings))
        if found:
            raise Outdated if found == -1 else Replaced

    async def free(self, node: NodeId, *, lapsed: bool = True) -> bool:
        return bool(await self._run("free", str(node), int(lapsed)))

    async def owner(self, scope: str, id_: str) -> NodeId | None:
        with self._connection.asking():
            found = await self._connection.client.hget(f"{self._connection.prefix}:slots:{scope}", id_)
            return NodeId.parse(str(found or ""))

    async def reset(self) -> None:
        self._checked = False  # there may be another server
        await self._connection.reset()

    async def close(self) -> None:
        await self._connection.close()

    async def _run(self, name: str, *arguments: str | int | float) -> Any:
        return await self._connection.run(name, *arguments)


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)


def _holdings(holdings: Holdings) -> list[str | int]:
    told: list[str | int] = [len(holdings.slots)]
    for id_, scopes in holdings.slots.items():
        told += [id_, "\n".join(scopes)]
    for each in holdings.rates:
        told += [each.scope, each.id, _ms(each.ago_s), _ms(each.window_s)]
    return told


def _leases(found: Any) -> Iterator[Lease]:
    for owner, left_ms, facts, asserted in found:
        node = NodeId.parse(owner)
        if node is not None:
            yield Lease(node, float(left_ms) / 1000, _facts(facts), bool(asserted))


def _facts(text: str) -> NodeFacts:
    """Of any release: what can't be read is as if it had not been said."""
    try:
        found = json.loads(text)
        calls, capacity = int(found["calls"]), int(found.get("capacity", 0))
        names_itself = found.get("names_itself") is True
        told = str(found["url"]), str(found["version"])
        facts = NodeFacts(*told, calls=calls, capacity=capacity, names_itself=names_itself)
        return replace(facts, state="draining") if found["state"] == "draining" else facts
    except (ValueError, TypeError, KeyError):
        return NodeFacts()


def _amounts(pairs: list[str]) -> dict[str, float]:
    """Of each node."""
    found = {node: float(amount) for node, amount in zip(pairs[::2], pairs[1::2], strict=True)}
    return {node: amount for node, amount in found.items() if math.isfinite(amount) and amount >= 0}
