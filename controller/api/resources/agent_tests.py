"""The resources of tests of agents: which there are, and running them, with the results as a stream.

Owns paths, scopes and the wire format. Whoever closes the stream ends the run.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import httpx
from aiohttp import web

from controller.agent_tests.conversation import Line, ToolUse
from controller.agent_tests.runner import Run, TextRunner
from controller.api.models.agent_tests import (
    AgentTestList,
    AgentTestRun,
    AgentTestsDone,
    ConversationLine,
    RunAgentTests,
    VerdictAnswer,
)
from controller.api.models.base import Answer
from controller.api.operation import STREAM, ApiRequest, Operation
from controller.api.problems import Problem, malformed
from controller.api.request_body import LARGEST_WITH_PROMPT
from controller.api.resources.events import HEARTBEAT_SECONDS, STREAM_HEADERS, WRITE_SECONDS
from controller.api.resources.text_sessions import check_agent, refused
from controller.config import Config, CurrentConfig
from controller.config.checks.agent_tests import check_test
from controller.config.models.agent_tests import AgentTest
from controller.config.source import Source
from controller.text_sessions.session import Spend
from controller.text_sessions.sessions import TextSessions
from controller.versions.editor import ResourceEditor

MOST_RUNS = 1000


class AgentTestResources:
    """`current`: has the configuration in force; `editor`: that with a draft or a version of an agent in it. `spend`:
    counts what models cost."""

    def __init__(self, sessions: TextSessions, current: CurrentConfig, editor: ResourceEditor, spend: Spend) -> None:
        self._sessions = sessions
        self._current = current
        self._editor = editor
        self._spend = spend

    def operations(self) -> tuple[Operation, ...]:
        path = "/v1/agents/{name}/tests"
        return (
            Operation(
                *("list_agent_tests", "GET", path, "The tests of an agent", self.list, AgentTestList),
                problems=("unknown-name",),
                scopes=("call",),
                limited=True,
                tag="text sessions",
            ),
            Operation(
                *("run_agent_tests", "POST", f"{path}/run", "Run tests of an agent by text", self.run),
                body=RunAgentTests,
                largest=LARGEST_WITH_PROMPT,
                problems=("unknown-name", "unknown-resource", "invalid-config", "store-away"),
                scopes=("call",),
                limited=True,
                media=STREAM,
                tag="text sessions",
            ),
        )

    async def list(self, asked: ApiRequest) -> AgentTestList:
        check_agent(asked, asked.part("name"))
        tests = _tests_of(self._current.config, asked.part("name"))
        return AgentTestList(tests={name: test.model_dump(mode="json") for name, test in tests.items()})

    async def run(self, asked: ApiRequest) -> web.StreamResponse:
        """A stream of `result`, one for each run, and `done`."""
        body: RunAgentTests = asked.body
        agent = asked.part("name")
        check_agent(asked, agent)
        config = await self._config(agent, body)
        tests = _chosen(body, _tests_of(config, agent))
        _check(body.cases, config)
        if len(tests) * body.repeat > MOST_RUNS:
            raise malformed(f"These are more than {MOST_RUNS} runs: fewer tests, or a smaller `repeat`.")
        response = web.StreamResponse(headers=STREAM_HEADERS)
        await response.prepare(asked.request)
        failed, cost, runs = 0, 0.0, len(tests) * body.repeat
        try:
            async with httpx.AsyncClient() as http:
                runner = TextRunner(self._sessions, config, http, self._spend, asked.by)
                running = runner.run(agent, tests, repeat=body.repeat, instructions=body.instructions)
                async with aclosing(running) as results:
                    for _ in range(runs):
                        done = await _next(response, anext(results))
                        failed, cost = failed + (not done.passed), cost + done.cost
                        await _event(response, "result", answer_of(done))
            await _event(response, "done", AgentTestsDone(runs=runs, failed=failed, cost=round(cost, 6)))
            await response.write_eof()
        except (TimeoutError, ConnectionError):  # the client has disconnected or hangs
            if asked.request.transport is not None:
                asked.request.transport.abort()
        return response

    async def _config(self, agent: str, body: RunAgentTests) -> Config:
        """Raises Problem."""
        if not body.draft and body.version is None:
            return self._current.config
        key = ("agents", agent)
        with refused():
            content = None if body.version is None else await self._editor.content(key, body.version)
            return await self._editor.check(key, content)


async def _next(response: web.StreamResponse, awaited: object) -> Run:
    """The next result; heartbeats until then."""
    task = asyncio.ensure_future(awaited)  # type: ignore[call-overload]
    try:
        while not task.done():
            await asyncio.wait([task], timeout=HEARTBEAT_SECONDS)
            if not task.done():
                await _write(response, b": still here\n\n")
        run: Run = task.result()
        return run
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # the generator can't be closed while it runs


def _tests_of(config: Config, agent: str) -> Mapping[str, AgentTest]:
    """Raises Problem."""
    if agent not in config.agents:
        raise Problem("unknown-name", "There is no agent of that name.")
    return config.agents[agent].tests


def _chosen(body: RunAgentTests, known: Mapping[str, AgentTest]) -> dict[str, AgentTest]:
    """Raises Problem 400."""
    names = body.tests if body.tests is not None else (() if body.cases else tuple(known))
    unknown = [
        {"pointer": f"/tests/{number}", "detail": f"there is no such test; there are: {', '.join(known) or 'none'}"}
        for number, name in enumerate(names)
        if name not in known
    ]
    if unknown:
        raise malformed("The agent has no such test.", *unknown)
    chosen = {name: known[name] for name in names} | dict(body.cases)
    if not chosen:
        raise malformed("The agent has no tests: give it `tests` in the config, or send `cases`.")
    return chosen


def _check(cases: Mapping[str, AgentTest], config: Config) -> None:
    """As the config's own tests are checked. Raises Problem 400."""
    source, top = Source(), config.redacted()
    for name, test in cases.items():
        check_test(test.model_dump(mode="json"), ("cases", name), top, top["agent_tests"], source)
    if source.errors:
        found = [{"pointer": _pointer(each.path), "detail": f"{each.message}; {each.hint}"} for each in source.errors]
        raise malformed("A case can't be run.", *found)


def _pointer(path: str) -> str:
    """A dotted path as a JSON pointer."""
    return "/" + path.replace("[", ".").replace("]", "").replace(".", "/")


def answer_of(run: Run) -> AgentTestRun:
    conversation = run.conversation
    return AgentTestRun(
        test=run.test,
        number=run.number,
        passed=run.passed,
        error=run.error,
        seconds=round(run.seconds, 3),
        cost=round(run.cost, 6),
        ended_by=conversation.ended_by,
        ended_how=conversation.how,
        transferred_to=conversation.to,
        latencies_ms=conversation.latencies_ms,
        verdicts=tuple(VerdictAnswer.model_validate(each) for each in run.verdicts),
        conversation=tuple(map(_line, conversation.entries)),
    )


def _line(entry: Line | ToolUse) -> ConversationLine:
    if isinstance(entry, Line):
        return ConversationLine(who=entry.who, text=entry.text, arguments=None)
    return ConversationLine(who="tool", text=entry.name, arguments=dict(entry.arguments))


async def _event(response: web.StreamResponse, name: str, data: Answer) -> None:
    await _write(response, f"event: {name}\ndata: {data.model_dump_json()}\n\n".encode())


async def _write(response: web.StreamResponse, frame: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(frame)
