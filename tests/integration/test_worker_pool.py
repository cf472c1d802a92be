"""The controller's end of the control link, with workers played by a websocket client on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from bridge import contract
from controller.workers import pool, pool as workers
from controller.workers.pool import WorkerPool
from controller.workers.worker import NoWorker, UnknownWorker, WorkerUnreachable
from controller.workers.worker_admission import WorkerAdmission

TOKEN = "a-long-enough-token"
SPEC = contract.SessionSpec(
    agent="reception",
    provider=contract.Provider(url="ws://127.0.0.1:1/v1", api_key="sk-test"),
    instructions="Be kind.",
)
KEPT = (contract.Retention(path="/srv/calls", keep_days=30),)


@dataclass
class Rig:
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
            raise RuntimeError("an error of ours")
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
async def listening(rig: Rig) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_get(contract.LINK_PATH, rig.workers.endpoint)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    rig.url = f"http://127.0.0.1:{runner.addresses[0][1]}{contract.LINK_PATH}"
    yield
    rig.workers.close()
    await runner.cleanup()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    async with listening(rig):
        yield rig


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def join(
    rig: Rig,
    http: aiohttp.ClientSession,
    name: str = "w1",
    pid: int = 1,
    capacity: int = 2,
    calls: tuple[str, ...] = (),
    boot: str = "",
) -> aiohttp.ClientWebSocketResponse:
    socket = await http.ws_connect(rig.url, headers={"Authorization": f"Bearer {TOKEN}"})
    boot = boot or f"the-boot-of-process-{pid}"
    hello = contract.Hello(worker=name, boot=boot, pid=pid, host="127.0.0.1", port=9092, capacity=capacity, calls=calls)
    await socket.send_str(contract.encode(hello))
    assert isinstance(contract.decode_command(await socket.receive_str(timeout=10)), contract.Welcome)
    await rig.changed()
    return socket


async def test_a_wrong_token_gets_no_socket(rig: Rig, http: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(rig.url, headers={"Authorization": "Bearer wrong"})
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "first", ["", "{}", '{"type":"heartbeat","load":{}}', '{"type":"hello","version":99,"worker":"w","pid":1}']
)
async def test_whoever_does_not_introduce_itself_is_closed(rig: Rig, http: aiohttp.ClientSession, first: str) -> None:
    socket = await http.ws_connect(rig.url, headers={"Authorization": f"Bearer {TOKEN}"})
    await socket.send_str(first)
    message = await socket.receive(timeout=10)
    assert message.type is aiohttp.WSMsgType.CLOSE
    assert rig.workers.all() == []


async def test_calls_go_to_the_least_loaded_worker_until_all_are_full(rig: Rig, http: aiohttp.ClientSession) -> None:
    with pytest.raises(NoWorker):
        rig.workers.assign("c0")
    sockets = [await join(rig, http, "w1", capacity=1), await join(rig, http, "w2", pid=2, capacity=2)]
    assert [rig.workers.assign(call).name for call in ("c1", "c2", "c3")] == ["w1", "w2", "w2"]
    with pytest.raises(NoWorker):
        rig.workers.assign("c4")
    rig.workers.release("c1")
    assert rig.workers.assign("c4").name == "w1"
    assert not any(socket.closed for socket in sockets)


async def test_a_worker_that_is_to_end_gets_no_further_call(rig: Rig, http: aiohttp.ClientSession) -> None:
    """By our wish, or by its own: somebody has sent it SIGTERM."""
    first, second = await join(rig, http, "w1"), await join(rig, http, "w2", pid=2)
    await rig.workers.retire("w1", 30)
    told = contract.decode_command(await first.receive_str(timeout=10))
    assert told == contract.Drain(seconds=30)
    assert [rig.workers.assign(call).name for call in ("c1", "c2")] == ["w2", "w2"]
    rig.workers.release("c2")
    await second.send_str(contract.encode(contract.Heartbeat(load=contract.Load(draining=True))))
    await second.send_str(contract.encode(contract.Ready(call="c1", model="m", session="s", took_ms=1)))
    await rig.hear()
    with pytest.raises(NoWorker):
        rig.workers.assign("c2")
    with pytest.raises(UnknownWorker):
        await rig.workers.retire("w3", 30)


async def test_a_silent_worker_is_given_up_and_told_so_if_it_goes_on(
    rig: Rig, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SILENT", 0.3)
    monkeypatch.setattr(workers, "CHECK_EVERY", 0.05)
    socket = await join(rig, http)
    rig.workers.assign("c1")
    watch = asyncio.create_task(rig.workers.watch())
    await rig.hear()
    watch.cancel()
    assert (rig.lost, rig.workers.all()) == (["c1"], [])
    await socket.send_str(contract.encode(contract.Heartbeat(load=contract.Load())))
    assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
    again = await join(rig, http, calls=("c1",))
    told = contract.decode_command(await again.receive_str(timeout=10))
    assert isinstance(told, contract.Close)


async def test_commands_reach_the_worker_of_the_call_and_its_events_come_back(
    rig: Rig, http: aiohttp.ClientSession
) -> None:
    socket = await join(rig, http)
    rig.workers.assign("c1")
    await rig.workers.send("c1", contract.Prepare(call="c1", spec=SPEC))
    prepared = contract.decode_command(await socket.receive_str(timeout=10))
    assert isinstance(prepared, contract.Prepare)
    assert prepared.spec.provider.api_key.get_secret_value() == "sk-test"
    assert "sk-test" not in repr(prepared)
    ready = contract.Ready(call="c1", model="m", session="s", took_ms=5)
    await socket.send_str(contract.encode(contract.Ready(call="not-its-own", model="m", session="s", took_ms=5)))
    await socket.send_str(contract.encode(ready))
    await rig.hear()
    assert rig.events == [ready]


async def test_what_is_told_twice_counts_once(
    rig: Rig, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Around a break a worker does not know what arrived, and tells it again; another process counts from one."""

    async def tell(socket: aiohttp.ClientWebSocketResponse, *keys: tuple[int, str]) -> None:
        for number, digit in keys:
            await socket.send_str(contract.encode_numbered(number, contract.DigitPressed(call="a", digit=digit)))

    async def heard(digits: str) -> None:
        while [event.digit for event in rig.events if isinstance(event, contract.DigitPressed)] != list(digits):
            await rig.hear()

    first = await join(rig, http)
    rig.workers.assign("a")
    await tell(first, (1, "1"), (2, "2"))
    await heard("12")
    await first.close()
    await rig.changed()
    again = await join(rig, http, calls=("a",))
    await tell(again, (2, "2"), (3, "3"))
    await heard("123")
    monkeypatch.setattr(pool, "SILENT", 0.1)
    successor = await join(rig, http, pid=2)
    assert rig.lost == ["a"]
    rig.workers.assign("a")
    await tell(successor, (1, "4"))
    await heard("1234")


