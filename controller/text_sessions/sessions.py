"""All text sessions: how each begins, is found again, and ends.

Owns how many there may be at once. One that has ended can be read for a while.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from bridge import contract
from bridge.common.background_tasks import Tasks, ended
from controller.calls import errors
from controller.calls.planning import planner
from controller.config import Config
from controller.text_sessions.session import CLOSING_S, Options, RunTool, Spend, TextSession
from controller.workers.pool import WorkerPool

KEPT = 100
"""Sessions that have ended."""


class TextSessions:
    """`check`: raises Busy or NotReady where no call could begin either."""

    def __init__(
        self, workers: WorkerPool, tasks: Tasks, run_tool: RunTool, spend: Spend, check: Callable[[], None]
    ) -> None:
        self._workers = workers
        self._tasks = tasks
        self._run_tool = run_tool
        self._spend = spend
        self._check = check
        self._live: dict[str, TextSession] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ended: dict[str, TextSession] = {}

    def open(self, config: Config, agent: str, options: Options, *, by: str) -> TextSession:
        """Begins one with an agent of this configuration, which need not be the one in force: it may hold a draft.
        Raises UnknownName, Busy, NotReady, NoAiSession."""
        plan = planner.agent_plan(config, agent, options.variables, None)
        if options.instructions is not None:
            plan = replace(plan, spec=plan.spec.model_copy(update={"instructions": options.instructions}))
        self._check()
        bounds = config.text_sessions
        if len(self._live) >= bounds.max_sessions:
            raise errors.Busy(f"As many text sessions as allowed are open: {bounds.max_sessions}.")
        session = TextSession(
            *(f"text-{uuid4()}", config, plan, options, bounds),
            workers=self._workers,
            run_tool=self._run_tool,
            spend=self._spend,
            by=by,
        )
        self._live[session.id] = session
        self._running[session.id] = self._tasks.create_task(self._through(session), name=session.id)
        return session

    async def _through(self, session: TextSession) -> None:
        try:
            await session.run()
        finally:
            self._live.pop(session.id, None)
            self._running.pop(session.id, None)
            self._ended[session.id] = session
            while len(self._ended) > KEPT:
                del self._ended[next(iter(self._ended))]

    def all(self) -> list[TextSession]:
        """Open ones first, newest first."""
        return [*reversed(self._live.values()), *reversed(self._ended.values())]

    def get(self, session_id: str) -> TextSession:
        """Raises UnknownTextSession."""
        session = self._live.get(session_id) or self._ended.get(session_id)
        if session is None:
            raise errors.UnknownTextSession("No text session has this id, or it has ended.")
        return session

    def take(self, event: contract.CallEvent) -> bool:
        """What a worker reports. False: that is about a call."""
        session = self._live.get(event.call)
        if session is not None:
            session.take(event)
        return session is not None

    def lost(self, session_id: str) -> bool:
        """Its worker is gone. False: that is about a call."""
        session = self._live.get(session_id)
        if session is not None:
            session.close("its worker is gone", by="error")
        return session is not None

    async def close(self) -> None:
        """Ends them all."""
        for session in self._live.values():
            session.close("the controller goes down", by="error")
        await ended(list(self._running.values()), CLOSING_S + 1)
