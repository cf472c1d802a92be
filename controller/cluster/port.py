"""What nodes share while calls live, and what a backend that holds it must be able to do (`Backend`).

Two backends do it: `memory.MemoryBackend` (within one process) and `valkey.ValkeyBackend`. The nodes are the truth: a
backend holds what they claim, and may forget it at any time. `membership.Membership` is what the controller uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from controller.cluster.node import NodeId

CALLS = "calls"
"""The scope of all live calls, whatever they count for: who owns a call."""
LEASE_S = 10.0
"""Seconds after its latest beat for which a node counts as alive."""
BEAT_S = 1.0
"""Seconds between two beats."""


@dataclass(frozen=True, slots=True)
class SlotLimit:
    """How many calls and legs may be in one scope, such as `trunk:main`. `most` None: any number; whoever is in it is
    recorded. `why`: what is told when it is full."""

    scope: str
    most: int | None = None
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many may be admitted to a scope in any `window_s` seconds."""

    scope: str
    most: int
    window_s: float
    why: str = field(default="", compare=False)


Limit = SlotLimit | RateLimit


@dataclass(frozen=True, slots=True)
class Claim:
    """What a call, or one leg of it, wants to take up. `id`: of the call or the channel."""

    id: str = field(repr=False)
    slots: tuple[SlotLimit, ...]
    rates: tuple[RateLimit, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(each.scope for each in self.slots)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Counts for a rate: `id` was admitted to `scope`, `ago_s` seconds ago."""

    scope: str
    id: str
    ago_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that a node has taken. `slots`: the scopes by id."""

    slots: Mapping[str, tuple[str, ...]]
    rates: tuple[Admitted, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node tells of itself. `url`: where other nodes reach its HTTP API; empty: nowhere. `capacity`: how many
    calls its workers can carry; 0: unknown. `names_itself`: its `/healthz` says which node answers; one of the release
    before does not."""

    url: str = ""
    version: str = ""
    state: Literal["accepting", "draining"] = "accepting"
    calls: int = 0
    capacity: int = 0
    names_itself: bool = False


@dataclass(frozen=True, slots=True)
class Samples:
    """Of what this node holds, one id of a scope each: `(scope, id)`. A key that the backend has lost is noticed so."""

    slots: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    rates: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """One beat. `amounts`: this node's own sums of `day` (ISO date), by book, such as US dollars or minutes dialled:
    absolute figures, so that it does no harm to say one twice."""

    facts: NodeFacts
    day: str
    amounts: Mapping[str, float] = field(default_factory=dict)
    samples: Samples = Samples()


@dataclass(frozen=True, slots=True)
class Lease:
    """A node as the backend knows it. `left_s`: seconds until its lease expires, below 0: since when it has been.
    `asserted`: the backend has all that this node holds."""

    node: NodeId
    left_s: float
    facts: NodeFacts
    asserted: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What a beat is answered with. `generation`: another one says that the backend may have lost what it held. `held`:
    how many ids it has of this node. `replaced`: a later start of the same node has a lease that has not expired.
    `amounts`: by book and node name. `complete`: it has all samples."""

    generation: str
    asserted: bool
    replaced: bool
    held: int
    leases: tuple[Lease, ...]
    amounts: Mapping[str, Mapping[str, float]]
    complete: bool = True


class BackendError(Exception):
    """The backend gave no answer, or none that makes sense."""


class Outdated(BackendError):
    """The backend has another generation: nothing was changed."""

    def __init__(self) -> None:
        super().__init__("it has begun anew")


class Replaced(BackendError):
    """The backend knows a later start of this node: nothing was changed."""

    def __init__(self) -> None:
        super().__init__("a later start of this node is there")


class Unusable(BackendError):
    """The backend answers, and this node may not use it. The text says why, and what to do."""


class Backend(Protocol):
    """Of one node. Each method is one step for all nodes: nobody sees half of it. Moments are by the backend's own
    clock. Raises BackendError. It may take any time: whoever asks sets a limit."""

    @property
    def shared(self) -> bool:
        """Whether there may be other nodes."""

    async def beat(self, report: Report) -> Reply:
        """Renews the lease of this node."""

    async def take(self, claim: Claim, generation: str) -> Limit | None:
        """Takes all slots and counts for all rates, or does nothing and returns the limit that is reached. What the
        id holds or counts for already is not asked for again. Raises Outdated."""

    async def hold(self, holdings: Holdings) -> None:
        """Takes slots whatever their limits: calls that live already."""

    async def release(self, scopes: Mapping[str, tuple[str, ...]]) -> None:
        """Frees all slots of these ids. Rates stay counted. An id of another node, or of nobody, is left alone. The
        scopes of each, as far as this node knows: the backend may have lost that this node holds it."""

    async def assert_all(self, holdings: Holdings, generation: str) -> None:
        """From now on this node holds exactly this. What earlier starts of it held is freed. Raises Outdated and
        Replaced."""

    async def free(self, node: NodeId, *, lapsed: bool = True) -> bool:
        """Frees all that a node holds, and forgets it. `lapsed`: only if its lease has expired. Returns whether it was
        done."""

    async def owner(self, scope: str, id_: str) -> NodeId | None:
        """Who holds this id in this scope."""

    async def reset(self) -> None:
        """It did not answer in time: connections that are open are not used again."""

    async def close(self) -> None: ...
