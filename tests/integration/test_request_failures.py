"""What goes wrong with a request to a tool's or a webhook's server, with real sockets: the cause is told, and no word
of what was sent, answered or asked for."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, get_args

import pytest
import structlog
from prometheus_client import CollectorRegistry

from bridge.common.request_failure import Reason
from controller.calls.machine import commands, inputs
from controller.calls.runtime.http_tool_tasks import HttpToolTasks
from controller.calls.runtime.lookup import Found, found_in
from controller.calls.tools.http import Answer, HttpTools
from controller.config.models.agents import HttpTool
from controller.events.webhooks.http_sender import HttpSender
from controller.events.webhooks.receivers import Receiver
from controller.telemetry.metrics import Metrics
from tests.peers.certificates import certificate

SECRET = "s3cret"
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(speak: Speak, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    served: set[asyncio.Task[Any] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError):
            await speak(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls) as there:
        yield there.sockets[0].getsockname()[1]
        there.close()
        await asyncio.gather(*(each for each in served if each is not None))


def says(head: str, body: bytes = b"{}") -> Speak:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return speak


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def closes(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def closes_at_once(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None: ...


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    await reader.read()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


FAULTS: dict[str, tuple[Speak, Reason, int | None, str, str]] = {
    "404": (says("HTTP/1.1 404 No\nContent-Length: 2"), "client_error", 404, "answered with status 404", "status 404"),
    "429": (says("HTTP/1.1 429 Slow\nContent-Length: 2"), "client_error", 429, "status 429", "status 429"),
    "500": (says("HTTP/1.1 500 No\nContent-Length: 2"), "server_error", 500, "status 500", "status 500"),
    "599": (says("HTTP/1.1 599 No\nContent-Length: 2"), "server_error", 599, "status 599", "status 599"),
    "307": (says(f"HTTP/1.1 307 No\nLocation: /{SECRET}\nContent-Length: 2"), "redirect", 307, "307", "elsewhere"),
    "picture": (says("HTTP/1.1 200 OK\nContent-Type: image/png"), "content_type", 200, "image/png", "not text"),
    "odd type": (says(f"HTTP/1.1 200 OK\nContent-Type: {SECRET}"), "content_type", 200, "not text", "not text"),
    "packed": (says("HTTP/1.1 200 OK\nContent-Encoding: br"), "content_type", 200, "compressed", "not text"),
    "no HTTP": (says(f"SSH-2.0-{SECRET}"), "invalid_answer", None, "no HTTP", "can't be read"),
    "closes": (closes, "reset", None, "closed", "broke the connection"),
    "cut off": (says("HTTP/1.1 200 OK\nContent-Length: 9"), "reset", None, "closed", "broke the connection"),
    "resets": (resets, "reset", None, "connection reset by peer", "broke the connection"),
    "hangs": (hangs, "timeout", None, "no answer within 0.3 s", "in time"),
    "ends in a chunk": (
        says("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"2\r\n{}\r\n"),
        *("reset", None, "closed", "broke the connection"),
    ),
}


def tool(url: str, **changes: Any) -> HttpTool:
    host = url.partition("://")[2].partition(":")[0]
    parameters = {"type": "object", "properties": {"id": {"type": "string"}}}
    entry = {"description": "Looks up.", "url": url + "/{id}?q={id}", "parameters": parameters, "timeout_s": 0.3}
    return HttpTool.model_validate(entry | {"allowed_hosts": [host]} | changes)


class Run:
    """One run of a tool: its answer, its line in the log, and what was counted."""

    def __init__(self, answer: Answer, line: Mapping[str, Any], counted: dict[str, float]) -> None:
        self.answer, self.line, self.counted = answer, line, counted

    @property
    def told(self) -> tuple[Any, ...]:
        return self.line["log_level"], self.line["reason"], self.line.get("status"), self.line.get("host")


async def run(url: str, arguments: dict[str, Any] | None = None, **changes: Any) -> Run:
    metrics = Metrics(CollectorRegistry())
    tools = HttpTools(metrics.tool_failed)
    with structlog.testing.capture_logs() as lines:
        given = {"id": SECRET} if arguments is None else arguments
        answer = await tools.run("c1", "look", tool(url, **changes), given)
    (line,) = lines
    assert (line["event"], line["ok"]) == ("tool ran", answer.ok)
    assert SECRET not in str(lines)
    assert SECRET not in answer.output
    found = (sample for family in metrics.registry.collect() for sample in family.samples)
    counted = {
        sample.labels["reason"]: sample.value for sample in found if sample.name == "voiceai_tool_failures_total"
    }
    return Run(answer, line, counted)


@pytest.mark.parametrize("name", FAULTS)
async def test_the_cause_of_a_failure_is_told(name: str) -> None:
    speak, reason, status, detail, words = FAULTS[name]
    async with server(speak) as port:
        ran = await run(f"http://127.0.0.1:{port}")
    assert ran.told == ("warning", reason, status, "127.0.0.1")
    assert detail in ran.line["detail"]
    assert (ran.answer.ok, ran.counted) == (False, {reason: 1})
    assert words in ran.answer.output
    assert reason in get_args(Reason)


async def test_nobody_listens_and_nobody_takes_the_connection() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = await run(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert refused.told == ("warning", "refused", None, "127.0.0.1")
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        silent = await run(f"http://127.0.0.1:{full.getsockname()[1]}")
    assert silent.told == ("warning", "unreachable", None, "127.0.0.1")
    assert silent.line["detail"] == "no connection within 0.3 s"
    assert refused.answer == silent.answer == Answer(False, "The tool can't be reached at the moment.")


async def test_tls(tmp_path: Path) -> None:
    made, context = certificate(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    async with (
        server(hangs, context) as untrusted,
        server(plain) as clear,
        server(hangs) as silent,
        server(closes_at_once) as gone,
    ):
        for port, words in (
            (untrusted, "not trusted: self-signed certificate"),
            (clear, "no TLS: wrong version number"),
            (silent, "no TLS handshake within 0.3 s"),
            (gone, "in the TLS handshake: the connection was closed"),
        ):
            ran = await run(f"https://localhost:{port}")
            assert ran.told == ("warning", "tls", None, "localhost"), ran.line
            assert words in ran.line["detail"]
            assert ran.answer.output == "The tool can't be reached at the moment."


@pytest.mark.parametrize("error", [socket.gaierror(socket.EAI_NONAME, "x"), UnicodeError("label too long"), None])
async def test_a_name_without_an_address(error: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(*_: Any, **__: Any) -> list[Any]:
        if error is not None:
            raise error
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    ran = await run("http://crm.example:80")
    assert ran.told == ("warning", "dns", None, "crm.example")
    assert ran.line["detail"] == ("has no address" if error else "its name was not resolved within 0.3 s")


async def test_a_private_address_that_is_not_listed() -> None:
    ran = await run("http://127.0.0.1:9", allowed_hosts=[])
    assert ran.told == ("warning", "private_address", None, "127.0.0.1")


async def test_an_answer_that_is_too_large_is_cut_and_told() -> None:
    async with server(says("HTTP/1.1 200 OK\nContent-Type: application/json", b"[" + b"1," * 20_000)) as port:
        ran = await run(f"http://127.0.0.1:{port}")
    assert (ran.answer.ok, ran.counted) == (True, {"too_large": 1})
    assert ran.told == ("warning", "too_large", 200, "127.0.0.1")
    with structlog.testing.capture_logs() as lines:
        assert found_in(ran.answer, "c1") == Found()
    assert "cut after 16384 bytes" in lines[0]["reason"]


async def test_arguments_that_do_not_fit_are_the_models_fault() -> None:
    ran = await run("http://127.0.0.1:9", {"id": 5})
    assert ran.told == ("info", "arguments", None, None)


async def test_a_look_up_says_why_it_gave_nothing() -> None:
    async with server(says("HTTP/1.1 503 No\nContent-Length: 2")) as port:
        ran = await run(f"http://127.0.0.1:{port}")
    with structlog.testing.capture_logs() as lines:
        assert found_in(ran.answer, "c1") == Found()
    assert lines[0]["reason"] == "the tool failed: answered with status 503"


async def test_the_call_is_told_the_cause() -> None:
    done: list[inputs.ToolDone] = []
    tools, known = HttpTools(), {"look": tool("http://127.0.0.1:9", allowed_hosts=[])}
    told = asyncio.Event()

    def finished(what: inputs.ToolDone) -> None:
        done.append(what)
        told.set()

    HttpToolTasks("c1", tools, known, finished).start(commands.StartTool("t1", "look", {"id": "1"}))
    await told.wait()
    assert [(each.ok, each.reason) for each in done] == [(False, "private_address")]


@pytest.mark.parametrize(
    ("speak", "status", "reason", "failed"),
    [
        (says("HTTP/1.1 503 No\nContent-Length: 2"), 503, "answered 503", "server_error"),
        (says("HTTP/1.1 200 OK\nContent-Length: 0", b""), 200, "answered 200", None),
        (hangs, None, "no answer within 0.3 s", "timeout"),
        (resets, None, "before the answer was complete: connection reset by peer", "reset"),
        (says("nonsense"), None, "the answer is no HTTP", "invalid_answer"),
    ],
)
async def test_webhooks(speak: Speak, status: int | None, reason: str, failed: Reason | None) -> None:
    async with server(speak) as port:
        url = f"http://127.0.0.1:{port}/{SECRET}"
        hosts = frozenset({"127.0.0.1"})
        there = Receiver("crm", url, (b"k" * 24,), frozenset(), False, hosts, timeout_s=0.3, give_up_after_s=9)
        attempt = await HttpSender().send(there, "e1", b"{}")
    assert (attempt.status, attempt.reason, attempt.failed) == (status, reason, failed)
