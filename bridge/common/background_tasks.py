"""Background tasks: an error in one of them ends no other task and not the process.

Owns the tasks. An error is logged with its traceback and counted. A task that has to go on (`keep`) is started again
after a pause; a task that runs once (`create_task`) has ended.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Protocol, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from bridge.common.backoff import Backoff

log = structlog.get_logger()

RESTART_DELAYS = (0.2, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a failed task is started again: one that fails at once must not spin."""
STEADY = 30.0
"""Seconds. If a task has run this long before it fails, its next start has the first delay again."""
CLOSE_SECONDS = 8.0
"""How long cancelled tasks are waited for."""
ONCE = "once"
"""The metric's label of all tasks that run once: their names hold ids of calls."""

Result = TypeVar("Result")


class Tasks(Protocol):
    """What starts tasks: `BackgroundTasks`, or an `asyncio.TaskGroup`."""

    def create_task(
        self, coro: Coroutine[Any, Any, Result], /, *, name: str | None = None
    ) -> "asyncio.Task[Result]": ...


class BackgroundTasks:
    """`async with BackgroundTasks(registry) as tasks:` ends them all at its end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failing: set[str] = set()
        self._failures = Counter(
            "voiceai_background_task_failures",
            "Errors of ours in background tasks of the controller; the log has the traceback.",
            ("task",),
            registry=registry,
        )
        failing = Gauge(
            "voiceai_background_tasks_failing", "Tasks that failed and wait to be started again.", registry=registry
        )
        failing.set_function(lambda: len(self._failing))

    @property
    def failing(self) -> list[str]:
        """Names of the tasks that failed and have not run for `STEADY` seconds since."""
        return sorted(self._failing)

    def create_task(self, coro: Coroutine[Any, Any, Result], /, *, name: str | None = None) -> "asyncio.Task[Result]":
        """Runs once. Its error is logged here; whoever awaits it gets the error, too."""
        return self._started(asyncio.create_task(coro, name=name))

    def keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]":
        """Runs `work()` until it returns or is cancelled, and again after each error."""
        return self._started(asyncio.create_task(self._keep(name, work), name=name))

    async def __aenter__(self) -> "BackgroundTasks":
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancelled(list(self._tasks), CLOSE_SECONDS)

    def _started(self, task: "asyncio.Task[Result]") -> "asyncio.Task[Result]":
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failures.labels(ONCE).inc()
            log.error("a task failed: internal error", task=task.get_name(), exc_info=error)

    async def _keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop, backoff = asyncio.get_running_loop(), Backoff(RESTART_DELAYS)
        while True:
            began = loop.time()
            steady = loop.call_later(STEADY, self._failing.discard, name)
            try:
                await work()
                return
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                error: BaseException = RuntimeError("it was cancelled, and not by us")
            except Exception as caught:  # the top of the task
                error = caught
            finally:
                steady.cancel()
                self._failing.discard(name)
            if loop.time() - began > STEADY:
                backoff.reset()
            seconds = backoff.next_delay()
            self._failing.add(name)
            self._failures.labels(name).inc()
            log.error(
                "a background task failed: internal error; it is started again",
                task=name,
                seconds=seconds,
                exc_info=error,
            )
            await asyncio.sleep(seconds)


async def ended(tasks: Collection["asyncio.Task[Any]"], seconds: float) -> bool:
    """Waits until the tasks have ended, for at most `seconds`. False: some have not; the log names them."""
    if not tasks:
        return True
    _, late = await asyncio.wait(list(tasks), timeout=seconds)
    if late:
        log.error("tasks did not end in time", tasks=sorted(each.get_name() for each in late), seconds=seconds)
    return not late


async def cancelled(tasks: Collection["asyncio.Task[Any]"], seconds: float) -> bool:
    """Cancels the tasks, then as `ended`."""
    for task in tasks:
        task.cancel()
    return await ended(tasks, seconds)


async def all_done(seconds: float, *steps: Coroutine[Any, Any, None]) -> None:
    """Runs all steps at once, each for at most `seconds`. An error in one of them is logged, and the others go on."""
    tasks = [asyncio.create_task(step, name=getattr(step, "__qualname__", "a step")) for step in steps]
    await ended(tasks, seconds)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            log.error("a step failed: internal error", step=task.get_name(), exc_info=error)


async def every(seconds: float, step: Callable[[], None]) -> None:
    """Until cancelled: calls `step` after each pause."""
    while True:
        await asyncio.sleep(seconds)
        step()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
