"""bridge.common.background_tasks: an error in one task is nobody else's, and is told."""

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from bridge.common import background_tasks
from bridge.common.background_tasks import BackgroundTasks, all_done, cancelled


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_tasks, "RESTART_DELAYS", (0.0,))


def _raises(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        RecursionError("deep"),
        UnicodeError("odd"),
        OSError(24, "Too many open files"),
        RuntimeError("can't start new thread"),
        MemoryError(),
        asyncio.CancelledError("a library's own"),
        ExceptionGroup("several", [ValueError("one")]),
        KeyError("field"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_kept_task_is_started_again_and_others_go_on(error: BaseException) -> None:
    runs, healthy = 0, asyncio.Event()
    again = asyncio.Event()

    async def fails() -> None:
        nonlocal runs
        runs += 1
        if runs <= 3:
            _raises(error)()
        again.set()
        await asyncio.Event().wait()

    async def goes_on() -> None:
        await again.wait()
        healthy.set()

    registry = CollectorRegistry()
    with capture_logs() as logs:
        async with BackgroundTasks(registry) as tasks, asyncio.timeout(5):
            tasks.keep("fails", fails)
            tasks.keep("goes on", goes_on)
            await healthy.wait()
    told = [line for line in logs if line["log_level"] == "error"]
    assert [(line["task"], "exc_info" in line) for line in told] == [("fails", True)] * 3
    assert registry.get_sample_value("voiceai_background_task_failures_total", {"task": "fails"}) == 3


async def test_what_fails_is_named_until_it_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()

    async def fails() -> None:
        if not release.is_set():
            release.set()
            raise ValueError

    registry = CollectorRegistry()
    monkeypatch.setattr(background_tasks, "RESTART_DELAYS", (60.0,))
    async with BackgroundTasks(registry) as tasks:
        tasks.keep("fails", fails)
        await release.wait()
        await asyncio.sleep(0)
        assert tasks.failing == ["fails"]
        assert registry.get_sample_value("voiceai_background_tasks_failing") == 1


async def test_a_task_that_runs_once_fails_alone() -> None:
    async def fails() -> None:
        raise RecursionError

    registry = CollectorRegistry()
    with capture_logs() as logs:
        async with BackgroundTasks(registry) as tasks:
            other = tasks.keep("other", asyncio.Event().wait)  # type: ignore[arg-type]
            await asyncio.wait([tasks.create_task(fails(), name="look-up")])
            await asyncio.sleep(0)
            assert not other.done()
    assert [line["task"] for line in logs] == ["look-up"]
    assert registry.get_sample_value("voiceai_background_task_failures_total", {"task": "once"}) == 1


async def test_a_task_that_returns_is_not_started_again() -> None:
    runs: list[None] = []

    async def returns() -> None:
        runs.append(None)

    async with BackgroundTasks(CollectorRegistry()) as tasks:
        await tasks.keep("returns", returns)
        await asyncio.sleep(0)
    assert len(runs) == 1


async def test_nothing_is_waited_for_without_end() -> None:
    stuck = asyncio.Event()

    async def deaf() -> None:
        while not stuck.is_set():
            try:
                await stuck.wait()
            except asyncio.CancelledError:
                continue

    async def fails() -> None:
        raise ValueError

    task = asyncio.create_task(deaf(), name="deaf")
    await asyncio.sleep(0)
    with capture_logs() as logs:
        assert not await cancelled([task], 0.01)
        await all_done(0.01, deaf(), fails())
    stuck.set()
    assert [line["event"] for line in logs] == [
        "tasks did not end in time",
        "tasks did not end in time",
        "a step failed: internal error",
    ]
