"""Checks whether Asterisk reaches the workers' AudioSocket ports, by a connection that belongs to no call.

Owns the task that finds which workers are to be checked (`workers.reachability`): each one when it registers, and one
that a call did not reach, until it is reached again. A worker that can't be reached gets no calls, and its line in the
log says what to do.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import structlog

from bridge import contract
from controller.ari.errors import BadArgument
from controller.ari.rest import Ari, AriError
from controller.workers.pool import WorkerPool
from controller.workers.worker import Worker, WorkerUnreachable

EXPECTED = 10.0  # seconds in which a worker takes the connection
LOOK = 0.25  # seconds
ANSWER = 2.0  # seconds from Asterisk's connection until the worker must have said so
CHANNEL = "voiceai-check-"
"""The ids of its channels begin with it."""

NOBODY = "Asterisk can't connect to it (refused, or no answer within 2 s)"
OTHER = "Asterisk connects to that port, and the worker sees nothing of it"
FIX = (
    "see that --advertise (bridge.advertise) is an address of that worker which Asterisk reaches, that no firewall is "
    "between them, that --allow lets Asterisk in and that chan_audiosocket is loaded; `voiceai doctor` helps"
)

log = structlog.get_logger()


class MediaChecks:
    """`run()` is a task of the controller's. `may_check`: whether Asterisk is up."""

    def __init__(self, workers: WorkerPool, ari: Ari, may_check: Callable[[], bool]) -> None:
        self._workers = workers
        self._ari = ari
        self._may_check = may_check
        self._running: set[str] = set()
        self._awaited: dict[str, tuple[Worker, asyncio.Event]] = {}
        workers.on_checked = self._checked

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                for worker in self._due() if self._may_check() else []:
                    self._running.add(worker.boot)
                    tasks.create_task(self._guarded(worker), name=f"media check of {worker.name}")
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await self._workers.media_check_wanted.wait()
                self._workers.media_check_wanted.clear()

    def _due(self) -> list[Worker]:
        now = asyncio.get_running_loop().time()
        up = [worker for worker in self._workers.all() if worker.socket is not None and not worker.catching_up]
        due = [worker for worker in up if (at := worker.media.check_due) is not None and at <= now]
        return [worker for worker in due if worker.boot not in self._running]

    async def _guarded(self, worker: Worker) -> None:
        try:
            await self.check(worker)
        except Exception:  # the top of this task
            log.exception("check of a worker failed: internal error", worker=worker.name)
            worker.media.check_impossible(asyncio.get_running_loop().time())
        finally:
            self._running.discard(worker.boot)

    def _checked(self, worker: Worker, check: str) -> None:
        asked, seen = self._awaited.get(check, (None, None))
        if seen is not None and asked is worker:
            seen.set()

    async def check(self, worker: Worker) -> None:
        """Checks one worker and notes the result with it."""
        loop, check = asyncio.get_running_loop(), str(uuid4())
        try:
            reason = await self._try(worker, check)
        except (AriError, WorkerUnreachable, TimeoutError) as error:
            log.debug("worker could not be checked", worker=worker.name, reason=str(error))
            worker.media.check_impossible(loop.time())
            return
        if reason is None:
            if worker.media.check_succeeded():
                log.warning("worker is reached by Asterisk again", worker=worker.name, media=worker.media_address)
                self._workers.notify()
        elif worker.media.check_failed(reason, loop.time()):
            log.error("worker gets no calls", worker=worker.name, media=worker.media_address, reason=reason, fix=FIX)

    async def _try(self, worker: Worker, check: str) -> str | None:
        """Why it is not reached; None: it is. Raises AriError, WorkerUnreachable and TimeoutError: it is not known."""
        channel, media = f"{CHANNEL}{check}", str(uuid4())
        seen = asyncio.Event()
        self._awaited[check] = worker, seen
        try:
            await worker.tell(contract.CheckMedia(check=check, media=media, seconds=EXPECTED))
            await self._ari.external_media(channel_id=channel, host_port=worker.media_address, uuid=media)
            async with asyncio.timeout(ANSWER):
                await seen.wait()
        except BadArgument:
            return "what it advertises is no address"
        except AriError as error:
            if error.status != 500:
                raise
            return NOBODY
        except TimeoutError:
            if worker.socket is None:
                raise  # its link broke meanwhile
            return OTHER
        finally:
            del self._awaited[check]
            with suppress(AriError):
                await self._ari.hangup(channel)
        return None
