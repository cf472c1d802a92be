"""`voiceai serve`: runs one controller. Owns the order in which its lock, socket, lease and database are opened."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import asdict

import structlog
from prometheus_client import CollectorRegistry

from bridge.common.background_tasks import BackgroundTasks, cancelled
from bridge.common.tls import client_context
from controller.api.listening import listen as bound
from controller.api.resources.documents import release
from controller.app import EXIT_OK, Controller
from controller.ari.lease import Lease
from controller.ari.rest import Ari
from controller.calls.runtime.asterisk_link import claim
from controller.calls.tools import definitions
from controller.cli import process_signals
from controller.cli.config_file import warnings
from controller.cluster.departures import Departures
from controller.cluster.node import NodeId
from controller.cluster.nodes import NodeRegistry
from controller.config import Config, ConfigFile
from controller.store.database import Database, StoreError
from controller.store.instance import Holder, StoreLock
from controller.telemetry.metrics import Metrics
from controller.versions.publisher import Publisher, Read
from controller.versions.repository import VersionStore

log = structlog.get_logger()

LEAVE_SECONDS = 2.0


async def serve(file: ConfigFile, *, own_workers: bool = True, takeover: bool = False, read: Read | None = None) -> int:
    """Run the controller until SIGTERM or SIGINT; returns the exit status. `takeover`: even if another one serves
    our Stasis app. `read`: reads the config file again. Raises AlreadyRunning if another controller runs (nothing was
    changed), OSError if the API's address is in use, StoreError, ConfigErrors."""
    config = file.config
    store, listen, app = config.store.url.get_secret_value(), config.api.listen, config.asterisk.ari.app
    us = Holder.of_us(str(listen), app)
    lock = StoreLock(store, config.store.lock, us, config.cluster.node)
    await lock.acquire()
    try:
        sockets = await bound(listen.host, listen.port)
        try:
            return await _serve(file, lock, us, sockets, own_workers=own_workers, takeover=takeover, read=read)
        finally:
            for each in sockets:
                each.close()
    finally:
        await lock.release()


async def _serve(
    file: ConfigFile,
    lock: StoreLock,
    us: Holder,
    sockets: Sequence[socket.socket],
    *,
    own_workers: bool,
    takeover: bool,
    read: Read | None,
) -> int:
    config, at = file.config, file.config.asterisk.ari
    metrics = Metrics(CollectorRegistry())
    access = at.url, at.username, at.password.get_secret_value(), at.app
    async with Ari(*access, observe=metrics.ari_request, trust=client_context(at.url, at.ca_file)) as ari:
        lease = Lease(ari, lock.store, asdict(us))
        await claim(lease, at.app, takeover=takeover)
        async with (
            Database(config.store.url.get_secret_value()) as database,
            BackgroundTasks(metrics.registry) as tasks,
        ):
            nodes = NodeRegistry(database)
            node = await nodes.join(config.cluster.node, release(), config.cluster.api_url or "")
            publisher = Publisher(file, VersionStore(database), read, shared=database.shared)
            await publisher.start()
            _warn(publisher.current.config)
            controller = Controller(publisher, ari, tasks, metrics, database, lock, lease, node)
            process_signals.install_handlers(stop=controller.stop, reload=controller.reload)
            beat = tasks.keep("node", lambda: nodes.run(node, controller.parts.snapshots.write_again))
            status = await controller.run(sockets, own_workers=own_workers)
            await cancelled([beat], LEAVE_SECONDS)
            if status == EXIT_OK:
                await _leave(controller.parts.departures, nodes, node)
            return status


async def _leave(departures: Departures, nodes: NodeRegistry, node: NodeId) -> None:
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            await departures.release_claims(node)
            await nodes.leave(node)
    except (StoreError, TimeoutError) as error:
        log.warning("the store does not know that this node has ended", node=node.name, reason=str(error))


def _warn(config: Config) -> None:
    for each in warnings(config):
        log.warning(each)
    for name in definitions.without_destination(config):
        log.warning(
            "an agent has the tool `transfer`, and nowhere to transfer to: name destinations in transfer.targets, or "
            "set transfer.any_number",
            agent=name,
        )
