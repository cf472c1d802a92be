"""The controller's end of the control link; workers are simulated by a websocket client on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from bridge import contract
from controller.workers.pool import WorkerPool
from controller.workers.worker import NoWorker, UnknownWorker, WorkerUnreachable
from controller.workers.worker_admission import WorkerAdmission
from tests.peers.http_server import http_server

TOKEN = "a-long-enough-token"
SPEC = contract.SessionSpec(
    agent="reception", provider=contract.Provider(url="ws://127.0.0.1:1/v1", api_key="sk-test"), instructions="Be kind."
)

KEPT = (contract.Retention(path="/srv/calls", keep_days=30),)


@dataclass
class PoolHarness:
    url: str = ""
    events: list[contract.CallEvent] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    refused: list[str] = field(default_factory=list)
    fails: bool = False
    """Call control has an error."""
    workers: WorkerPool = field(init=False)

    def __post_init__(self) -> None:
        admission = WorkerAdmission("secret", shared=TOKEN)
        self._known: list[tuple[str, int, web.WebSocketResponse | None]] = []
        self.workers = WorkerPool(admission, self._event, self._lost, retention=KEPT, on_refused=self.refused.append)

    def _event(self, event: contract.CallEvent) -> None:
        if self.fails:
            raise RuntimeError("an internal error")
        self.events.append(event)
        self.told.set()

    def _lost(self, call: str) -> None:
        self.lost.append(call)
        self.told.set()

    async def changed(self) -> None:
        """Until another worker is there, or one by another link, than at the last time."""
        async with asyncio.timeout(10):
            while (now := [(each.boot, each.port, each.socket) for each in self.workers.all()]) == self._known:
                await self.workers.wait_changed()
        self._known = now

    async def hear(self) -> None:
        async with asyncio.timeout(10):
            await self.told.wait()
        self.told.clear()


@asynccontextmanager
async def listening(pool: PoolHarness) -> AsyncIterator[None]:
    async with http_server(pool.workers.endpoint, contract.LINK_PATH) as at:
        pool.url = f"http://{at}{contract.LINK_PATH}"
        yield
        pool.workers.close()


@pytest.fixture
async def pool() -> AsyncIterator[PoolHarness]:
    pool = PoolHarness()
    async with listening(pool):
        yield pool


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def join(
    pool: PoolHarness,
    http: aiohttp.ClientSession,
    name: str = "w1",
    pid: int = 1,
    capacity: int = 2,
    calls: tuple[str, ...] = (),
    boot: str = "",
) -> aiohttp.ClientWebSocketResponse:
    socket = await http.ws_connect(pool.url, headers={"Authorization": f"Bearer {TOKEN}"})
    boot = boot or f"the-boot-of-process-{pid}"
    hello = contract.Hello(worker=name, boot=boot, pid=pid, host="127.0.0.1", port=9092, capacity=capacity, calls=calls)
    await socket.send_str(contract.encode(hello))
    assert isinstance(contract.decode_command(await socket.receive_str(timeout=10)), contract.Welcome)
    await pool.changed()
    return socket


async def test_a_wrong_token_gets_no_socket(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(pool.url, headers={"Authorization": "Bearer wrong"})
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "first", ["", "{}", '{"type":"heartbeat","load":{}}', '{"type":"hello","version":99,"worker":"w","pid":1}']
)
async def test_whoever_does_not_introduce_itself_is_closed(
    pool: PoolHarness, http: aiohttp.ClientSession, first: str
) -> None:
    socket = await http.ws_connect(pool.url, headers={"Authorization": f"Bearer {TOKEN}"})
    await socket.send_str(first)
    message = await socket.receive(timeout=10)
    assert message.type is aiohttp.WSMsgType.CLOSE
    assert pool.workers.all() == []


async def test_calls_go_to_the_least_loaded_worker_until_all_are_full(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    with pytest.raises(NoWorker):
        pool.workers.assign("c0")
    sockets = [await join(pool, http, "w1", capacity=1), await join(pool, http, "w2", pid=2, capacity=2)]
    assert [pool.workers.assign(call).name for call in ("c1", "c2", "c3")] == ["w1", "w2", "w2"]
    with pytest.raises(NoWorker):
        pool.workers.assign("c4")
    pool.workers.release("c1")
    assert pool.workers.assign("c4").name == "w1"
    assert not any(socket.closed for socket in sockets)


async def test_a_worker_that_is_to_end_gets_no_further_call(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    """By our wish, or by its own: somebody has sent it SIGTERM."""
    first, second = await join(pool, http, "w1"), await join(pool, http, "w2", pid=2)
    await pool.workers.retire("w1", 30)
    told = contract.decode_command(await first.receive_str(timeout=10))
    assert told == contract.Drain(seconds=30)
    assert [pool.workers.assign(call).name for call in ("c1", "c2")] == ["w2", "w2"]
    pool.workers.release("c2")
    await second.send_str(contract.encode(contract.Heartbeat(load=contract.Load(draining=True))))
    await second.send_str(contract.encode(contract.Ready(call="c1", model="m", session="s", took_ms=1)))
    await pool.hear()
    with pytest.raises(NoWorker):
        pool.workers.assign("c2")
    with pytest.raises(UnknownWorker):
        await pool.workers.retire("w3", 30)


async def test_a_silent_worker_is_given_up_and_told_so_if_it_goes_on(
    pool: PoolHarness, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.workers.pool.SILENT", 0.3)
    monkeypatch.setattr("controller.workers.pool.CHECK_EVERY", 0.05)
    socket = await join(pool, http)
    pool.workers.assign("c1")
    watch = asyncio.create_task(pool.workers.watch())
    await pool.hear()
    watch.cancel()
    assert (pool.lost, pool.workers.all()) == (["c1"], [])
    await socket.send_str(contract.encode(contract.Heartbeat(load=contract.Load())))
    assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
    again = await join(pool, http, calls=("c1",))
    told = contract.decode_command(await again.receive_str(timeout=10))
    assert isinstance(told, contract.Close)


async def test_commands_reach_the_worker_of_the_call_and_its_events_come_back(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    socket = await join(pool, http)
    pool.workers.assign("c1")
    await pool.workers.send("c1", contract.Prepare(call="c1", spec=SPEC))
    prepared = contract.decode_command(await socket.receive_str(timeout=10))
    assert isinstance(prepared, contract.Prepare)
    assert prepared.spec.provider.api_key.get_secret_value() == "sk-test"
    assert "sk-test" not in repr(prepared)
    ready = contract.Ready(call="c1", model="m", session="s", took_ms=5)
    await socket.send_str(contract.encode(contract.Ready(call="not-its-own", model="m", session="s", took_ms=5)))
    await socket.send_str(contract.encode(ready))
    await pool.hear()
    assert pool.events == [ready]


async def test_what_is_told_twice_counts_once(
    pool: PoolHarness, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Around a break a worker does not know what arrived, and tells it again; another process counts from one."""

    async def tell(socket: aiohttp.ClientWebSocketResponse, *keys: tuple[int, str]) -> None:
        for number, digit in keys:
            await socket.send_str(contract.encode_numbered(number, contract.DigitPressed(call="a", digit=digit)))

    async def heard(digits: str) -> None:
        while [event.digit for event in pool.events if isinstance(event, contract.DigitPressed)] != list(digits):
            await pool.hear()

    first = await join(pool, http)
    pool.workers.assign("a")
    await tell(first, (1, "1"), (2, "2"))
    await heard("12")
    await first.close()
    await pool.changed()
    again = await join(pool, http, calls=("a",))
    await tell(again, (2, "2"), (3, "3"))
    await heard("123")
    monkeypatch.setattr("controller.workers.pool.SILENT", 0.1)
    successor = await join(pool, http, pid=2)
    assert pool.lost == ["a"]
    pool.workers.assign("a")
    await tell(successor, (1, "4"))
    await heard("1234")


