"""The tokens of workers when the configuration changes: they count at once.

Owns what becomes of workers that have come by a token that is taken back, and what the log says: names, never a secret.
"""

import asyncio
from contextlib import suppress

import structlog
from aiohttp import WSCloseCode

from controller.config.models.bridge import Bridge
from controller.workers import worker_admission
from controller.workers.pool import WorkerPool
from controller.workers.worker import SEND_TIMEOUT
from controller.workers.worker_admission import WorkerAdmission

TAKEN_BACK = "its token was taken back"

log = structlog.get_logger()


async def exchange_tokens(workers: WorkerPool, admission: WorkerAdmission, before: Bridge, after: Bridge) -> None:
    """A worker whose token is right no longer is given up, and other workers get its calls."""
    was, will = ((bridge.tokens, bridge.token, bridge.allowed_hosts) for bridge in (before, after))
    if was == will:
        return
    worker_admission.exchange(admission, after)
    gone = [worker for worker in workers.all() if not admission.valid(worker.holder)]
    names = [each.name for each in after.tokens]
    log.warning("the tokens of workers were read again", tokens=names, given_up=[worker.name for worker in gone])
    for worker in gone:
        socket = worker.socket
        workers.lost(worker.name, TAKEN_BACK)
        if socket is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(SEND_TIMEOUT):
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=TAKEN_BACK.encode())
