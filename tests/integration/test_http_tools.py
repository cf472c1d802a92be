"""Tools over HTTP against a real server: what is sent, how answers are read, and which addresses are allowed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
import structlog
from aiohttp import web

from bridge.common import guarded_http
from controller.api.server import ApiServer
from controller.calls.tools.http import CUT, LARGEST_ANSWER, Answer, HttpTools
from controller.config.models.agents import HttpTool

SECRET = "4930-secret"
CALL = "5f1c9f0e-8a43-4b8e-9b57-2a6f0d3f9c11"


class Server:
    """Answers as it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[], web.StreamResponse] = lambda: web.json_response({"state": "sent"})
        self.wait: asyncio.Event | None = None
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        if self.wait is not None:
            await self.wait.wait()
        return self.answer()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    async with ApiServer(app, "127.0.0.1", 0) as listening:
        made.port = listening.port
        yield made
        if made.wait is not None:
            made.wait.set()


async def run(server: Server, arguments: dict[str, Any] | None = None, **changes: Any) -> Answer:
    entry = {
        "description": "Looks up.",
        "url": f"http://127.0.0.1:{server.port}/orders/{{id}}?q={{q}}",
        "headers": {"Authorization": "Bearer t0ken"},
        "parameters": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "q": {"type": "string"}},
            "required": ["id"],
        },
        "allowed_hosts": ["127.0.0.1"],
    }
    tools, tool = HttpTools(), HttpTool.model_validate(entry | changes)
    return await tools.run(CALL, "look", tool, arguments or {"id": "a/b", "q": "ä"})


async def test_a_get(server: Server) -> None:
    assert await run(server) == Answer(True, '{"state": "sent"}')
    ((method, path, headers, body),) = server.asked
    assert (method, path, body) == ("GET", "/orders/a%2Fb?q=%C3%A4", b"")
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["Host"] == f"127.0.0.1:{server.port}"


async def test_a_post(server: Server) -> None:
    assert (await run(server, {"id": "1"}, method="POST")).ok
    ((method, _, headers, body),) = server.asked
    assert (method, body, headers["Content-Type"]) == ("POST", b'{"id": "1"}', "application/json")


async def test_a_host_by_name_keeps_its_name(server: Server) -> None:
    url = f"http://localhost:{server.port}/{{id}}?{{q}}"
    assert (await run(server, url=url, allowed_hosts=["localhost"])).ok
    assert server.asked[0][2]["Host"] == f"localhost:{server.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_private_address_is_asked_only_if_its_host_is_listed(server: Server, host: str) -> None:
    answer = await run(server, url=f"http://{host}:{server.port}/{{id}}?{{q}}", allowed_hosts=[])
    assert answer == Answer(False, "The tool is not set up properly.")
    assert server.asked == []


async def test_a_name_is_looked_up_once_and_never_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another answer of the name's server, a moment later, leads nowhere: the address that was checked is asked."""
    loop, asked = asyncio.get_running_loop(), []
    look_up = loop.getaddrinfo

    async def rebinding(host: Any, port: Any, **more: Any) -> Any:
        asked.append(host)
        if host == "rebind.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.1", port))]
        return await look_up(host, port, **more)

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    monkeypatch.setattr("bridge.common.address_guard.is_public", lambda address: address == "127.0.0.1")
    url = f"http://rebind.example:{server.port}/{{id}}?{{q}}"
    assert (await run(server, url=url, allowed_hosts=[])).ok
    assert asked.count("rebind.example") == 1
    assert set(asked) <= {"rebind.example", "127.0.0.1"}
    assert server.asked[0][2]["Host"] == f"rebind.example:{server.port}"


@pytest.mark.parametrize(
    ("response", "ok", "words"),
    [
        (lambda: web.Response(status=404, text=SECRET), False, "status 404"),
        (lambda: web.Response(status=500), False, "status 500"),
        (lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1/"}), False, "elsewhere"),
        (lambda: web.Response(body=b"\x00", content_type="image/png"), False, "not text"),
        (lambda: web.Response(body=b"x", headers={"Content-Encoding": "gzip"}), False, "not text"),
        (lambda: web.Response(status=204), True, "empty"),
        (lambda: web.Response(body=b"caf\xe9", headers={"Content-Type": "text/plain; charset=latin-1"}), True, "café"),
        (
            lambda: web.Response(body=b"\xff!", headers={"Content-Type": "text/plain; charset=nonsense"}),
            True,
            "\ufffd!",
        ),
        (lambda: web.Response(text="x" * (LARGEST_ANSWER + 1)), True, "x" * LARGEST_ANSWER + CUT),
    ],
)
async def test_what_becomes_of_an_answer(
    server: Server, response: Callable[[], web.Response], ok: bool, words: str
) -> None:
    server.answer = response
    answer = await run(server)
    assert answer.ok is ok
    assert words in answer.output
    assert SECRET not in answer.output
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-7", b"+2D0-"),
        ("unicode_escape", b"\\ud83d"),
        ("raw_unicode_escape", b"\\ud83d \\u0000"),
        ("utf-8", b"\xed\xa0\xbd"),
        ("utf-16-le", b"\x3d\xd8"),
        ("latin-1", b"a\x00b"),
        ("cp037", b"\x00"),
    ],
)
async def test_an_answer_in_any_charset_is_well_formed(server: Server, charset: str, body: bytes) -> None:
    server.answer = lambda: web.Response(body=body, headers={"Content-Type": f"text/plain; charset={charset}"})
    answer = await run(server)
    assert answer.output.encode()
    assert "\0" not in answer.output
    assert answer.output


