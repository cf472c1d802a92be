"""A tool over HTTP, and the server that it asks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.integration.resources_harness import CRM, SECRETS
from tests.peers.http_server import http_server

ENV: dict[str, str] = SECRETS | {"CRM_KEY": "k/ey=9"}


@dataclass
class ToolServer:
    """Answers as it is told to, once `open`, and keeps what it was asked: path and headers."""

    address: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answer: Callable[[], web.StreamResponse] = lambda: web.json_response({"name": "Ada"})
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.raw_path, dict(request.headers)))
        await self.open.wait()
        return self.answer()

    def tool(self, **changes: Any) -> dict[str, Any]:
        """As in the config."""
        url = f"http://{self.address}/customers/{{id}}?key=${{CRM_KEY}}"
        return CRM | {"url": url, "allowed_hosts": ["127.0.0.1"]} | changes


@asynccontextmanager
async def tool_server() -> AsyncIterator[ToolServer]:
    server = ToolServer()
    server.open.set()
    async with http_server(server.handle) as server.address:
        yield server
