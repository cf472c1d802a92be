"""The simulated chat completions: http://127.0.0.1:PORT/v1/chat/completions.

Owns the socket and the order of refusals: key, shape, schema. It plays the caller if it is asked for an object with
`say`, and the judge if for one with `yes`.
"""

import time
from typing import Any, Self

from aiohttp import web
from pydantic import ValidationError

from simulator.chat import parts, schema


class ChatServer:
    """`async with ChatServer() as chat:` and ask `chat.url`. `received`: the bodies that were taken. `replies`: these
    come first, word for word."""

    def __init__(self, *, api_key: str = "sk-test", host: str = "127.0.0.1", port: int = 0) -> None:
        self.api_key, self.host, self.port = api_key, host, port
        self.received: list[dict[str, Any]] = []
        self.replies: list[str] = []
        self.status = 200
        """Another one is answered to everything."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, access_log=None)

    @property
    def url(self) -> str:
        """Before `/chat/completions`."""
        return f"http://{self.host}:{self.port}/v1"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _complete(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return _refused(401, "Incorrect API key provided.")
        if self.status != 200:
            return _refused(self.status, "The server had an error while processing your request.")
        text = await request.text()
        try:
            asked = schema.Completion.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            param = ".".join(map(str, first["loc"]))
            return _refused(400, f"Invalid value for '{param}': {first['msg']}.", param)
        wanted = asked.response_format.json_schema
        if (refusal := schema.refusal_of_schema(wanted.schema_)) is not None:
            return _refused(400, f"Invalid schema for response_format '{wanted.name}': {refusal}", "response_format")
        self.received.append(asked.model_dump(by_alias=True, exclude_unset=True))
        content = self._content(asked, set(wanted.schema_["properties"]))
        prompt = "".join(each.content for each in asked.messages)
        body = schema.answer(len(self.received), int(time.time()), asked.model, content, prompt)
        return web.json_response(body)

    def _content(self, asked: schema.Completion, keys: set[str]) -> str:
        if self.replies:
            return self.replies.pop(0)
        system, text = asked.messages[0].content, asked.messages[-1].content
        return parts.caller(system, text) if "say" in keys else parts.judge(text)


def _refused(status: int, message: str, param: str | None = None) -> web.Response:
    return web.json_response(schema.error(message, param=param), status=status)