async def test_a_worker_that_returns_in_time_keeps_its_calls(rig: Rig, http: aiohttp.ClientSession) -> None:
    socket = await join(rig, http)
    rig.workers.assign("c1")
    await socket.close()
    await rig.changed()
    await rig.workers.send("c1", contract.Greet(call="c1"))
    await rig.workers.send("c1", contract.Close(call="c1", reason="over"))
    with pytest.raises(WorkerUnreachable):
        await rig.workers.send("c2", contract.Greet(call="c2"))
    with pytest.raises(NoWorker):
        rig.workers.assign("c2")
    again = await join(rig, http, calls=("c1", "forgotten"))
    stray = contract.decode_command(await again.receive_str(timeout=10))
    assert stray == contract.Close(call="forgotten", reason="unknown to the controller")
    await rig.workers.send("c1", contract.Hold(call="c1", on=True))
    for command in (
        contract.Greet(call="c1"),
        contract.Close(call="c1", reason="over"),
        contract.Hold(call="c1", on=True),
    ):
        assert contract.decode_command(await again.receive_str(timeout=10)) == command
    assert rig.lost == []


async def test_what_was_kept_for_a_call_that_is_over_is_not_told(rig: Rig, http: aiohttp.ClientSession) -> None:
    socket = await join(rig, http)
    rig.workers.assign("c1")
    rig.workers.assign("c2")
    await socket.close()
    await rig.changed()
    await rig.workers.send("c1", contract.Greet(call="c1"))
    await rig.workers.send("c2", contract.Greet(call="c2"))
    rig.workers.release("c1")
    again = await join(rig, http, calls=("c2",))
    assert contract.decode_command(await again.receive_str(timeout=10)) == contract.Greet(call="c2")


async def test_what_ended_while_the_link_was_down_is_told(rig: Rig, http: aiohttp.ClientSession) -> None:
    socket = await join(rig, http)
    rig.workers.assign("c1")
    await socket.close()
    await rig.changed()
    await join(rig, http, calls=())
    assert rig.lost == ["c1"]


@pytest.mark.parametrize("how", ["stays away", "new process"])
async def test_the_calls_of_a_lost_worker_are_told(
    rig: Rig, http: aiohttp.ClientSession, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "RETURN_GRACE", 0.05)
    monkeypatch.setattr(pool, "SILENT", 0.1)
    socket = await join(rig, http)
    rig.workers.assign("c1")
    rig.workers.assign("c2")
    if how == "stays away":
        await socket.close()
        await rig.hear()
    else:
        await join(rig, http, pid=99)
    assert sorted(rig.lost) == ["c1", "c2"]
    assert rig.workers.of("c1") is None


