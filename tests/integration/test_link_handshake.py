"""Connections to /link with a wrong token or an odd hello: refused in order, logged, without effect on others."""

import asyncio
import json
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
import pytest
from structlog.testing import capture_logs

from bridge import contract
from controller.workers.pool import WorkerPool
from controller.workers.worker import WorkerUnreachable
from controller.workers.worker_admission import WorkerAdmission
from tests.integration.api_harness import harness
from tests.integration.test_worker_pool import TOKEN, PoolHarness, http, join, pool

__all__ = ["http", "pool"]

HELLO: dict[str, Any] = {
    "type": "hello",
    "version": contract.VERSION,
    "worker": "w9",
    "boot": "b" * 32,
    "pid": 1,
    "host": "127.0.0.1",
    "port": 9092,
    "capacity": 1,
    "calls": [],
}
ODD: list[Any] = [
    HELLO | {"host": "é" * 200},
    HELLO | {"host": "x" + "é" * 200},
    HELLO | {"host": "127.0.0.1\r\nx"},
    HELLO | {"host": "\u202e127.0.0.1"},
    HELLO | {"host": "::ffff:10.0.0.1"},
    HELLO | {"host": "127.0.0.1%lo"},
    HELLO | {"host": "0x7f.1"},
    HELLO | {"worker": "w\n9"},
    HELLO | {"worker": "\u0000"},
    HELLO | {"port": 0},
    HELLO | {"capacity": -1},
    HELLO | {"capacity": 10**30},
    HELLO | {"calls": [None]},
    HELLO | {"calls": "abc"},
    HELLO | {"version": "5"},
    [HELLO],
    {"type": "hello"},
    None,
]
RAW: list[Any] = [
    "[" * 100_000,
    '{"type":"hello","host":"\\ud83d"}',
    b"\xff\xfe",
    b"",
    "x" * (3 * contract.MAX_EVENT_BYTES),
    json.dumps(HELLO | {"calls": ["c" * 1000] * 1000}),
]


@pytest.mark.parametrize("first", [*map(json.dumps, ODD), *RAW[:-1]], ids=lambda first: str(first)[:40])
async def test_an_odd_hello_is_refused_in_order(
    pool: PoolHarness, http: aiohttp.ClientSession, first: str | bytes
) -> None:
    """Each close is one that a websocket library can read."""
    good = await join(pool, http)
    socket = await http.ws_connect(pool.url, headers={"Authorization": f"Bearer {TOKEN}"})
    await (socket.send_bytes(first) if isinstance(first, bytes) else socket.send_str(first))
    async with asyncio.timeout(10):
        message = await socket.receive()
    assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED), message
    assert isinstance(message.extra, str | None)
    assert [each.name for each in pool.workers.all()] == ["w1"]
    await pool.workers.all()[0].tell(contract.Drain(seconds=1))
    assert isinstance(contract.decode_command(await good.receive_str(timeout=10)), contract.Drain)


async def test_calls_that_nobody_knows_are_closed_and_cost_nobody_anything(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    socket = await http.ws_connect(pool.url, headers={"Authorization": f"Bearer {TOKEN}"})
    await socket.send_str(json.dumps(HELLO | {"calls": [f"c{number}" for number in range(1000)]}))
    assert isinstance(contract.decode_command(await socket.receive_str(timeout=10)), contract.Welcome)
    for _ in range(1000):
        assert isinstance(contract.decode_command(await socket.receive_str(timeout=10)), contract.Close)
    assert pool.workers.all()[0].calls == set()


NEWER = f"voiceai-link-{contract.VERSION + 1}"
OLD = contract.OLDEST_VERSION


@pytest.mark.parametrize(
    ("offered", "says", "agreed"),
    [
        (contract.SUBPROTOCOLS, contract.VERSION, contract.VERSION),
        ((NEWER, *contract.SUBPROTOCOLS), contract.VERSION, contract.VERSION),
        (contract.SUBPROTOCOLS[-1:], OLD, OLD),
        (("another", *contract.SUBPROTOCOLS), contract.VERSION, contract.VERSION),
        ((), OLD, OLD),
    ],
    ids=["the same", "newer", "older", "with another", "without"],
)
async def test_the_highest_version_that_both_speak_is_that_of_the_link(
    pool: PoolHarness, http: aiohttp.ClientSession, offered: tuple[str, ...], says: int, agreed: int
) -> None:
    authorized = {"Authorization": f"Bearer {TOKEN}"}
    socket = await http.ws_connect(pool.url, headers=authorized, protocols=offered)
    assert socket.protocol == (f"voiceai-link-{agreed}" if offered else None)
    await socket.send_str(json.dumps(HELLO | {"version": says, "a_later_field": 1}))
    welcome = json.loads(await socket.receive_str(timeout=10))
    assert (welcome["type"], welcome["version"]) == ("welcome", agreed)
    assert [each.version for each in pool.workers.all()] == [agreed]
    await socket.send_str(json.dumps({"type": "heartbeat", "load": {"sessions": 7, "a_later_field": 1}}))
    await pool.workers.all()[0].beaten.wait()
    assert pool.workers.all()[0].load.sessions == 7


@pytest.mark.parametrize(
    ("offered", "says", "reason"),
    [
        ((NEWER,), contract.VERSION + 1, f"worker speaks link version {contract.VERSION + 1}, controller"),
        ((), OLD - 1, "upgrade the worker first"),
        (("voiceai-link-1", "voiceai-link-2"), 1, "worker speaks link version 1 to 2, controller"),
        (contract.SUBPROTOCOLS, OLD, f"its hello is of link version {OLD}"),
    ],
)
async def test_a_worker_without_a_common_version_is_refused_and_shown(
    pool: PoolHarness, http: aiohttp.ClientSession, offered: tuple[str, ...], says: int, reason: str
) -> None:
    socket = await http.ws_connect(pool.url, headers={"Authorization": f"Bearer {TOKEN}"}, protocols=offered)
    await socket.send_str(json.dumps(HELLO | {"version": says}))
    message = await socket.receive(timeout=10)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1008)
    assert reason in (message.extra or "")
    refused = pool.workers.refusals.all()
    assert [each.reason for each in refused] == [message.extra]
    assert pool.workers.all() == []


