"""Which nodes there are, and how one of them is drained: this one directly, another one by a request to it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from controller.cluster import leases
from controller.cluster.membership import Membership
from controller.cluster.node import Node
from controller.cluster.nodes import NodeRegistry
from controller.cluster.overview import NodeView, same_url, views_of
from controller.cluster.peer import PeerError, Peers
from controller.cluster.port import NodeFacts
from controller.store.database import StoreError

log = structlog.get_logger()


class UnknownNode(Exception):
    """No node of this name was ever there."""


class NodeEnds(Exception):
    """It is being stopped, and not taken back."""


class OwnAdmission(Protocol):
    """Whether this node takes calls (`calls.admission.control.AdmissionControl`)."""

    @property
    def ending(self) -> bool: ...
    def set_drained(self, drained: bool) -> None: ...


class Nodes:
    """`facts`: what this node tells of itself now."""

    def __init__(
        self,
        membership: Membership,
        registry: NodeRegistry,
        facts: Callable[[], NodeFacts],
        admission: OwnAdmission,
        peers: Peers,
    ) -> None:
        self._membership, self._registry, self._facts = membership, registry, facts
        self._admission, self._peers = admission, peers

    async def all(self) -> tuple[NodeView, ...]:
        """Sorted by name. While the store is away, those that have a lease."""
        return self._views(await self._stored())

    async def set_drained(self, name: str, drained: bool, *, by: str, request_id: str) -> NodeView:
        """`by`: who asks. Raises UnknownNode, NodeEnds, PeerError and PeerTimeout."""
        if name == self._membership.node.name:
            return self.set_own(drained)
        view = next((each for each in await self.all() if each.id.name == name), None)
        if view is None:
            raise UnknownNode(f"There is no node {name}.")
        if view.facts is None:
            raise PeerError(f"Nothing is heard of {name} by way of `cluster.url`: ask it at its own API.")
        if not view.facts.url:
            raise PeerError(f"{name} does not say where its API is: it has no `cluster.api_url`.")
        told = await self._peers.set_drained(name, view.facts.url, drained, by=by, request_id=request_id)
        facts = NodeFacts(view.facts.url, view.version, told.state, told.calls, view.facts.capacity)
        return replace(view, state=facts.state, facts=facts)

    def set_own(self, drained: bool) -> NodeView:
        """Of this node, from now until it is started again. Raises NodeEnds."""
        if self._admission.ending and not drained:
            raise NodeEnds("This node is being stopped.")
        self._admission.set_drained(drained)
        return next(each for each in self._views([]) if each.own)

    @property
    def own_name(self) -> str:
        return self._membership.node.name

    def _views(self, rows: list[Node]) -> tuple[NodeView, ...]:
        us, known = self._membership.node, self._membership.leases
        views = views_of(us, self._facts(), known, rows, heard=self._membership.heard)
        return tuple(replace(each, trouble=self._trouble(each)) for each in views)

    def _trouble(self, view: NodeView) -> str | None:
        same = self._same_url().get(view.id.name)
        if view.own:
            return self._membership.unusable or same
        return (self._peers.refusal(view.id.name, view.facts.url) if view.facts is not None else None) or same

    def _same_url(self) -> Mapping[str, str]:
        others = {each.node.name: each.facts.url for each in leases.alive(self._membership.leases)}
        return same_url({**others, self.own_name: self._facts().url}.items())

    def warnings(self) -> list[str]:
        """For `/readyz`: what keeps this node from its part in the cluster until somebody mends it."""
        unusable = self._membership.unusable
        away = [f"`cluster.url` can't be used, limits are shares: {unusable}"] if unusable is not None else []
        others = (each for each in leases.alive(self._membership.leases) if each.node.name != self.own_name)
        refusals = (self._peers.refusal(each.node.name, each.facts.url) for each in others)
        same = dict.fromkeys(self._same_url().values())
        return [*away, *(each for each in refusals if each is not None), *same]

    async def _stored(self) -> list[Node]:
        try:
            return await self._registry.all()
        except StoreError as error:
            log.warning("the table of the nodes can't be read", reason=str(error))
            return []