async def test_a_worker_that_was_lost_is_expected_back(
    rig: Rig, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rig.workers.returning(), "they are just being started, or come back to a new controller"
    with monkeypatch.context() as later:
        later.setattr(pool, "RESTART", 0.0)
        assert not rig.workers.returning(), "there never was one"
    await join(rig, http)
    await join(rig, http, "w2", pid=2)
    rig.workers.lost("w1", "killed")
    assert not rig.workers.returning(), "another one is up"
    other = rig.workers.all()[0]
    other.overloaded = True
    assert rig.workers.returning(), "the other one is late"
    other.overloaded = False
    rig.workers.lost("w2", "killed")
    assert rig.workers.returning()
    await rig.changed()
    await join(rig, http, pid=3)
    assert not rig.workers.returning()


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
    rig: Rig, http: aiohttp.ClientSession, frame: str, kind: str
) -> None:
    socket = await join(rig, http, "w1")
    rig.workers.assign("c1")
    await socket.send_str(frame)
    await socket.send_str(contract.encode(contract.Heartbeat(load=contract.Load(sessions=7))))
    await socket.send_str(contract.encode_numbered(8, contract.MediaConnected(call="c1")))
    await rig.hear()
    worker = rig.workers.get("w1")
    assert worker is not None
    assert worker.load.sessions == 7
    assert [event.type for event in rig.events] == ["media_connected"]
    assert rig.refused == [kind]
    assert rig.lost == []
    assert not socket.closed


async def test_what_was_refused_is_not_asked_for_again(rig: Rig, http: aiohttp.ClientSession) -> None:
    """The worker tells it once more on its next link, because it does not know that we had it."""
    socket = await join(rig, http, "w1")
    rig.workers.assign("c1")
    for _ in range(2):
        await socket.send_str(TOOL % (7, deep(210)))
        await socket.send_str(contract.encode_numbered(8, contract.MediaConnected(call="c1")))
        await rig.hear() if not rig.events else None
        await socket.close()
        socket = await join(rig, http, "w1", calls=("c1",))
    await socket.send_str(contract.encode_numbered(9, contract.MediaGone(call="c1", reason="r")))
    await rig.hear()
    assert [event.type for event in rig.events] == ["media_connected", "media_gone"]
    assert rig.refused == ["tool_called"]


@pytest.mark.parametrize("fault", ["unreadable", "an error of ours"])
async def test_a_call_that_cannot_do_without_the_event_is_closed(
    rig: Rig, http: aiohttp.ClientSession, fault: str
) -> None:
    socket = await join(rig, http, "w1")
    rig.workers.assign("c1"), rig.workers.assign("c2")
    rig.fails = fault != "unreadable"
    took = '"long"' if fault == "unreadable" else "1"
    await socket.send_str(f'[1,{{"type":"ready","call":"c1","model":"m","session":"s","took_ms":{took}}}]')
    told = contract.decode_command(await socket.receive_str(timeout=10))
    assert isinstance(told, contract.Close)
    assert told.call == "c1"
    rig.fails = False
    await socket.send_str(contract.encode_numbered(2, contract.MediaConnected(call="c2")))
    await rig.hear()
    assert [event.call for event in rig.events] == ["c2"]
    assert rig.refused == ["ready"]


@pytest.mark.parametrize("fault", ["unreadable", "an error of ours"])
async def test_an_end_that_cannot_be_taken_ends_the_session_all_the_same(
    rig: Rig, http: aiohttp.ClientSession, fault: str
) -> None:
    socket = await join(rig, http, "w1")
    rig.workers.assign("c1")
    rig.fails = fault != "unreadable"
    more = ',"why":1' if fault == "unreadable" else ""
    await socket.send_str(f'[1,{{"type":"ended","call":"c1","reason":"r"{more}}}]')
    await rig.hear()
    assert rig.lost == ["c1"]
    assert rig.workers.of("c1") is None


async def test_a_command_is_told_whatever_texts_are_in_it_and_one_that_is_too_large_is_not(
    rig: Rig, http: aiohttp.ClientSession
) -> None:
    socket = await join(rig, http, "w1")
    rig.workers.assign("c1")
    with pytest.raises(WorkerUnreachable, match="larger"):
        await rig.workers.send("c1", contract.AddMessage(call="c1", text="x" * contract.MAX_COMMAND_BYTES))
    await rig.workers.send("c1", contract.Speak(call="c1", text="a\ud83d\0"))
    told = contract.decode_command(await socket.receive_str(timeout=10))
    assert isinstance(told, contract.Speak)
    assert told.text == "a\ufffd\ufffd"


@pytest.mark.parametrize("shown", [b"Bearer \xff\xfe", b"Bearer \xc3", b"\x80"])
async def test_a_token_that_is_no_text_is_a_wrong_one(rig: Rig, shown: bytes) -> None:
    url = urlsplit(rig.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"GET /link HTTP/1.1\r\nHost: x\r\nAuthorization: " + shown + b"\r\n\r\n")
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.close()
    assert status.split()[1] == b"401"


async def test_a_worker_is_told_how_long_recordings_are_kept(rig: Rig, http: aiohttp.ClientSession) -> None:
    socket = await http.ws_connect(rig.url, headers={"Authorization": f"Bearer {TOKEN}"})
    hello = contract.Hello(worker="w1", boot="b" * 32, pid=1, host="127.0.0.1", port=9092, capacity=1)
    await socket.send_str(contract.encode(hello))
    welcome = contract.decode_command(await socket.receive_str(timeout=10))
    assert welcome == contract.Welcome(retention=KEPT)
