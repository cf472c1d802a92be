"""For tests of proxies: a Realtime server that only a proxy leads to, by the name ai.example."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from bridge.contract import Provider
from bridge.realtime.protocol.client_events import SessionUpdate
from bridge.realtime.protocol.errors import ProviderError
from bridge.realtime.transport import client
from controller.calls.tools.http import HttpTools
from controller.cli.doctor import tls
from controller.cli.doctor.findings import Finding
from controller.config.models.agents import HttpTool
from tests.peers.certificates import Certificate, certificate

USER = "agent:hidd3n"
URL = "wss://ai.example/v1/realtime"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    folder = tmp_path_factory.mktemp("certificates")
    return {name: certificate(folder, name, days=100) for name in ("ai.example", "localhost")}


def shows(one: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(one.certificate, one.key)
    return context


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch, made: dict[str, Certificate]) -> Iterator[ssl.SSLContext]:
    """What the server of these tests shows; its certificate is believed, and no proxy is named yet."""
    for name in ("http_proxy", "https_proxy", "wss_proxy", "ws_proxy", "socks_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", made["ai.example"].certificate)
    client._tls.cache_clear()
    yield shows(made["ai.example"])
    client._tls.cache_clear()


@asynccontextmanager
async def realtime(trusted: ssl.SSLContext) -> AsyncIterator[int]:
    async def talk(connection: ServerConnection) -> None:
        session = {"id": "s", "model": "m"}
        await connection.send(json.dumps({"type": "session.created", "session": session}))
        await connection.recv()
        await connection.send(json.dumps({"type": "session.updated", "session": session}))
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0, ssl=trusted) as there:
        yield next(iter(there.sockets)).getsockname()[1]


async def connected(url: str = URL, timeout: float = 5.0) -> client.RealtimeClient:
    provider = Provider(url=url, api_key=SecretStr("sk"), model="m")
    return await client.open_client(provider, SessionUpdate("s", {}), timeout=timeout)


async def opened(url: str = URL, timeout: float = 5.0) -> None:
    await (await connected(url, timeout)).close()


async def refused(timeout: float = 5.0) -> ProviderError:
    with pytest.raises(ProviderError) as told:
        await opened(timeout=timeout)
    assert "hidd3n" not in str(told.value)
    return told.value


async def certificates() -> Finding:
    found = await tls.certificates([tls.TlsPeer("certificate of openai", URL)])
    assert "hidd3n" not in str(found)
    return found[0]


PUBLIC, OTHER = "93.184.215.14", "93.184.215.15"
"""What the names below stand for here. Nothing is sent there: the proxy leads elsewhere."""


def as_hex(address: str) -> str:
    return socket.inet_aton(address).hex()


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Addresses by name, as this machine knows them; others have none, but for its own."""
    known = {"ai.example": [PUBLIC], "shop.example": [PUBLIC], "intranet.example": ["10.0.0.5"]}
    loop = asyncio.get_running_loop()
    look_up = loop.getaddrinfo

    async def looked_up(host: Any, port: Any = 0, **more: Any) -> Any:
        if str(host).endswith(".example"):
            if host not in known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in known[host]]
        return await look_up(host, port, **more)

    monkeypatch.setattr(loop, "getaddrinfo", looked_up)
    return known


@asynccontextmanager
async def speaks(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that answers everybody so, when it has read a request (or what else comes), and hangs up."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0, ssl=tls) as there:
        yield there.sockets[0].getsockname()[1]


def dead() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return int(closed.getsockname()[1])


def tool(url: str, **changes: Any) -> HttpTool:
    return HttpTool.model_validate({"description": "Looks up.", "url": url, "timeout_s": 5} | changes)


async def run(url: str, **changes: Any) -> dict[str, Any]:
    """The line of the log, with what the model was told as `output`."""
    tools = HttpTools()
    with structlog.testing.capture_logs() as lines:
        answer = await tools.run("c1", "look", tool(url, **changes), {})
    (line,) = (dict(each) for each in lines if each["event"] == "tool ran")
    assert "hidd3n" not in str(line) + answer.output
    return line | {"output": answer.output}


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
