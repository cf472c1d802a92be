"""Which worker carries which call.

Owns that map, and the calls of an earlier controller whose worker has not come back yet: what such a worker is to be
told until then is kept, and a call of which no worker speaks in time is lost.
"""

import asyncio
from collections.abc import Callable

import structlog

from controller.workers.worker import Worker

log = structlog.get_logger()

AWAITED = 10.0  # seconds in which the workers of an earlier controller may say which of its calls they have


class AssignedCalls:
    """`on_lost` is told of each call of an earlier controller that no worker has."""

    def __init__(self, on_lost: Callable[[str], None]) -> None:
        self._on_lost = on_lost
        self._by_call: dict[str, Worker] = {}
        self._boots: dict[str, str] = {}
        """Of calls of an earlier controller: the boot id of the process that had it, as far as that is known."""
        self._awaited = Worker("(awaited)", 0, "", 0, 0, None)
        """Stands in for the workers that have not come back since this controller was started."""
        self._timer: asyncio.TimerHandle | None = None
        self.inherited = False
        """There are calls of an earlier controller, and its workers may still come."""

    def assign(self, worker: Worker, call: str) -> None:
        worker.calls.add(call)
        self._by_call[call] = worker

    def of(self, call: str) -> Worker | None:
        return self._by_call.get(call)

    def known(self, call: str) -> Worker | None:
        """The worker that carries it; None also while that is awaited."""
        worker = self._by_call.get(call)
        return None if worker is self._awaited else worker

    def release(self, call: str) -> bool:
        """Its session may live on at the worker (`Worker.former`). False: it has no worker."""
        worker = self._by_call.pop(call, None)
        if worker is not None:
            worker.calls.discard(call)
            worker.former.add(call)
        return worker is not None

    def session_over(self, worker: Worker, call: str) -> None:
        """The worker has no session of this call any more."""
        if self._by_call.get(call) is worker and call not in worker.former:
            self.release(call)
        worker.former.discard(call)

    def expect(self, call: str, boot: str | None) -> None:
        """Of an earlier controller: the worker that has it will say so; only the process `boot` is believed, if that
        is known."""
        self.inherited = True
        self.assign(self._awaited, call)
        self._boots |= {call: boot} if boot else {}
        self.close()
        self._timer = asyncio.get_running_loop().call_later(AWAITED, self._give_up)

    def _give_up(self) -> None:
        self.inherited = False
        for call in sorted(self._awaited.calls):
            log.warning("no worker has this call of an earlier controller", call=call)
            self.release(call)
            self._on_lost(call)

    def claim(self, worker: Worker, call: str) -> None:
        """The worker says that it has this call. Believed of an expected one, if the earlier controller gave it."""
        if call not in self._awaited.calls or not self.given(worker, call):
            return
        self._awaited.calls.discard(call)
        self.assign(worker, call)
        worker.pending.extend(each for each in self._awaited.pending if each[0] == call)

    def given(self, worker: Worker, call: str) -> bool:
        """To this worker, by us or by the earlier controller."""
        owner = self._by_call.get(call)
        return owner is worker or (owner is self._awaited and self._boots.get(call, worker.boot) == worker.boot)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
