"""The resources of text sessions: try an agent by typing.

Owns paths, scopes and status codes, and who may see a session: who opened it, and who may read what was said in calls.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs

from controller.api.models.base import Nothing
from controller.api.models.text_sessions import (
    OpenTextSession,
    TextEventAnswer,
    TextEventPage,
    TextEventQuery,
    TextSessionAnswer,
    TextSessionPage,
    ToolResult,
    TypeMessage,
)
from controller.api.operation import ApiRequest, ApiResponse, Operation
from controller.api.problems import Problem
from controller.api.request_body import LARGEST_WITH_PROMPT
from controller.api.resources.configuration import invalid
from controller.calls import errors
from controller.config import Config, ConfigErrors, CurrentConfig
from controller.text_sessions.session import Options, TextSession
from controller.text_sessions.sessions import TextSessions
from controller.versions.editor import ResourceEditor
from controller.versions.edits import NoSuchResource

_PATH = "/v1/text-sessions/{id}"
_OPENING = (
    *("unknown-name", "unknown-resource", "invalid-config"),
    *("at-limit", "not-ready", "no-ai-session", "store-away"),
)


class TextSessionResources:
    """`current`: has the configuration in force; `editor`: that with an agent's draft in it."""

    def __init__(self, sessions: TextSessions, current: CurrentConfig, editor: ResourceEditor) -> None:
        self._sessions = sessions
        self._current = current
        self._editor = editor

    def operations(self) -> tuple[Operation, ...]:
        one = ("unknown-text-session",)
        common: dict[str, Any] = {"scopes": ("call",), "limited": True, "tag": "text sessions"}
        return (
            Operation(
                *("open_text_session", "POST", "/v1/agents/{name}/text-sessions", "Try an agent by typing"),
                *(self.open, TextSessionAnswer),
                body=OpenTextSession,
                largest=LARGEST_WITH_PROMPT,
                status=HTTPStatus.CREATED,
                problems=_OPENING,
                headers={hdrs.LOCATION: "The session's URL."},
                **common,
            ),
            Operation(
                *("list_text_sessions", "GET", "/v1/text-sessions", "Text sessions that you may see"),
                *(self.list, TextSessionPage),
                **common,
            ),
            Operation(
                *("read_text_session", "GET", f"{_PATH}/events", "What was said and done, and what comes next"),
                *(self.read, TextEventPage),
                query=TextEventQuery,
                problems=one,
                **common,
            ),
            Operation(
                *("type_message", "POST", f"{_PATH}/messages", "Say something to the agent"),
                *(self.say, TextSessionAnswer),
                body=TypeMessage,
                status=HTTPStatus.ACCEPTED,
                problems=(*one, "wrong-state"),
                **common,
            ),
            Operation(
                *("give_tool_result", "POST", f"{_PATH}/tool-results", "Answer a tool call by hand"),
                *(self.answer_tool, TextSessionAnswer),
                body=ToolResult,
                status=HTTPStatus.ACCEPTED,
                problems=(*one, "wrong-state"),
                **common,
            ),
            Operation(
                *("close_text_session", "DELETE", _PATH, "End a text session"),
                *(self.close, TextSessionAnswer),
                body=Nothing,
                status=HTTPStatus.ACCEPTED,
                problems=one,
                **common,
            ),
        )

    async def open(self, asked: ApiRequest) -> ApiResponse:
        """Waits until the AI's session is there."""
        body: OpenTextSession = asked.body
        check_agent(asked, asked.part("name"))
        options = Options(body.tools, body.results, body.variables, body.instructions)
        config = await self._drafted(asked.part("name")) if body.draft else self._current.config
        session = self._sessions.open(config, asked.part("name"), options, by=asked.by)
        try:
            await session.opened()
        except BaseException:  # also if who asked has gone
            session.close()
            raise
        location: dict[str, str] = {hdrs.LOCATION: f"/v1/text-sessions/{session.id}"}
        return ApiResponse(_answer(session), location)

    async def _drafted(self, agent: str) -> Config:
        """Raises Problem."""
        with refused():
            return await self._editor.check(("agents", agent))

    async def list(self, asked: ApiRequest) -> TextSessionPage:
        seen = [each for each in self._sessions.all() if _may_see(asked, each)]
        return TextSessionPage(sessions=tuple(map(_answer, seen)))

    async def read(self, asked: ApiRequest) -> TextEventPage:
        session, query = self._session(asked), asked.query
        events = await session.news(query.after, query.wait_s)
        told = tuple(TextEventAnswer.model_validate(each) for each in events)
        return TextEventPage(session=_answer(session), events=told)

    async def say(self, asked: ApiRequest) -> TextSessionAnswer:
        session = self._session(asked)
        session.say(asked.body.text)
        return _answer(session)

    async def answer_tool(self, asked: ApiRequest) -> TextSessionAnswer:
        session = self._session(asked)
        session.answer_tool(asked.body.tool_call, asked.body.output, ok=asked.body.ok)
        return _answer(session)

    async def close(self, asked: ApiRequest) -> TextSessionAnswer:
        session = self._session(asked)
        session.close()
        return _answer(session)

    def _session(self, asked: ApiRequest) -> TextSession:
        """Raises UnknownTextSession."""
        session = self._sessions.get(asked.part("id"))
        if not _may_see(asked, session):
            raise errors.UnknownTextSession("No text session has this id, or it has ended.")
        return session


@contextmanager
def refused() -> Iterator[None]:
    """What a draft or a version can't be tried for, as a Problem."""
    try:
        yield
    except NoSuchResource as reason:
        raise Problem("unknown-resource", str(reason)) from None
    except ConfigErrors as errors:
        raise invalid(errors) from None


def check_agent(asked: ApiRequest, agent: str) -> None:
    """Raises Problem 403 for an agent that a limited key does not reach."""
    if asked.limits.agents is not None and agent not in asked.limits.agents:
        raise Problem("forbidden", "This key is limited to some agents.")


def _may_see(asked: ApiRequest, session: TextSession) -> bool:
    reached = asked.limits.agents is None or session.agent in asked.limits.agents
    return reached and (session.by == asked.by or asked.may("recordings"))


def _answer(session: TextSession) -> TextSessionAnswer:
    return TextSessionAnswer(
        id=session.id,
        agent=session.agent,
        state=session.state,
        users_turn=session.users_turn,
        tools=session.options.tools,
        began_at=session.began_at,
        model=session.model,
        turns=session.turns,
        events=len(session.events),
        cost=round(session.cost, 6),
        usage=dict(session.usage),
    )
