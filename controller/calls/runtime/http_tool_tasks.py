"""Tools over HTTP that run for one call, beside its queue.

Owns their tasks. Whatever happens, each one ends as one more input of the call, so the model is always answered; when
the call ends, they end.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from bridge.common.limited_warnings import FEW, LimitedWarnings
from bridge.common.request_failure import RequestFailure
from controller.calls.machine import commands, inputs
from controller.calls.tools.http import Answer, HttpTools
from controller.config.models.agents import HttpTool


class HttpToolTasks:
    """`known`: the tools, by name. `done` is given the answer of each tool."""

    def __init__(
        self, call: str, tools: HttpTools, known: Mapping[str, HttpTool], done: Callable[[inputs.ToolDone], None]
    ) -> None:
        self._call = call
        self._tools = tools
        self._known = known
        self._done = done
        self._running: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger().bind(call=call)
        self._warnings = LimitedWarnings(self._log, FEW)

    def start(self, command: commands.StartTool) -> None:
        task = asyncio.create_task(self._run(command), name=f"tool {command.name} of {self._call}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def cancel(self) -> None:
        """The call ends."""
        for task in self._running:
            task.cancel()
        self._warnings.close()

    async def _run(self, command: commands.StartTool) -> None:
        try:
            tool = self._known[command.name]
            answer = await self._tools.run(self._call, command.name, tool, command.arguments, self._warnings)
        except Exception:  # the top of this task: the model is answered whatever happens
            self._log.exception("tool failed: internal error", tool=command.name)
            answer = Answer(False, "The tool failed.", RequestFailure("internal"))
        reason = answer.failure.reason if answer.failure is not None else None
        self._done(inputs.ToolDone(command.tool_call, answer.output, answer.ok, reason))
