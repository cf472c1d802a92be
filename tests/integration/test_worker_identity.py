"""Who a worker is, on a real link: one that comes back in another process, two of one name, and who may have which."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from bridge import contract
from controller.config.models.bridge import Bridge
from controller.workers import worker_admission
from controller.workers.pool import WorkerPool
from controller.workers.token_exchange import exchange_tokens
from controller.workers.worker_admission import WorkerAdmission, digest
from tests.integration.test_worker_pool import PoolHarness, http as http, join, listening

SHARED = "the-token-that-all-share"
OWN = "the-token-of-edge-1"
CLOSE = aiohttp.WSMsgType.CLOSE


@asynccontextmanager
async def door(admission: WorkerAdmission) -> AsyncIterator[PoolHarness]:
    pool = PoolHarness()
    pool.workers = WorkerPool(admission, pool._event, pool._lost)
    async with listening(pool):
        yield pool


@pytest.fixture
async def pool() -> AsyncIterator[PoolHarness]:
    async with door(WorkerAdmission("secret", shared="a-long-enough-token")) as pool:
        yield pool


async def said(pool: PoolHarness, http: aiohttp.ClientSession, token: str, name: str, host: str = "127.0.0.1") -> str:
    """How a worker that says this is received: "welcome", or why not."""
    socket = await http.ws_connect(pool.url, headers={"Authorization": f"Bearer {token}"})
    hello = contract.Hello(worker=name, boot=f"the-boot-id-of-{name}", pid=1, host=host, port=9092, capacity=1)
    await socket.send_str(contract.encode(hello))
    message = await socket.receive(timeout=10)
    await socket.close()
    return "welcome" if message.type is aiohttp.WSMsgType.TEXT else str(message.extra)


async def tell(socket: aiohttp.ClientWebSocketResponse, number: int, digit: str, call: str = "a") -> None:
    await socket.send_str(contract.encode_numbered(number, contract.DigitPressed(call=call, digit=digit)))


# ---------------------------------------------------------------- a new process


async def test_a_container_that_is_back_at_once_is_a_new_worker(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    """The same name and process id, within the grace of a link that broke; its numbers begin anew."""
    first = await join(pool, http, capacity=1)
    pool.workers.assign("a")
    await tell(first, 5000, "1")
    await pool.hear()
    await first.send_str(contract.encode(contract.Heartbeat(load=contract.Load(lateness_p99_ms=90, busy=1.0))))
    await first.close()
    await pool.changed()
    socket = await http.ws_connect(pool.url, headers={"Authorization": "Bearer a-long-enough-token"})
    hello = contract.Hello(
        worker="w1", boot="another-boot-id-of-it", pid=1, host="127.0.0.1", port=9093, capacity=7, calls=()
    )
    await socket.send_str(contract.encode(hello))
    assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT
    await pool.changed()
    assert pool.lost == ["a"], "its calls are another worker's from now on"
    worker = pool.workers.assign("b")
    assert (worker.port, worker.capacity, worker.load_score) == (9093, 7, 0)
    pool.told.clear()
    await tell(socket, 1, "2", "b")
    await pool.hear()
    assert [event.digit for event in pool.events if isinstance(event, contract.DigitPressed)] == ["1", "2"]


async def test_the_same_process_may_have_moved(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    first = await join(pool, http, capacity=1)
    known = pool.workers.assign("a")
    known.media.call_failed("refused", 0)
    await first.close()
    await pool.changed()
    await join(pool, http, capacity=9, calls=("a",))
    assert (pool.workers.of("a"), known.capacity, known.media.reached) == (known, 9, False)
    socket = await http.ws_connect(pool.url, headers={"Authorization": "Bearer a-long-enough-token"})
    hello = contract.Hello(worker="w1", boot=known.boot, pid=1, host="127.0.0.1", port=9099, capacity=9, calls=("a",))
    await socket.send_str(contract.encode(hello))
    while known.port != 9099:
        await pool.changed()
    assert (pool.workers.of("a"), known.port, known.media.reached, pool.lost) == (known, 9099, True, [])


async def test_a_second_worker_of_a_name_that_lives_is_refused(pool: PoolHarness, http: aiohttp.ClientSession) -> None:
    first = await join(pool, http)
    pool.workers.assign("a")

    async def beat() -> None:
        while True:
            await first.send_str(contract.encode(contract.Heartbeat(load=contract.Load())))
            await asyncio.sleep(0.05)

    beating = asyncio.create_task(beat())
    try:
        assert "another worker named w1 is up" in await said(pool, http, "a-long-enough-token", "w1")
    finally:
        beating.cancel()
    assert (pool.lost, len(pool.workers.all())) == ([], 1)
    await first.close()
    await pool.changed()
    assert await said(pool, http, "a-long-enough-token", "w1") == "welcome"
    assert pool.lost == ["a"]


async def test_one_that_is_silent_makes_room_for_its_successor(
    pool: PoolHarness, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has lost its power closes no connection."""
    monkeypatch.setattr("controller.workers.pool.SILENT", 0.1)
    await join(pool, http)
    pool.workers.assign("a")
    assert await said(pool, http, "a-long-enough-token", "w1") == "welcome"
    assert pool.lost == ["a"]


