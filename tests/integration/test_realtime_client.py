"""The websocket client on its own: its headers, its timeouts, and a network that takes no sound."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from bridge.contract import Provider
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import ResponseCreate, SessionUpdate, audio_append
from bridge.realtime.protocol.dialects import endpoint
from bridge.realtime.protocol.errors import ConfigRefused, ConnectionLost
from bridge.realtime.transport.client import RealtimeClient, open_client
from bridge.realtime.transport.websocket import PIECE

CREATED = json.dumps({"type": "session.created", "session": {"id": "sess_1", "model": "m"}})
SETUP = SessionUpdate("s", {})
UPDATED = json.dumps({"type": "session.updated", "session": {"id": "sess_1", "model": "m"}})


def provider(url: str, **headers: str) -> Provider:
    return Provider(url=url, api_key=SecretStr("sk-test"), model="gpt-realtime-2.1-mini", headers=headers)


class Server:
    """Configures a session, then does what the test says."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.connections: list[ServerConnection] = []
        self.setup: str | bytes = ""
        self.got = 0
        self.url = ""

    async def handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        await connection.send(CREATED)
        self.setup = await connection.recv()
        await connection.send(UPDATED)
        await self.reads.wait()
        async for _ in connection:
            self.got += 1


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    async with serve(server.handle, "127.0.0.1", 0, max_queue=1, compression="deflate") as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/v1/realtime"
        try:
            yield server
        finally:
            server.reads.set()


async def closed(client: RealtimeClient) -> None:
    await asyncio.wait_for(client.close(), 3)


async def test_the_handshake() -> None:
    async with serving() as server:
        client = await open_client(provider(server.url, **{"X-Test": "1"}), SETUP)
        request = server.connections[0].request
        assert request is not None
        assert request.path == "/v1/realtime?model=gpt-realtime-2.1-mini"
        assert request.headers["Authorization"] == "Bearer sk-test"
        assert request.headers["X-Test"] == "1"
        assert "OpenAI-Beta" not in request.headers
        assert "Sec-WebSocket-Extensions" not in request.headers  # no compression
        assert server.setup == '{"type": "session.update", "event_id": "s", "session": {}}'  # a text frame
        assert client.updated.session_id == "sess_1"
        server.reads.set()
        await closed(client)
        await server.connections[0].wait_closed()
        assert server.connections[0].close_code == 1000


async def test_audio_that_the_network_does_not_take_is_dropped_and_closing_is_still_quick() -> None:
    async with serving() as server:
        client = await open_client(provider(server.url), SETUP)
        frame = audio_append(bytes(960))
        for _ in range(20_000):
            client.send_audio(frame)
        assert client.dropped_frames > 0
        await closed(client)
        server.reads.set()


async def test_everything_arrives_where_somebody_reads() -> None:
    async with serving() as server:
        client = await open_client(provider(server.url), SETUP)
        server.reads.set()
        for _ in range(500):
            client.send_audio(audio_append(bytes(960)))
            client.send(ResponseCreate("e"))
            await asyncio.sleep(0)
        assert client.dropped_frames == 0
        await closed(client)
        await server.connections[0].wait_closed()
        assert server.got == 1000


async def test_reading_hands_over_every_event_and_ends_with_the_reason() -> None:
    async with serving() as server:
        client = await open_client(provider(server.url), SETUP)
        got: list[server_events.Event] = []
        reading = asyncio.create_task(client.receive(got.append))
        for _ in range(3):
            await server.connections[0].send('{"type":"response.created","response":{"id":"r1"}}')
        await server.connections[0].close(1000)
        with pytest.raises(ConnectionLost, match="1000"):
            await reading
        assert got == [server_events.ResponseCreated("r1")] * 3
        client.send(ResponseCreate("e"))  # nobody there: nothing happens
        await closed(client)


def created(number: int) -> str:
    return json.dumps({"type": "response.created", "response": {"id": f"r{number}"}})


async def test_the_order_is_kept_whenever_it_came_and_in_however_many_pieces() -> None:
    async with serving() as server:
        client = await open_client(provider(server.url), SETUP)
        peer = server.connections[0]
        for early in (0, 1):
            await peer.send(created(early))
        await (await peer.ping())  # they are here, and nobody listens yet
        got: list[str] = []
        reading = asyncio.create_task(client.receive(lambda event: got.append(getattr(event, "response_id", ""))))
        for number in range(2, 40):
            whole = created(number)
            await peer.send([whole[:9], "", whole[9:30], whole[30:]] if number % 3 == 0 else whole)
        await peer.close(1000)
        with pytest.raises(ConnectionLost):
            await reading
        assert got == [f"r{number}" for number in range(40)]