class Later(contract.Speak):
    """A command of a version of the link that the worker does not speak."""

    SINCE: ClassVar[int] = contract.VERSION + 1


async def test_a_worker_is_not_sent_what_its_version_of_the_link_lacks(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    """Call control is told so, and the link goes on."""
    socket = await join(pool, http)
    pool.workers.assign("c1")
    with pytest.raises(WorkerUnreachable, match=f"version {contract.VERSION} of the link has no Later"):
        await pool.workers.send("c1", Later(call="c1", text="Hello."))
    await pool.workers.send("c1", contract.Greet(call="c1"))
    assert contract.decode_command(await socket.receive_str(timeout=10)) == contract.Greet(call="c1")


async def test_a_worker_that_does_not_understand_a_command_is_told_of_in_the_log(
    pool: PoolHarness, http: aiohttp.ClientSession
) -> None:
    """Once for each command; the link goes on."""
    socket = await join(pool, http)
    with capture_logs() as told:
        for command in ("dance", "dance", "sing"):
            await socket.send_str(contract.encode(contract.NotUnderstood(command=command)))
        await socket.send_str(contract.encode(contract.Heartbeat(load=contract.Load())))
        async with asyncio.timeout(10):
            await pool.workers.all()[0].beaten.wait()
    assert [each["command"] for each in told if "does not understand" in each["event"]] == ["dance", "sing"]


HEADS: dict[str, bytes] = {
    "no token": b"",
    "another kind": b"Authorization: Basic eDp5\r\n",
    "empty": b"Authorization: Bearer \r\n",
    "no text": b"Authorization: Bearer \xff\xfe\r\n",
    "of a name": b"Authorization: Bearer w1:" + b"0" * 64 + b"\r\n",
    "very long": b"Authorization: Bearer " + b"x" * 7000 + b"\r\n",
    "twice": b"Authorization: Bearer a\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
async def test_wrong_tokens_are_in_the_audit_log_with_their_address(head: bytes) -> None:
    from aiohttp import web

    workers = WorkerPool(WorkerAdmission("secret", shared=TOKEN), lambda _: None, lambda _: None)
    async with harness(web.get(contract.LINK_PATH, workers.endpoint), store=True) as it:
        assert it.kept is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        writer.write(b"GET /link HTTP/1.1\r\nHost: x\r\n" + head + upgrade + key + b"\r\n")
        async with asyncio.timeout(10):
            answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        assert answer.split()[1] == b"401"
        assert b'WWW-Authenticate: Bearer realm="voiceai"' in answer
        await it.kept.audit_log.drain()
        async with it.request("GET", "/v1/audit?by=") as told:
            entries = (await told.json())["entries"]
        wrong = [(each["operation"], each["status"], each["source"]) for each in entries]
        assert wrong == ([] if not head else [("/link", 401, "127.0.0.1")])
        assert "x" * 100 not in str(entries)


async def test_guesses_are_slowed_down(pool: PoolHarness) -> None:
    url = urlsplit(pool.url)
    statuses = []
    for number in range(25):
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(f"GET /link HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer w1:{number:064x}\r\n\r\n".encode())
        async with asyncio.timeout(10):
            statuses.append((await reader.readline()).split()[1])
        writer.close()
    assert statuses[0] == b"401"
    assert statuses[-1] == b"429"
