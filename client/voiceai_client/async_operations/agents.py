"""Operations of the API: agents. Made from the OpenAPI document (`make reference`)."""

from collections.abc import AsyncIterator, Mapping, Sequence

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.agents import AgentTestArgument, AgentTestList
from voiceai_client.requests import Request, given, path_of
from voiceai_client.server_sent_events import StreamEvent


class AsyncAgentsOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list_tests(self, name: str) -> AgentTestList:
        """The tests of an agent. Scope: call. Problems: unknown-name."""
        url = path_of("/v1/agents/{name}/tests", name=name)
        return await self._http.ask(AgentTestList, Request("GET", url))

    def run_tests(
        self,
        name: str,
        *,
        tests: Sequence[str] | None = None,
        cases: Mapping[str, AgentTestArgument] | None = None,
        repeat: int | None = None,
        instructions: str | None = None,
        draft: bool | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncIterator[StreamEvent]:
        """Run tests of an agent by text. Scope: call. Problems: unknown-name, invalid-config, unknown-resource.

        tests: Names from the agent's `tests`. null: all tests, unless there are `cases`.
        cases: Further tests, in the form of `agents.*.tests` in the config.
        repeat: How often each test is run. Default: `1`.
        instructions: Instructions instead of the agent's own. They are not a template.
        draft: true: the draft of the agent with its tests, instead of the published version. Default: `false`.
        version: This version of the agent, with its tests.
        """
        url = path_of("/v1/agents/{name}/tests/run", name=name)
        sent = given(
            {
                "tests": tests,
                "cases": cases,
                "repeat": repeat,
                "instructions": instructions,
                "draft": draft,
                "version": version,
            }
        )
        return self._http.stream(Request("POST", url, body=sent, idempotency_key=idempotency_key))
