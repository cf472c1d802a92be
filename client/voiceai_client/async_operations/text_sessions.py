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

        draft: true: the draft of the agent instead of the published version. Default: `false`.
        tools: HTTP tools. `call`: they are really called. `by_hand`: you answer them (POST …/tool-results).
            `none`: the model gets an error. Built-in tools are only reported, never executed. Remote tool servers
            (MCP) are available only with `call`, because the AI provider calls them. Default: `"call"`.
        results: Answers of tools by name. These tools are not called. A `transfer` with an answer fails with it,
            and the conversation continues.
        variables: Values for `{{name}}` in the agent's texts.
        instructions: Instructions instead of the agent's own. They are not a template.
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

        after: The number of the last event that you have received.
        wait_s: If there is no later event, wait for one, at most for this many seconds.
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

        tool_call: The `tool_call` of the event that awaits a result.
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
