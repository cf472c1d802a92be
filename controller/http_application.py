"""What the controller's HTTP server serves: the API, the console, the metrics, and the link of the workers."""

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from bridge import contract
from bridge.common.background_tasks import cancelled
from controller.api import metrics
from controller.api.carrying import Carrier, node_of
from controller.api.console import files
from controller.api.operation import Operation
from controller.api.readiness import warnings_of
from controller.api.resources.agent_tests import AgentTestResources
from controller.api.resources.alerts import AlertResources, AlertSources
from controller.api.resources.call_trace import TraceResources
from controller.api.resources.documents import release
from controller.api.resources.events import EventResources
from controller.api.resources.live_status import LiveStatusResources
from controller.api.resources.nodes import NodeResources, carried_routes
from controller.api.resources.softphone import SoftphoneResources
from controller.api.resources.statistics import StatisticsResources
from controller.api.resources.text_sessions import TextSessionResources
from controller.api.resources.versions import configuration_operations
from controller.api.resources.workers import WorkerResources
from controller.api.server import ApiStorage, make_app
from controller.api.token_check import TokenCheck
from controller.ari.endpoint_states import EndpointStates
from controller.cluster.directory import Nodes
from controller.cluster.joining import nodes_of
from controller.parts import Parts
from controller.softphone.relay import Relay
from controller.versions.editor import ResourceEditor

CANCELLING = 1.0
"""Seconds."""


def http_application(parts: Parts, roll: Callable[[], None]) -> web.Application:
    """`roll` replaces the workers of this machine."""
    config, authenticator = parts.config, parts.access.authenticator
    node = node_of(config.cluster, parts.cluster, parts.database, parts.registry.knows)
    member, admission = parts.registry.member(release()), parts.registry.admission
    nodes = nodes_of(parts.cluster, parts.database, member, admission, node.peers)
    routes = [
        *carried_routes(node.gate, nodes.set_own),
        web.get(contract.LINK_PATH, parts.workers.endpoint),
        metrics.route(parts.metrics.registry, authenticator, public=config.api.metrics_public),
        *files.routes(parts.softphones.connects_to),
        *parts.access.routes(),
    ]
    app = make_app(
        parts.registry,
        parts.outbound,
        authenticator,
        more=_operations(parts, nodes, node.carrier, roll),
        extra_routes=routes,
        storage=ApiStorage(parts.database, parts.audit_log),
        node=node,
        warnings=lambda: warnings_of(
            *(parts.workers, parts.tasks.failing, parts.dialer.breakers, parts.database.health),
            listing_fails=parts.reconciler.listing_fails,
            cluster=nodes.warnings(),
        ),
    )
    if config.cluster.token is not None:
        check = parts.tasks.keep("cluster token", TokenCheck(parts.cluster, node.peers).run)

        async def end(_: web.Application) -> None:
            await cancelled([check], CANCELLING)

        app.on_shutdown.append(end)  # before the connections to other nodes are closed
    return app


def _operations(parts: Parts, nodes: Nodes, carrier: Carrier | None, roll: Callable[[], None]) -> tuple[Operation, ...]:
    """Those with parts of their own, in the order in which they are documented."""
    config, current, registry, editor = parts.config, parts.current, parts.registry, ResourceEditor(parts.publisher)
    relay = Relay(config.asterisk.ari, parts.softphones)
    asked = registry, parts.access.authenticator, editor.with_agent, parts.cluster.node.name
    phones = SoftphoneResources(current, parts.softphones, relay, *asked)
    return (
        *EventResources(parts.events, registry, parts.outbound, carrier).operations(),
        *WorkerResources(parts.workers, config.shutdown.worker_drain_s, roll).operations(),
        *NodeResources(nodes).operations(),
        *LiveStatusResources(parts.live_status, registry, carrier).operations(),
        *configuration_operations(current, parts.publisher, parts.tools.run),
        *TextSessionResources(parts.text_sessions, current, editor).operations(),
        *AgentTestResources(parts.text_sessions, current, editor, registry.spend).operations(),
        *parts.access.operations(),
        *phones.operations(),
        *TraceResources(registry, parts.outbound, parts.traces).operations(),
        *parts.history.operations(),
        *StatisticsResources(parts.past).operations(),
        *AlertResources(_alert_sources(parts, nodes)).operations(),
    )


def _alert_sources(parts: Parts, nodes: Nodes) -> AlertSources:
    async def dead_letters() -> int:
        return (await parts.events.outbox.sizes())[1]

    return AlertSources(
        current=parts.current,
        store=parts.database.health,
        calls=parts.registry,
        orders=parts.outbound,
        workers=parts.workers,
        nodes=nodes,
        spending=parts.registry.admission,
        endpoints=EndpointStates(parts.ari).of,
        suspended=lambda: parts.dialer.breakers.all_suspended(datetime.now(UTC)),
        dead_letters=dead_letters,
        failing=lambda: parts.tasks.failing,
        listing_fails=lambda: parts.reconciler.listing_fails,
        cluster=nodes.warnings,
    )
