"""Operations of the API: text_sessions. Made from the OpenAPI document (`make reference`)."""

from collections.abc import Mapping
from typing import Literal

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.text_sessions import TextEventPage, TextSessionAnswer, TextSessionPage
from voiceai_client.requests import Request, given, path_of


class AsyncTextSessionsOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def open(
        self,
        name: str,
        *,
        draft: bool | None = None,
        tools: Literal["call", "by_hand", "none"] | None = None,
        results: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        instructions: str | None = None,
        idempotency_key: str | None = None,
    ) -> TextSessionAnswer:
        """Try an agent by typing. Scope: call. Problems: unknown-name, invalid-config, unknown-resource, at-limit,
        not-ready, no-ai-session.

        draft: The agent's draft, instead of what is published. Default: `false`.
        tools: Tools over HTTP: `call`: they are really asked; `by_hand`: you answer them (POST …/tool-results);
            `none`: the model is told that they were not run. Built-in tools are never carried out, only told.
            Remote tool servers (MCP) are there with `call` only: the AI provider asks them by itself. Default:
            `"call"`.
        results: By the tool's name: what it answers, instead of being asked. A `transfer` with one fails with it,
            and the conversation goes on.
        variables: Fill `{{name}}` in the agent's texts.
        instructions: Replace the agent's own for this session; they are no template.
        """
        url = path_of("/v1/agents/{name}/text-sessions", name=name)
        sent = given(
            {"draft": draft, "tools": tools, "results": results, "variables": variables, "instructions": instructions}
        )
        return await self._http.ask(
            TextSessionAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key, longest_s=30.0)
        )

    async def list(self) -> TextSessionPage:
        """Text sessions that you may see. Scope: call."""
        return await self._http.ask(TextSessionPage, Request("GET", "/v1/text-sessions"))

    async def read(self, id: str, *, after: int | None = None, wait_s: float | None = None) -> TextEventPage:
        """What was said and done, and what comes next. Scope: call. Problems: unknown-text-session.

        after: The number of the last event that you have.
        wait_s: If there is no later one: wait for it, at most for so many seconds.
        """
        url = path_of("/v1/text-sessions/{id}/events", id=id)
        asked = given({"after": after, "wait_s": wait_s})
        return await self._http.ask(TextEventPage, Request("GET", url, query=asked, longest_s=45.0))

    async def type_message(self, id: str, *, text: str, idempotency_key: str | None = None) -> TextSessionAnswer:
        """Say something to the agent. Scope: call. Problems: unknown-text-session.

        text: What the user says. It must be their turn.
        """
        url = path_of("/v1/text-sessions/{id}/messages", id=id)
        sent = given({"text": text})
        return await self._http.ask(TextSessionAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    async def give_tool_result(
        self, id: str, *, tool_call: str, output: str, ok: bool | None = None, idempotency_key: str | None = None
    ) -> TextSessionAnswer:
        """Answer a tool call by hand. Scope: call. Problems: unknown-text-session.

        tool_call: Of the event that awaits a result.
        output: What the model reads.
        ok: false: the tool failed. Default: `true`.
        """
        url = path_of("/v1/text-sessions/{id}/tool-results", id=id)
        sent = given({"tool_call": tool_call, "output": output, "ok": ok})
        return await self._http.ask(TextSessionAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    async def close(self, id: str) -> TextSessionAnswer:
        """End a text session. Scope: call. Problems: unknown-text-session."""
        url = path_of("/v1/text-sessions/{id}", id=id)
        return await self._http.ask(TextSessionAnswer, Request("DELETE", url, body={}))
