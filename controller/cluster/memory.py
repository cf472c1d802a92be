"""A backend within one process: the default, where one controller has no other beside it.

`MemoryBackend()` alone is shared with nobody, and is never asked for a slot: the controller counts its own calls.
Several with one `Shared` are several nodes (tests).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from time import monotonic

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
from controller.cluster.slots import SlotBook


@dataclass(slots=True)
class _Known:
    expires: float
    facts: NodeFacts
    generation: str = ""
    """In which it has asserted all that it holds."""


@dataclass(slots=True)
class Shared:
    """What all nodes share. `away`: nobody gets an answer."""

    clock: Callable[[], float] = monotonic
    away: bool = False
    book: SlotBook = field(default_factory=SlotBook)
    nodes: dict[NodeId, _Known] = field(default_factory=dict)
    amounts: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    """By book and day: the amount of each node."""
    generation: str = "1"
    _numbers: count = field(default_factory=lambda: count(2))  # type: ignore[type-arg]

    def empty(self) -> None:
        """Everything is lost, as after a restart."""
        self.book, self.generation = SlotBook(), str(next(self._numbers))
        self.nodes.clear()
        self.amounts.clear()


class MemoryBackend:
    """`Backend`."""

    def __init__(self, node: NodeId, shared: Shared | None = None) -> None:
        self._node, self._owner = node, str(node)
        self._alone = shared is None
        self._shared = shared or Shared()

    @property
    def shared(self) -> bool:
        return not self._alone

    async def beat(self, report: Report) -> Reply:
        all_, now = self._there(), self._shared.clock()
        replaced = self._replaced()
        if not replaced:
            known = all_.nodes.setdefault(self._node, _Known(0.0, report.facts))
            known.expires, known.facts = now + LEASE_S, report.facts
        for book, amount in report.amounts.items():
            all_.amounts.setdefault((book, report.day), {})[self._node.name] = amount
        leases = [
            Lease(node, each.expires - now, each.facts, each.generation == all_.generation)
            for node, each in sorted(all_.nodes.items())
        ]
        asserted = not replaced and all_.nodes[self._node].generation == all_.generation
        amounts = {book: dict(all_.amounts[book, report.day]) for book in report.amounts}
        held = len(all_.book.held(self._owner))
        complete = all_.book.has(report.samples)
        return Reply(all_.generation, asserted, replaced, held, tuple(leases), amounts, complete)

    async def take(self, claim: Claim, generation: str) -> Limit | None:
        all_ = self._there(generation)
        return all_.book.take(self._owner, claim, all_.clock())

    async def hold(self, holdings: Holdings) -> None:
        all_ = self._there()
        self._add(all_, holdings)

    def _add(self, all_: Shared, holdings: Holdings) -> None:
        for id_, scopes in holdings.slots.items():
            all_.book.hold(self._owner, id_, scopes)
        for each in holdings.rates:
            all_.book.count(each.scope, each.id, all_.clock() - each.ago_s, each.window_s)

    async def release(self, scopes: Mapping[str, tuple[str, ...]]) -> None:
        self._there().book.release(self._owner, scopes)

    async def assert_all(self, holdings: Holdings, generation: str) -> None:
        all_ = self._there(generation)
        if self._replaced():
            raise Replaced
        for node in [each for each in all_.nodes if each.name == self._node.name and each != self._node]:
            self._forget(node)
        all_.book.free(self._owner)
        self._add(all_, holdings)
        all_.nodes.setdefault(self._node, _Known(all_.clock() + LEASE_S, NodeFacts())).generation = generation

    async def free(self, node: NodeId, *, lapsed: bool = True) -> bool:
        all_ = self._there()
        known = all_.nodes.get(node)
        if lapsed and known is not None and known.expires > all_.clock():
            return False
        self._forget(node)
        return True

    async def owner(self, scope: str, id_: str) -> NodeId | None:
        return NodeId.parse(self._there().book.owner(scope, id_) or "")

    async def reset(self) -> None: ...

    async def close(self) -> None: ...

    def _forget(self, node: NodeId) -> None:
        self._shared.book.free(str(node))
        self._shared.nodes.pop(node, None)

    def _replaced(self) -> bool:
        now, (name, epoch) = self._shared.clock(), (self._node.name, self._node.epoch)
        known = self._shared.nodes.items()
        return any(each.name == name and each.epoch > epoch and of.expires > now for each, of in known)

    def _there(self, generation: str | None = None) -> Shared:
        if self._shared.away:
            raise BackendError("it is away")
        if generation not in (None, self._shared.generation):
            raise Outdated
        return self._shared