# ---------------------------------------------------------------- tokens


async def test_a_token_lets_in_its_own_worker_only(http: aiohttp.ClientSession) -> None:
    admission = WorkerAdmission("secret", tokens=[("edge-1", digest(OWN))], shared=SHARED)
    admission.local_names = frozenset({"w1"})
    async with door(admission) as pool:
        assert await said(pool, http, OWN, "edge-1") == "welcome"
        assert "--name edge-1" in await said(pool, http, OWN, "edge-2")
        assert await said(pool, http, SHARED, "edge-2") == "welcome"
        assert "belongs to another worker" in await said(pool, http, SHARED, "edge-1")
        assert "belongs to another worker" in await said(pool, http, SHARED, "w1")
        assert await said(pool, http, admission.local_token("w1"), "w1", "192.0.2.1") == "welcome"
        assert "--name w1" in await said(pool, http, admission.local_token("w1"), "w2")


async def test_a_token_that_is_taken_back_is_no_token_at_once(http: aiohttp.ClientSession) -> None:
    """One alone. Its worker is given up, and others get its calls."""
    hashes = {name: {"name": name, "token_sha256": digest(f"{OWN}-{name}").hex()} for name in ("edge-1", "edge-2")}
    before = Bridge.model_validate({"tokens": list(hashes.values()), "token": SHARED})
    admission = worker_admission.of(before, "secret")
    async with door(admission) as pool:
        sockets = {name: await entered(pool, http, f"{OWN}-{name}", name) for name in hashes}
        sockets["any"] = await entered(pool, http, SHARED, "any")
        sockets["w1"] = await entered(pool, http, admission.local_token("w1"), "w1")
        for call in "abcd":
            pool.workers.assign(call)
        (hers,) = (each.calls for each in pool.workers.all() if each.name == "edge-1")
        expected = sorted(hers)
        after = Bridge.model_validate({"tokens": [hashes["edge-2"]], "token": SHARED})
        await exchange_tokens(pool.workers, admission, before, after)
        assert pool.lost == expected
        assert sorted(each.name for each in pool.workers.all()) == ["any", "edge-2", "w1"]
        closed = await sockets["edge-1"].receive(timeout=10)
        assert (closed.type, closed.extra) == (CLOSE, "its token was taken back")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await said(pool, http, f"{OWN}-edge-1", "edge-1")
        await exchange_tokens(pool.workers, admission, after, Bridge.model_validate({"tokens": [hashes["edge-2"]]}))
        assert sorted(each.name for each in pool.workers.all()) == ["edge-2", "w1"]


async def entered(
    pool: PoolHarness, http: aiohttp.ClientSession, token: str, name: str
) -> aiohttp.ClientWebSocketResponse:
    socket = await http.ws_connect(pool.url, headers={"Authorization": f"Bearer {token}"})
    hello = contract.Hello(worker=name, boot=f"the-boot-id-of-{name}", pid=1, host="127.0.0.1", port=9092, capacity=1)
    await socket.send_str(contract.encode(hello))
    assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT
    await pool.changed()
    return socket


@pytest.mark.parametrize(
    "token", ["wrong", "", "w1:", "w1:00ff", ":", OWN + "x", OWN.upper(), "caf\u00e9", "\udcff\udcfe", "x" * 5000]
)
async def test_a_token_that_is_none_gets_no_socket(http: aiohttp.ClientSession, token: str) -> None:
    async with door(WorkerAdmission("secret", tokens=[("edge-1", digest(OWN))])) as pool:
        host, _, port = pool.url.removeprefix("http://").partition("/")[0].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"GET {contract.LINK_PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        head += "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        head += "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        writer.write(head.encode("utf-8", "surrogateescape"))
        assert (await reader.readline()).split()[1] == b"401"
        writer.close()