@pytest.mark.parametrize(
    "charset",
    [
        *("idna", "undefined", "punycode", "utf-7", "unicode_escape", "raw_unicode_escape", "mbcs", "oem", "charmap"),
        *(
            "hex",
            "base64",
            "zlib",
            "bz2",
            "rot13",
            "quopri",
            "uu",
            "utf-8-variants",
            "x" * 300,
            "'",
            "../x",
            "%00",
            "*",
        ),
        *("unicode_internal", "string_escape", "utf-16", "utf-32", "cp037", "hz", "iso2022_jp", "\xe9", "utf\u20118"),
    ],
)
async def test_no_charset_breaks_anything(server: Server, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    server.answer = lambda: web.Response(body=b'{"a": "+2D0- \\ud83d x \xff"}' * 3, headers={"Content-Type": kind})
    answer = await run(server)
    assert answer.output
    answer.output.encode()


@pytest.mark.parametrize(
    "kind", ["application/json; charset", "json", 'text/x; charset="', "text/plain; charset*=idna''x"]
)
async def test_no_content_type_breaks_anything(server: Server, kind: str) -> None:
    server.answer = lambda: web.Response(body=b"{}", headers={"Content-Type": kind})
    assert (await run(server)).output == "{}"


RAW = {
    "no HTTP": b"\x00\x01\x02\r\n\r\n",
    "too short": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n{}",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "negative": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "odd chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "huge chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}",
    "packed": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50_000 + b"\r\n",
    "status": b"HTTP/1.1 999999999999999999999 OK\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    "nothing": b"",
    "bytes": b"HTTP/1.1 200 \xff\xfe\r\nContent-Type: \xff/\xfe; charset=\xff\r\nConnection: close\r\n\r\n{}",
}


@pytest.mark.parametrize("said", RAW.values(), ids=RAW.keys())
async def test_no_server_breaks_anything(server: Server, said: bytes) -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answers, "127.0.0.1", 0) as odd:
        port = odd.sockets[0].getsockname()[1]
        answer = await run(server, url=f"http://127.0.0.1:{port}/{{id}}?q={{q}}", timeout_s=1.0)
    assert answer.output


async def test_a_number_that_no_float_holds_is_told_to_the_model(server: Server) -> None:
    schema = {"type": "object", "properties": {"id": {}, "n": {"type": "number", "multipleOf": 0.01}}}
    answer = await run(
        server, {"id": "1", "n": 10**400}, parameters=schema, url=f"http://127.0.0.1:{server.port}/{{id}}"
    )
    assert (answer.ok, server.asked) == (False, [])


async def test_a_tool_that_takes_too_long_and_one_that_is_not_there(server: Server) -> None:
    server.wait = asyncio.Event()
    assert await run(server, timeout_s=0.2) == Answer(False, "The tool did not answer in time.")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/{{id}}"
        assert await run(server, url=url) == Answer(False, "The tool can't be reached at the moment.")


async def test_arguments_that_do_not_fit_are_not_sent(server: Server) -> None:
    answer = await run(server, {"id": 5})
    assert not answer.ok
    assert "is not of type 'string'" in answer.output
    assert server.asked == []


async def test_no_cookie_goes_from_one_call_to_another(server: Server) -> None:
    server.answer = lambda: web.Response(text="ok", headers={"Set-Cookie": "a=b"})
    entry = {"description": "x", "url": f"http://127.0.0.1:{server.port}", "allowed_hosts": ["127.0.0.1"]}
    tools, tool = HttpTools(), HttpTool.model_validate(entry)
    await asyncio.gather(tools.run(CALL, "look", tool, {}), tools.run(CALL, "look", tool, {}))
    await tools.run(CALL, "look", tool, {})
    assert len(server.asked) == 3
    assert all("Cookie" not in headers for _, _, headers, _ in server.asked)


async def test_the_log_knows_nothing_of_arguments_and_answers(server: Server) -> None:
    server.answer = lambda: web.Response(text=SECRET)
    with structlog.testing.capture_logs() as lines:
        assert (await run(server, {"id": SECRET, "q": SECRET}, method="POST")).output == SECRET
        assert not (await run(server, {"id": SECRET, "q": 5})).ok
    assert len(lines) == 2
    assert SECRET not in str(lines)


async def test_tools_that_were_cancelled_leave_every_place_free(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who hangs up cancels them: at any step, and twice where the time of the tool is over as well."""
    monkeypatch.setattr(guarded_http, "AT_ONCE", 3)
    entry = {"description": "x", "url": f"http://127.0.0.1:{server.port}", "allowed_hosts": ["127.0.0.1"]}
    tools, tool = HttpTools(), HttpTool.model_validate(entry)
    for steps in range(40):
        running = [asyncio.create_task(tools.run(CALL, "look", tool, {})) for _ in range(6)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for number, task in enumerate(running):
            for _ in range(number % 3):
                task.cancel()
        await asyncio.wait(running)
    answers = await asyncio.gather(*(tools.run(CALL, "look", tool, {}) for _ in range(9)))
    assert all(answer.ok for answer in answers)
