"""One node's part in the cluster: its lease, what it holds, and how it admits calls while the backend is away.

While the backend answers, each claim is asked of it. While it is away, too slow, or not all nodes have said yet what
they hold (it was emptied, or another server has taken its place), this node admits up to its share of each limit by
itself. Nothing waits longer than `take_s`. Whatever went wrong, what this node holds is what it says again afterwards:
its own live calls, which it compares with the backend's count at each beat.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol

import structlog

from controller.cluster import leases
from controller.cluster.amounts import Amounts
from controller.cluster.metrics import NoMetrics, Observer
from controller.cluster.node import NodeId
from controller.cluster.port import (
    BEAT_S,
    CALLS,
    LEASE_S,
    Backend,
    BackendError,
    Claim,
    Holdings,
    Lease,
    Limit,
    Outdated,
    Replaced,
    Reply,
    Report,
    Samples,
    Unusable,
)
from controller.cluster.refusal import Refusal
from controller.cluster.sampling import Sampler
from controller.cluster.slots import SlotBook, divided

log = structlog.get_logger()

TAKE_S = 0.2
BEAT_TIMEOUT_S = 2.0
ASSERT_TIMEOUT_S = 5.0
RESET_S = 1.0
LEAVE_S = 1.0
FORGET_S = 60.0
"""Seconds after which rates that are over are looked for."""


class Member(Protocol):
    """What lives on this node."""

    def report(self) -> Report: ...

    def holdings(self) -> Mapping[str, tuple[str, ...]]:
        """The scopes of each call and leg that lives. No scopes: it is being admitted."""

    def elsewhere(self, day: str, amounts: Mapping[str, float]) -> None:
        """The sums of all other nodes, by book."""


@dataclass(slots=True)
class _Rebuild:
    """After the backend has forgotten: the nodes that have not said yet what they hold, until `until` (monotonic)."""

    nodes: frozenset[str]
    until: float


class Membership:
    """`expect()` before the first call, `run()` until cancelled, then `leave()` if no call is left. `take_s`: seconds
    that a call waits for the backend."""

    def __init__(
        self, node: NodeId, backend: Backend, *, take_s: float = TAKE_S, observe: Observer | None = None
    ) -> None:
        self.node, self._owner, self._backend, self._take_s = node, str(node), backend, take_s
        self._observe = observe or NoMetrics()
        self._book = SlotBook()
        self._known: tuple[str, ...] = (node.name,)
        """The names of the nodes that share the limits, sorted."""
        self._leases: tuple[Lease, ...] = ()
        self._generation = ""
        self._asserted = False
        self._away: str | None = None
        """Why slots are not asked for; None: the backend is there."""
        self._refusal = Refusal()
        self._present_since: float | None = None
        self._rebuild = _Rebuild(frozenset(), 0.0)
        self._asking = 0
        self._none_asked = asyncio.Event()
        self._none_asked.set()
        self._unsent: set[str] = set()
        self._unreleased: dict[str, tuple[str, ...]] = {}
        """What the backend has to be told, the latter with what it held; both are forgotten when everything is."""
        self._sampler = Sampler(self._book)
        self._ended: frozenset[str] = frozenset()
        """Held at the last comparison, and not alive then."""
        self._differs = 0
        self._amounts = Amounts(node.name)
        self._beat_at, self._forget_at = 0.0, 0.0
        self._reset_due = False
        self._news = asyncio.Event()

    def expect(self, names: Iterable[str]) -> None:
        """Nodes that are there besides this one, as long as the backend has said nothing."""
        self._known = tuple(sorted({*names, self.node.name}))

    @property
    def shared(self) -> bool:
        """Whether other nodes take slots as well."""
        return self._backend.shared

    @property
    def up(self) -> bool:
        """Whether claims are asked of the backend: its limits are exact."""
        return self._asserted and self._away is None and not self._awaited()

    @property
    def unusable(self) -> str | None:
        """Why this node may not use the backend, which answers, and what to do; until that is done."""
        return self._refusal.reason

    @property
    def heard(self) -> bool:
        """Whether the backend answers: its leases are of this moment."""
        return self._present_since is not None

    @property
    def leases(self) -> tuple[Lease, ...]:
        """All nodes, as last heard."""
        return self._leases

    @property
    def present_s(self) -> float:
        """Seconds since when the backend has been there."""
        return monotonic() - self._present_since if self._present_since is not None else 0.0

    async def owner(self, call: str) -> NodeId | None:
        """The node that has this call. Raises BackendError."""
        if call in self._book.held(self._owner):
            return self.node
        if self.unusable is not None:
            raise BackendError(self.unusable)
        try:
            async with asyncio.timeout(self._take_s):
                return await self._backend.owner(CALLS, call)
        except TimeoutError as error:
            raise BackendError("it gave no answer in time") from error

    # ------------------------------------------------------------ claims

    async def take(self, claim: Claim) -> Limit | None:
        """Takes everything that is claimed, or nothing and returns the limit that is reached."""
        if not self.up:
            return self._take_of_share(claim)
        self._asking += 1
        self._none_asked.clear()
        began = monotonic()
        try:
            async with asyncio.timeout(self._take_s):
                full = await self._backend.take(claim, self._generation)
        except (BackendError, TimeoutError) as error:
            self._unreleased[claim.id] = claim.scopes  # it may have been taken
            self._lost(error)
            return self._take_of_share(claim)
        except asyncio.CancelledError:
            self._release(claim.id, claim.scopes)
            raise
        finally:
            self._asking -= 1
            if not self._asking:
                self._none_asked.set()
        self._observe.took(monotonic() - began)
        if full is None:
            self._unreleased.pop(claim.id, None)
            self._book.hold(self._owner, claim.id, claim.scopes)
            for rate in claim.rates:
                self._book.count(rate.scope, claim.id, monotonic(), rate.window_s)
        return full

    def _take_of_share(self, claim: Claim) -> Limit | None:
        share = divided(claim, len(self._known), self._known.index(self.node.name))
        full = self._book.take(self._owner, share, monotonic())
        if full is None:
            self._unreleased.pop(claim.id, None)
            self._unsent.add(claim.id)
        return full

    def hold(self, id_: str, scopes: Iterable[str]) -> None:
        """For what lives already, whatever the limits."""
        more = set(scopes) - set(self._book.held(self._owner).get(id_, ()))
        if more:
            self._book.hold(self._owner, id_, sorted(more))
            self._unreleased.pop(id_, None)
            self._unsent.add(id_)
            self._news.set()

    def release(self, id_: str) -> None:
        """Of a call or leg that is over. Nothing happens if it holds nothing."""
        if (scopes := self._book.held(self._owner).get(id_)) is not None:
            self._release(id_, scopes)

    def _release(self, id_: str, scopes: tuple[str, ...]) -> None:
        self._book.release(self._owner, [id_])
        self._unsent.discard(id_)
        if self._away is None:
            self._unreleased[id_] = scopes
        self._news.set()

    # ------------------------------------------------------------ the lease

    async def run(self, member: Member) -> None:
        while self.shared:
            self._news.clear()
            if monotonic() >= self._beat_at:
                self._beat_at = monotonic() + BEAT_S
                await self._beat(member)
                if self.heard:
                    self._observe.nodes(self._leases, up=self.up)
            if self._away is None and self._generation:
                await self._tell()
            try:
                async with asyncio.timeout(max(self._beat_at - monotonic(), 0.0)):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def leave(self) -> None:
        """This node holds nothing any more, and takes nothing."""
        if self.shared and self._away is None:
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self._backend.free(self.node, lapsed=False)
            except (BackendError, TimeoutError) as error:
                log.warning("the other nodes learn by its lease that this one has ended", reason=_reason(error))
        await self.close()

    async def free(self, dead: NodeId) -> bool:
        """Frees all that a dead node holds, unless it has a lease again. Raises BackendError."""
        try:
            async with asyncio.timeout(ASSERT_TIMEOUT_S):
                return await self._backend.free(dead)
        except TimeoutError as error:
            raise BackendError("it gave no answer in time") from error

    async def close(self) -> None:
        try:
            async with asyncio.timeout(RESET_S):
                await self._backend.close()
        except TimeoutError:
            log.debug("connections to the cluster's backend could not be closed in time")

    async def _beat(self, member: Member) -> None:
        quiet, began = self._quiet(), monotonic()
        report = replace(member.report(), samples=self._sampler.next({*self._unsent, *self._unreleased}, began))
        try:
            if self._reset_due:
                self._reset_due = False
                async with asyncio.timeout(RESET_S):
                    await self._backend.reset()
            async with asyncio.timeout(BEAT_TIMEOUT_S):
                reply = await self._backend.beat(report)
        except (BackendError, TimeoutError) as error:
            self._lost(error, beat=True)
            return
        self._refusal.beat_taken()
        if reply.replaced:
            self._lost(Replaced())
        elif self._away is not None and (monotonic() - began > self._take_s or self._refusal.waits(began)):
            self._leases = reply.leases  # it is there, and too slow to be asked, or it refuses what is asked
        else:
            self._heard(reply, quiet=quiet and self._quiet())
            if self._asserted and not reply.complete and self._holds(report.samples):
                log.warning("the cluster's backend has lost a part of what this node holds: it says everything again")
                self._asserted, self._differs = False, 0
        if began >= self._forget_at:
            self._forget_at = began + FORGET_S
            self._book.forget(began)
        member.elsewhere(report.day, self._amounts.heard(report.day, reply.amounts))
        self._compare(member.holdings())

    def _heard(self, reply: Reply, *, quiet: bool) -> None:
        now = monotonic()
        if self._away is not None or self._present_since is None:
            self._present_since = now
            if self._away is not None and self.unusable is None:
                log.info("the cluster's backend answers again", node=str(self.node))
            self._away, self._asserted = None, False
        others = {each.node.name for each in leases.alive(reply.leases) if each.node.name != self.node.name}
        if reply.generation != self._generation:
            if self._generation:
                log.warning("the cluster's backend has begun anew: all nodes say again what they hold")
            expected = others | set(self._known if self._generation else ()) - {self.node.name}
            self._rebuild = _Rebuild(frozenset(expected), now + LEASE_S)
            self._generation, self._asserted = reply.generation, False
        self._asserted = self._asserted and reply.asserted
        self._leases = reply.leases
        asserted = {each.node.name for each in leases.alive(reply.leases) if each.asserted}
        self._rebuild.nodes -= asserted
        self._learn_names(leases.accepting(reply.leases))
        self._differs = self._differs + 1 if quiet and reply.held != len(self._book.held(self._owner)) else 0
        if self._differs >= 2:
            log.warning("the cluster's backend has other slots of this node than it holds: it says them again")
            self._asserted, self._differs = False, 0

    def _learn_names(self, names: Iterable[str]) -> None:
        """Who shares the limits. Just after the backend was away, leases say little of who is not there."""
        sure = self.present_s >= LEASE_S and not self._awaited()
        self._known = tuple(sorted({*names, self.node.name, *(() if sure else self._known)}))

    def _awaited(self) -> bool:
        return bool(self._rebuild.nodes) and monotonic() < self._rebuild.until

    def _holds(self, samples: Samples) -> bool:
        held = self._book.held(self._owner)
        return all(id_ in held for _, id_ in samples.slots)

    def _quiet(self) -> bool:
        """Whether the backend should have exactly what this node holds."""
        return self._asserted and not (self._asking or self._unsent or self._unreleased)

    def _lost(self, error: Exception, *, beat: bool = False) -> None:
        """From now on this node admits by itself."""
        if isinstance(error, Outdated) and self._away is None:
            self._asserted, self._beat_at = False, 0.0
        else:
            self._reset_due, reason = True, _reason(error)
            self._log_lost(error, reason, beat=beat)
            self._away, self._present_since = reason, None
            self._unreleased.clear()  # when it is back it is told everything, which replaces what it had
        self._news.set()

    def _log_lost(self, error: Exception, reason: str, *, beat: bool) -> None:
        """Once for each time, and once more when it becomes clear that it will not come back by itself."""
        if isinstance(error, Unusable):
            if self.unusable is None:
                log.error("the cluster's backend can't be used: each node uses its share", reason=reason)
            self._refusal.refused(reason, monotonic(), beat=beat)
        elif self._away is None:
            log.warning(
                "the cluster's backend is away: each node uses its share", reason=reason, nodes=len(self._known)
            )
        if self._away is None:
            self._observe.lost()

    # ------------------------------------------------------------ what is told, and heard of others

    async def _tell(self) -> None:
        try:
            if not self._asserted:
                await self._assert_all()
            elif self._unsent or self._unreleased:
                await self._tell_changes()
        except (BackendError, TimeoutError) as error:
            self._lost(error)

    async def _assert_all(self) -> None:
        """Claims that are under way are waited for: each ends within `take_s`."""
        async with asyncio.timeout(ASSERT_TIMEOUT_S):
            await self._none_asked.wait()
            everything = self._book.holdings(self._owner, monotonic())
            self._unsent.clear()
            self._unreleased.clear()
            await self._backend.assert_all(everything, self._generation)
        self._asserted, self._beat_at = True, min(self._beat_at, monotonic() + 0.1)
        self._observe.asserted()
        self._refusal.over()
        log.info("the cluster's backend has what this node holds", held=len(everything.slots))

    async def _tell_changes(self) -> None:
        unsent, self._unsent = self._unsent, set()
        unreleased, self._unreleased = self._unreleased, {}
        held = self._book.held(self._owner)
        async with asyncio.timeout(ASSERT_TIMEOUT_S):
            if slots := {each: held[each] for each in unsent if each in held}:
                await self._backend.hold(Holdings(slots))
            await self._backend.release(unreleased)

    def _compare(self, living: Mapping[str, tuple[str, ...]]) -> None:
        """Slots of what is over, which nobody has released, are freed; what lives and has none is said."""
        ended = frozenset(self._book.held(self._owner).keys() - living.keys())
        for each in ended & self._ended:
            log.warning("a slot was left over from a call that is over; it is freed")
            self.release(each)
        self._ended = ended
        for id_, scopes in living.items():
            self.hold(id_, scopes)


def _reason(error: Exception) -> str:
    return str(error) or ("it gave no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
