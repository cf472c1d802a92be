"""`voiceai serve` with a real worker and a simulated Realtime server, and no Asterisk: enough to type to agents."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.api.client import Client
from simulator.ports import free_port
from simulator.realtime import Delivery, Model, RealtimeServer
from simulator.services import Service

KEY = "sk-test"
PORTS = range(19180, 19200)
AGENT = {"instructions": "You are the receptionist.", "greeting": "Good day."}


class TypedService(Service):
    async def _ready(self) -> None:
        await self.logged("worker registered", 40.0)


@dataclass(frozen=True, slots=True)
class TextInstallation:
    service: Service
    realtime: RealtimeServer
    token: str
    config: Path

    def client(self, token: str = "") -> Client:
        return Client(self.service.url, token or self.token)


@asynccontextmanager
async def text_installation(
    folder: Path, model: Model, *, agent: Mapping[str, Any] | None = None, tokens: Sequence[Any] = (), **more: Any
) -> AsyncIterator[TextInstallation]:
    """`agent` changes keys of the agent `reception`, `more` adds sections of the config."""
    token = secrets.token_urlsafe(16)
    async with RealtimeServer(model, faults=(Delivery(pace=0),), api_key=KEY) as realtime:
        config = {
            "asterisk": {"ari": {"url": f"http://127.0.0.1:{free_port()}/ari", "password": "none"}},
            "openai": {"url": realtime.url, "api_key": KEY},
            "bridge": {"workers": 1, "realtime": False, "ports": f"{PORTS[0]}-{PORTS[-1]}"},
            "api": {
                "listen": f"127.0.0.1:{free_port()}",
                "tokens": [{"name": "test", "token": token, "scopes": ["admin"]}, *tokens],
            },
            "trunks": {
                "main": {"endpoint": "PJSIP/{number}@trunk", "allow": [r"\+?[0-9]{4,15}"], "country_code": "49"}
            },
            "transfer": {"targets": {"colleague": "+493012345678"}},
            "agents": {"reception": {**AGENT, **(agent or {})}},
            "shutdown": {"drain_s": 0},
            "store": {"url": f"sqlite+aiosqlite:///{folder}/voiceai.sqlite3"},
            **more,
        }
        async with TypedService(config, folder, token=token) as service:
            yield TextInstallation(service, realtime, token, folder / "config.yaml")


async def voiceai(running: TextInstallation, *arguments: str, typed: str = "", status: int = 0) -> str:
    """What the command prints."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("voiceai"),
        *arguments,
        env={**os.environ, "VOICEAI_URL": running.service.url, "VOICEAI_API_TOKEN": running.token, "COLUMNS": "200"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate(typed.encode(errors="surrogateescape"))
    assert process.returncode == status, output.decode()
    return output.decode()