async def test_a_worker_that_returns_in_time_keeps_its_calls(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    socket = await join(pool, http)
    pool.workers.assign("c1")
    await socket.close()
    await pool.changed()
    await pool.workers.send("c1", contract.Greet(call="c1"))
    await pool.workers.send("c1", contract.Close(call="c1", reason="over"))
    with pytest.raises(WorkerUnreachable):
        await pool.workers.send("c2", contract.Greet(call="c2"))
    with pytest.raises(NoWorker):
        pool.workers.assign("c2")
    again = await join(pool, http, calls=("c1", "forgotten"))
    stray = contract.decode_command(await again.receive_str(timeout=10))
    assert stray == contract.Close(call="forgotten", reason="unknown to the controller")
    await pool.workers.send("c1", contract.Hold(call="c1", on=True))
    for command in (
        contract.Greet(call="c1"),
        contract.Close(call="c1", reason="over"),
        contract.Hold(call="c1", on=True),
    ):
        assert contract.decode_command(await again.receive_str(timeout=10)) == command
    assert pool.lost == []


async def test_what_was_kept_for_a_call_that_is_over_is_not_told(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    socket = await join(pool, http)
    pool.workers.assign("c1")
    pool.workers.assign("c2")
    await socket.close()
    await pool.changed()
    await pool.workers.send("c1", contract.Greet(call="c1"))
    await pool.workers.send("c2", contract.Greet(call="c2"))
    pool.workers.release("c1")
    again = await join(pool, http, calls=("c2",))
    assert contract.decode_command(await again.receive_str(timeout=10)) == contract.Greet(call="c2")


async def test_what_ended_while_the_link_was_down_is_told(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    socket = await join(pool, http)
    pool.workers.assign("c1")
    await socket.close()
    await pool.changed()
    await join(pool, http, calls=())
    assert pool.lost == ["c1"]


@pytest.mark.parametrize("how", ["stays away", "new process"])
async def test_the_calls_of_a_lost_worker_are_told(
    pool: PoolHarness, http: aiohttp.ClientSession, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.workers.pool.RETURN_GRACE", 0.05)
    monkeypatch.setattr("controller.workers.pool.SILENT", 0.1)
    socket = await join(pool, http)
    pool.workers.assign("c1")
    pool.workers.assign("c2")
    if how == "stays away":
        await socket.close()
        await pool.hear()
    else:
        await join(pool, http, pid=99)
    assert sorted(pool.lost) == ["c1", "c2"]
    assert pool.workers.of("c1") is None


async def test_a_worker_that_was_lost_is_expected_back(
    pool: PoolHarness, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pool.workers.returning(), "they are just being started, or come back to a new controller"
    with monkeypatch.context() as later:
        later.setattr("controller.workers.pool.RESTART", 0.0)
        assert not pool.workers.returning(), "there never was one"
    await join(pool, http)
    await join(pool, http, "w2", pid=2)
    pool.workers.lost("w1", "killed")
    assert not pool.workers.returning(), "another one is up"
    other = pool.workers.all()[0]
    other.overloaded = True
    assert pool.workers.returning(), "the other one is late"
    other.overloaded = False
    pool.workers.lost("w2", "killed")
    assert pool.workers.returning()
    await pool.changed()
    await join(pool, http, pid=3)
    assert not pool.workers.returning()


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


TOOL = '[%d,{"type":"tool_called","call":"c1","tool_call":"t","name":"n","arguments":%s}]'


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ('{"type":"explode"}', "explode"),
        ("no JSON", ""),
        ("[" * 100_000, ""),
        ("[7]", ""),
        ('[7,{"type":"said","call":"c1"}]', "said"),
        ('[7,{"type":"said","call":"c1","who":"agent","text":"\\ud83d","item":"i"}]', "said"),
        (TOOL % (7, deep(210)), "tool_called"),
        (TOOL % (7, deep(100_000)), "tool_called"),
        ('{"type":"heartbeat","load":{"busy":NaN}}', "heartbeat"),
        ('{"type":"live_report","calls":[{}]}', "live_report"),
    ],
)
async def test_an_event_that_cannot_be_read_is_dropped_and_the_link_goes_on(
    pool: PoolHarness, http: aiohttp.ClientSession, frame: str, kind: str
) -> None:
    socket = await join(pool, http, "w1")
    pool.workers.assign("c1")
    await socket.send_str(frame)
    await socket.send_str(contract.encode(contract.Heartbeat(load=contract.Load(sessions=7))))
    await socket.send_str(contract.encode_numbered(8, contract.MediaConnected(call="c1")))
    await pool.hear()
    worker = pool.workers.get("w1")
    assert worker is not None
    assert worker.load.sessions == 7
    assert [event.type for event in pool.events] == ["media_connected"]
    assert pool.refused == [kind]
    assert pool.lost == []
    assert not socket.closed


async def test_what_was_refused_is_not_asked_for_again(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    """The worker tells it once more on its next link, because it does not know that we had it."""
    socket = await join(pool, http, "w1")
    pool.workers.assign("c1")
    for _ in range(2):
        await socket.send_str(TOOL % (7, deep(210)))
        await socket.send_str(contract.encode_numbered(8, contract.MediaConnected(call="c1")))
        await pool.hear() if not pool.events else None
        await socket.close()
        socket = await join(pool, http, "w1", calls=("c1",))
    await socket.send_str(contract.encode_numbered(9, contract.MediaGone(call="c1", reason="r")))
    await pool.hear()
    assert [event.type for event in pool.events] == ["media_connected", "media_gone"]
    assert pool.refused == ["tool_called"]


@pytest.mark.parametrize("fault", ["unreadable", "an internal error"])
async def test_a_call_that_cannot_do_without_the_event_is_closed(
    pool: PoolHarness, http: aiohttp.ClientSession, fault: str
) -> None:
    socket = await join(pool, http, "w1")
    pool.workers.assign("c1"), pool.workers.assign("c2")
    pool.fails = fault != "unreadable"
    took = '"long"' if fault == "unreadable" else "1"
    await socket.send_str(f'[1,{{"type":"ready","call":"c1","model":"m","session":"s","took_ms":{took}}}]')
    told = contract.decode_command(await socket.receive_str(timeout=10))
    assert isinstance(told, contract.Close)
    assert told.call == "c1"
    pool.fails = False
    await socket.send_str(contract.encode_numbered(2, contract.MediaConnected(call="c2")))
    await pool.hear()
    assert [event.call for event in pool.events] == ["c2"]
    assert pool.refused == ["ready"]


@pytest.mark.parametrize("fault", ["unreadable", "an internal error"])
async def test_an_end_that_cannot_be_taken_ends_the_session_all_the_same(
    pool: PoolHarness, http: aiohttp.ClientSession, fault: str
) -> None:
    socket = await join(pool, http, "w1")
    pool.workers.assign("c1")
    pool.fails = fault != "unreadable"
    reason = "1" if fault == "unreadable" else '"r"'
    await socket.send_str(f'[1,{{"type":"ended","call":"c1","reason":{reason}}}]')
    await pool.hear()
    assert pool.lost == ["c1"]
    assert pool.workers.of("c1") is None


async def test_a_command_is_told_whatever_texts_are_in_it_and_one_that_is_too_large_is_not(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    socket = await join(pool, http, "w1")
    pool.workers.assign("c1")
    with pytest.raises(WorkerUnreachable, match="larger"):
        await pool.workers.send("c1", contract.AddMessage(call="c1", text="x" * contract.MAX_COMMAND_BYTES))
    await pool.workers.send("c1", contract.Speak(call="c1", text="a\ud83d\0"))
    told = contract.decode_command(await socket.receive_str(timeout=10))
    assert isinstance(told, contract.Speak)
    assert told.text == "a\ufffd\ufffd"


@pytest.mark.parametrize("shown", [b"Bearer \xff\xfe", b"Bearer \xc3", b"\x80"])
async def test_a_token_that_is_no_text_is_a_wrong_one(pool: PoolHarness, shown: bytes) -> None:
    url = urlsplit(pool.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"GET /link HTTP/1.1\r\nHost: x\r\nAuthorization: " + shown + b"\r\n\r\n")
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.close()
    assert status.split()[1] == b"401"


async def test_a_worker_is_told_how_long_recordings_are_kept(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    socket = await http.ws_connect(pool.url, headers={"Authorization": f"Bearer {TOKEN}"})
    hello = contract.Hello(worker="w1", boot="b" * 32, pid=1, host="127.0.0.1", port=9092, capacity=1)
    await socket.send_str(contract.encode(hello))
    welcome = contract.decode_command(await socket.receive_str(timeout=10))
    assert welcome == contract.Welcome(retention=KEPT)
