"""Replaces the workers of this machine one after the other, so that calls can be taken at any time.

Owns the order: the next worker is told to end when the supervisor has started the one before again.
"""

import asyncio

import structlog

from controller.workers.pool import WorkerPool
from controller.workers.worker import UnknownWorker

BACK = 20.0  # seconds that a worker may take to end and be started again, besides those for its calls

log = structlog.get_logger()


async def roll(workers: WorkerPool, names: list[str], seconds: float) -> bool:
    """`seconds`: how long the calls of each may go on there before other workers take them over. False: a worker did
    not come back, and the rest was left alone."""
    log.info("workers are replaced one by one", workers=len(names))
    for name in names:
        worker = workers.get(name)
        before = worker.boot if worker is not None else ""
        try:
            await workers.retire(name, seconds)
        except UnknownWorker:
            log.warning("worker is away, and is started again anyway", worker=name)
        if not await _back(workers, name, before, seconds + BACK):
            log.error("worker did not come back; the others are left as they are", worker=name)
            return False
    log.info("all workers are replaced", workers=len(names))
    return True


async def _back(workers: WorkerPool, name: str, before: str, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while (worker := workers.get(name)) is None or worker.boot == before or worker.socket is None:
                await workers.wait_changed()
    except TimeoutError:
        return False
    return True