async def test_what_comes_at_once_is_read_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.realtime.transport.websocket.SLICE_S", 0.0)
    async with serving() as server:
        client = await open_client(provider(server.url), SETUP)
        got: list[str] = []
        at_once: dict[int, int] = {}
        rounds = 0

        def hear(event: server_events.Event) -> None:
            got.append(getattr(event, "response_id", "other"))
            at_once[rounds] = at_once.get(rounds, 0) + 1

        reading = asyncio.create_task(client.receive(hear))
        await asyncio.sleep(0)
        frames = [created(number).encode() for number in range(3000)]
        burst = b"".join(b"\x81" + bytes([len(frame)]) + frame for frame in frames) + b"\x81\x00" * 20_000
        server.connections[0].transport.write(burst)
        async with asyncio.timeout(30):
            while len(got) < 23_000:
                rounds += 1
                await asyncio.sleep(0)
        assert got == [f"r{number}" for number in range(3000)] + ["other"] * 20_000
        assert max(at_once.values()) <= PIECE  # two pieces of the smallest frames
        await server.connections[0].send(created(1))
        await server.connections[0].close(1000)
        with pytest.raises(ConnectionLost, match="1000"):
            await reading
        assert got[-1] == "r1"
        await closed(client)


async def test_connections_on_which_very_much_comes_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of the event loop is one slice, and not one for each server that sends without end."""
    monkeypatch.setattr("bridge.realtime.transport.websocket.SLICE_S", 0.0)
    monkeypatch.setattr("bridge.realtime.transport.websocket.SHORT_SLICE_S", 0.0)
    heard: list[tuple[int, RealtimeClient]] = []
    rounds = 0

    async def read(client: RealtimeClient) -> None:
        await client.receive(lambda _: heard.append((rounds, client)))

    async with serving() as server:
        clients = [await open_client(provider(server.url), SETUP) for _ in range(4)]
        reading = [asyncio.create_task(read(client)) for client in clients]
        await asyncio.sleep(0)
        for connection in server.connections:
            connection.transport.write(b"\x81\x00" * 4000)
        async with asyncio.timeout(60):
            while len(heard) < 4 * 4000:
                rounds += 1
                await asyncio.sleep(0)
        for client in clients:
            await closed(client)
        await asyncio.wait(reading)
    served = [{client for at, client in heard if at == each} for each in {at for at, _ in heard}]
    assert len(served) >= 4 * 4000 * 2 // PIECE - 4
    assert sum(len(each) > 2 for each in served) <= 2  # as the first pieces come


async def test_a_fault_of_whoever_listens_is_told_to_whoever_reads() -> None:
    async with serving() as server:
        client = await open_client(provider(server.url), SETUP)
        heard: list[server_events.Event] = []

        def stumble(event: server_events.Event) -> None:
            heard.append(event)
            raise LookupError("ours")

        reading = asyncio.create_task(client.receive(stumble))
        await asyncio.sleep(0)
        await server.connections[0].send(created(1))
        await server.connections[0].send(created(2))
        with pytest.raises(LookupError, match="ours"):
            await asyncio.wait_for(reading, 5)
        assert len(heard) == 1
        await closed(client)


async def test_reading_returns_when_we_closed() -> None:
    async with serving() as server:
        client = await open_client(provider(server.url), SETUP)
        server.reads.set()
        reading = asyncio.create_task(client.receive(lambda _: None))
        await closed(client)
        await asyncio.wait_for(reading, 1)


async def test_what_is_no_url() -> None:
    with pytest.raises(ConfigRefused):
        await open_client(provider("ws://"), SETUP)


@pytest.mark.parametrize(
    "location",
    [
        b"/v1/realtime",
        b"http://[",
        b"ws://a:99999999/",
        b"ws://a..b/",
        b"wss://127.0.0.1:1/",
        b"ws://" + b"a" * 300,
        b"a\r\nLocation: b",
        b"file:///etc/passwd",
        b"ws://\xff/",
    ],
)
async def test_redirects_are_not_followed(location: bytes) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
        writer.close()

    asked: list[bytes] = []
    async with await asyncio.start_server(redirect, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConfigRefused, match="HTTP 302, a redirect"):
            await open_client(provider(f"ws://127.0.0.1:{port}/v1/realtime"), SETUP, timeout=3)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("wss://api.openai.com/v1/realtime", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1-mini"),
        ("ws://h/x?api-version=1", "ws://h/x?api-version=1&model=gpt-realtime-2.1-mini"),
    ],
)
def test_the_model_goes_into_the_query(url: str, expected: str) -> None:
    assert endpoint(provider(url))[0] == expected
