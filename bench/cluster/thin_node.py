"""A thin node: a controller as far as the cluster sees one. Its calls are ids; the cluster's client is the real one.

Owns what is noted of each claim: how long it took, and when calls began and ended.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from time import monotonic

from bench.cluster.counts import Change
from controller.cluster.membership import Membership
from controller.cluster.metrics import NoMetrics
from controller.cluster.node import NodeId
from controller.cluster.port import CALLS, Claim, NodeFacts, RateLimit, Report, SlotLimit
from controller.cluster.valkey import ValkeyBackend
from controller.config import cluster_url

PREFIX = "bench"
TRUNKS, AGENTS = 4, 10
DAY = "2026-11-30"
UNBOUND = 1_000_000
"""A limit that is counted and never reached."""


@dataclass
class Seen:
    """What nodes of one process have noted. Moments are monotonic, in seconds."""

    takes: list[tuple[float, bool, bool]] = field(default_factory=list)
    """Of each claim: seconds, whether the server was asked (and not the node's share), whether there was room."""
    releases: list[float] = field(default_factory=list)
    """Seconds until the server had freed the slots of a call."""
    changes: list[Change] = field(default_factory=list)
    releasing: dict[str, float] = field(default_factory=dict)


class TimedBackend(ValkeyBackend):
    """Notes when slots are free."""

    def __init__(self, node: NodeId, url: str, seen: Seen) -> None:
        super().__init__(node, cluster_url.parse(url), PREFIX)
        self._seen = seen

    async def release(self, scopes: Mapping[str, tuple[str, ...]]) -> None:
        await super().release(scopes)
        now = monotonic()
        for each in scopes:
            if (began := self._seen.releasing.pop(each, None)) is not None:
                self._seen.releases.append(now - began)


class Told(NoMetrics):
    """When this node last told the server all that it holds (monotonic, s)."""

    at = 0.0

    def asserted(self) -> None:
        self.at = monotonic()


class ThinNode:
    """`cluster.membership.Member`. `limit`: of all calls; each trunk has its part of it."""

    def __init__(self, name: str, url: str, limit: int, names: Collection[str], seen: Seen) -> None:
        self.name, self._limit, self._seen = name, limit, seen
        self.calls: dict[str, tuple[str, tuple[str, ...]]] = {}
        """Trunk and scopes by id."""
        node = NodeId(name, 1)
        self.told = Told()
        self.membership = Membership(node, TimedBackend(node, url, seen), observe=self.told)
        self.membership.expect(names)

    def report(self) -> Report:
        return Report(NodeFacts(version="bench", calls=len(self.calls)), DAY, {"dollars": 1.0})

    def holdings(self) -> Mapping[str, tuple[str, ...]]:
        return {id_: scopes for id_, (_, scopes) in self.calls.items()}

    def elsewhere(self, day: str, amounts: Mapping[str, float]) -> None: ...

    async def begin(self, id_: str, trunk: int, agent: int) -> bool:
        """Whether the call has room."""
        slots = (
            SlotLimit(CALLS),
            SlotLimit("total", self._limit),
            SlotLimit(f"trunk:{trunk}", self._limit // TRUNKS),
            SlotLimit(f"agent:{agent}", UNBOUND),
        )
        rates = (RateLimit("total/second", UNBOUND, 1.0), RateLimit(f"trunk:{trunk}/second", UNBOUND, 1.0))
        began, asked = monotonic(), self.membership.up
        full = await self.membership.take(claim := Claim(id_, slots, rates))
        now = monotonic()
        self._seen.takes.append((now - began, asked and self.membership.up, full is None))
        if full is None:
            self.calls[id_] = str(trunk), claim.scopes
            self._seen.changes.append((now, 1, self.name, str(trunk)))
        return full is None

    def end(self, id_: str) -> None:
        now = monotonic()
        trunk, _ = self.calls.pop(id_)
        self._seen.changes.append((now, -1, self.name, trunk))
        self._seen.releasing[id_] = now
        self.membership.release(id_)
