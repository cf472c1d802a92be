"""The resources of nodes: list them, drain one, take it back. Also what another node carries to this one."""

from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web
from pydantic import ConfigDict

from controller.api.carrying import NodeGate, carried_path
from controller.api.models.base import Body, Name, Nothing
from controller.api.models.nodes import NodeAnswer, NodePage
from controller.api.operation import AUDIT_DETAILS, ApiRequest, Operation
from controller.api.ports import NodeAdmin
from controller.api.problems import REQUEST_ID, Problem
from controller.api.request_body import read
from controller.cluster.directory import NodeEnds, UnknownNode
from controller.cluster.overview import NodeView
from controller.cluster.peer import PeerError, PeerTimeout

log = structlog.get_logger()


class NodeResources:
    def __init__(self, nodes: NodeAdmin) -> None:
        self._nodes = nodes

    def operations(self) -> tuple[Operation, ...]:
        common: dict[str, Any] = {
            "answer": NodeAnswer,
            "scopes": ("admin",),
            "body": Nothing,
            "repeatable": True,
            "problems": ("unknown-node", "refused", "node-unreachable", "node-timeout"),
            "tag": "nodes",
        }
        return (
            Operation(
                *("list_nodes", "GET", "/v1/nodes", "Nodes, their state and load", self.list, NodePage),
                scopes=("read",),
                tag="nodes",
            ),
            Operation(*("drain_node", "POST", "/v1/nodes/{name}/drain", "Drain a node", self.drain), **common),
            Operation(*("undrain_node", "POST", "/v1/nodes/{name}/undrain", "Undrain a node", self.undrain), **common),
        )

    async def list(self, _: ApiRequest) -> NodePage:
        return NodePage(nodes=tuple(map(NodeAnswer.of, await self._nodes.all())))

    async def drain(self, asked: ApiRequest) -> NodeAnswer:
        """Its calls go on. It counts until the node is started again, or `undrain_node`."""
        return await self._set(asked, drained=True)

    async def undrain(self, asked: ApiRequest) -> NodeAnswer:
        return await self._set(asked, drained=False)

    async def _set(self, asked: ApiRequest, *, drained: bool) -> NodeAnswer:
        name, request = asked.part("name"), asked.request
        request[AUDIT_DETAILS] = {"node": name[:64]}
        try:
            view = await self._nodes.set_drained(name, drained, by=asked.by, request_id=request[REQUEST_ID])
        except UnknownNode:
            raise Problem("unknown-node", "`GET /v1/nodes` lists those that there are.") from None
        except NodeEnds as error:
            raise Problem("refused", str(error)) from None
        except PeerError as error:
            type_ = "node-timeout" if isinstance(error, PeerTimeout) else "node-unreachable"
            raise Problem(type_, str(error)) from None
        return NodeAnswer.of(view)


class CarriedDrain(Body):
    """Of a node that may be of a newer release: what is not known here is ignored."""

    model_config = ConfigDict(extra="ignore")

    by: Name
    """Who has asked the node that carries it. That node has audited it."""


def carried_routes(gate: NodeGate, set_own: Callable[[bool], NodeView]) -> list[web.RouteDef]:
    """What other nodes ask this one, by `cluster.token`: it is done here, and never carried on."""

    async def carried(request: web.Request) -> web.Response:
        gate.admit(request)
        body = await read(request, CarriedDrain)
        drained = request.match_info["verb"] == "drain"
        log.info("asked by way of another node", drain=drained, user=body.by, request=request[REQUEST_ID])
        try:
            answer = NodeAnswer.of(set_own(drained))
        except NodeEnds as error:
            raise Problem("refused", str(error)) from None
        return web.json_response(text=answer.model_dump_json())

    return [web.post(carried_path("/{verb:drain|undrain}"), carried)]
