"""The workers of this machine replaced one after the other, so that there is always somebody to talk to.

Owns the order: the next one is asked to end when the one before has been started again by the supervisor.
"""

import asyncio

import structlog

from controller.workers.pool import WorkerPool
from controller.workers.worker import UnknownWorker

BACK = 20.0  # seconds beyond its calls' that a worker may take to end and be there again

log = structlog.get_logger()


async def roll(workers: WorkerPool, names: list[str], seconds: float) -> bool:
    """`seconds`: what the calls of each are given before others take them over. False: one did not come back, and the
    rest was left alone."""
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