async def test_guesses_are_slowed_down_and_a_known_worker_is_not(http: aiohttp.ClientSession) -> None:
    async with door(WorkerAdmission("secret", tokens=[("edge-1", digest(OWN))])) as pool:
        assert await said(pool, http, OWN, "edge-1") == "welcome"
        answers = []
        for guess in range(30):
            async with http.get(pool.url, headers={"Authorization": f"Bearer guess-{guess}"}) as answer:
                answers.append(answer.status)
        assert set(answers[:20]) == {401}
        assert answers[-1] == 429
        assert await said(pool, http, OWN, "edge-1") == "welcome"


# ---------------------------------------------------------------- where Asterisk is sent to


@pytest.mark.parametrize(
    ("host", "allowed", "welcome"),
    [
        ("127.0.0.1", (), True),
        ("::ffff:127.0.0.1", (), True),
        ("10.0.0.9", (), False),
        ("evil.example", (), False),
        ("10.0.0.9", ("10.0.0.0/24",), True),
        ("10.0.1.9", ("10.0.0.0/24",), False),
        ("10.0.0.9", ("10.0.0.9",), True),
        ("Media.Example", ("media.example",), True),
        ("media.example.evil", ("media.example",), False),
        ("fd00::9", ("fd00::/64", "10.0.0.0/8"), True),
    ],
)
async def test_a_worker_sends_asterisk_to_itself_or_where_the_config_says(
    http: aiohttp.ClientSession, host: str, allowed: tuple[str, ...], welcome: bool
) -> None:
    async with door(WorkerAdmission("secret", shared=SHARED, allowed_hosts=allowed)) as pool:
        answer = await said(pool, http, SHARED, "edge-1", host)
        assert (answer == "welcome") is welcome
        assert welcome or "bridge.allowed_hosts" in answer


@pytest.mark.parametrize(
    "wrong", [{"worker": "a b"}, {"worker": ""}, {"boot": ""}, {"port": 0}, {"capacity": 0}, {"host": ""}]
)
async def test_nonsense_in_a_hello_is_no_worker(
    pool: PoolHarness, http: aiohttp.ClientSession, wrong: dict[str, object]
) -> None:
    hello = contract.Hello(worker="w1", boot="b" * 32, pid=1, host="127.0.0.1", port=9092, capacity=1)
    socket = await http.ws_connect(pool.url, headers={"Authorization": "Bearer a-long-enough-token"})
    await socket.send_str(contract.encode(hello.model_copy(update=wrong)))
    assert (await socket.receive(timeout=10)).type is CLOSE
    assert pool.workers.all() == []


# ---------------------------------------------------------------- whose calls


async def test_a_call_of_an_earlier_controller_is_believed_to_the_process_that_had_it(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    """Another one, whose token is good, says that it has it, and speaks of it: it could end it, or send it anywhere."""
    pool.workers.expect("a", "the-boot-of-process-1")
    pool.workers.expect("b")
    other = await join(pool, http, "other", 2, calls=("a", "b"))
    told = contract.decode_command(await other.receive_str(timeout=10))
    assert isinstance(told, contract.Close)
    assert told.call == "a"
    await tell(other, 1, "1", "a")
    await other.send_str('[2,{"type":"ended","call":"a","reason":"r","why":1}]')
    await tell(other, 3, "2", "b")
    await pool.hear()
    assert [event.call for event in pool.events] == ["b"]
    await join(pool, http, "mine", 1, calls=("a",))
    assert [worker.name for call in "ab" if (worker := pool.workers.of(call))] == ["mine", "other"]
    assert pool.lost == []


@pytest.mark.parametrize("fault", [',"why":1', ""])
async def test_the_end_of_another_workers_call_is_no_end(
    pool: PoolHarness, http: aiohttp.ClientSession, fault: str
) -> None:
    """Whether it can be read or not."""
    await join(pool, http, "w1")
    pool.workers.assign("a")
    other = await join(pool, http, "w2", 2)
    pool.workers.assign("b")
    await other.send_str(f'[1,{{"type":"ended","call":"a","reason":"r"{fault}}}]')
    await tell(other, 2, "1", "b")
    await pool.hear()
    assert [event.call for event in pool.events] == ["b"]
    assert pool.lost == []
    worker = pool.workers.of("a")
    assert worker is not None
    assert worker.name == "w1"
