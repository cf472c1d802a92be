"""What each ARI operation sends: Asterisk ignores a misspelt parameter silently, so each request is compared whole.

A small HTTP server records every request and gives a prepared answer.
"""

import asyncio
import base64
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from controller.ari.resources import Application, AsteriskInfo, Endpoint, RtpStatistics
from controller.ari.rest import (
    Ari,
    AriError,
    BadAnswer,
    BadArgument,
    NotFound,
    Refused,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from tests.peers.http_server import http_server

UUID = "2b1f3a52-58a4-4d61-9d1d-3f9a5d6a7b80"
CHANNEL = {"id": "c1", "name": "PJSIP/trunk-01", "state": "Up", "caller": {"name": "", "number": "+4930123"}}
BRIDGE = {"id": "b1", "channels": ["c1"]}


@dataclass
class Asked:
    request_line: str
    """As sent, after `/ari`; the query is not encoded."""
    body: Any
    headers: dict[str, str] = field(repr=False)


@dataclass
class Recorder:
    """Answers every request with `answer`, or with what `respond` returns, and keeps the requests."""

    answer: tuple[int, Any] = (204, None)
    respond: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        path = request.raw_path.partition("?")[0].removeprefix("/ari") + (f"?{query}" if query else "")
        self.asked.append(Asked(f"{request.method} {path}", body, dict(request.headers)))
        if self.respond is not None:
            return await self.respond(request)
        status, content = self.answer
        if content is None:
            return web.Response(status=status)
        if isinstance(content, str):
            return web.Response(status=status, text=content, content_type="text/html")
        return web.json_response(content, status=status)


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    async with http_server(recorder.take) as at:
        recorder.url = f"http://{at}/ari"
        yield recorder


@pytest.fixture
async def ari(recorder: Recorder) -> AsyncIterator[Ari]:
    async with Ari(recorder.url, "voiceai", "s3cret", "voiceai") as client:
        yield client


Operation = Callable[[Ari], Awaitable[Any]]


# ---------------------------------------------------------------- operations without an answer

SILENT: list[tuple[Operation, str, Any]] = [
    (lambda a: a.ping(), "GET /asterisk/ping", None),
    (lambda a: a.set_global("X", "1"), "POST /asterisk/variable", {"variable": "X", "value": "1"}),
    (lambda a: a.ring("c1"), "POST /channels/c1/ring", None),
    (lambda a: a.answer("c1"), "POST /channels/c1/answer", None),
    (lambda a: a.answer("c1;2"), "POST /channels/c1%3B2/answer", None),
    (lambda a: a.hangup("c1"), "DELETE /channels/c1", None),
    (lambda a: a.look_up("nobody"), "DELETE /channels/nobody", None),
    (lambda a: a.hangup("c1", reason="busy"), "DELETE /channels/c1?reason=busy", None),
    (
        lambda a: a.continue_in_dialplan("c1", context="from-trunk", extension="+49 30", priority=1),
        "POST /channels/c1/continue",
        {"context": "from-trunk", "extension": "+49 30", "priority": 1},
    ),
    (lambda a: a.continue_in_dialplan("c1"), "POST /channels/c1/continue", None),
    (
        lambda a: a.set_variable("c1", "CDR(caller_id)", "+49 30&x=ü"),
        "POST /channels/c1/variable",
        {"variable": "CDR(caller_id)", "value": "+49 30&x=ü"},
    ),
    (lambda a: a.set_variables("c1", {"A": "x,y"}), "POST /channels/c1/variable", {"variable": "A", "value": "x,y"}),
    (lambda a: a.send_dtmf("c1", "12w#"), "POST /channels/c1/dtmf", {"dtmf": "12w#", "duration": 100, "between": 100}),
    (
        lambda a: a.play("c1", "sound:hello", "tone:busy", playback_id="p1"),
        "POST /channels/c1/play",
        {"media": ["sound:hello", "tone:busy"], "playbackId": "p1"},
    ),
    (lambda a: a.start_moh("c1"), "POST /channels/c1/moh", None),
    (lambda a: a.start_moh("c1", "jazz"), "POST /channels/c1/moh", {"mohClass": "jazz"}),
    (lambda a: a.stop_moh("c1"), "DELETE /channels/c1/moh", None),
    (lambda a: a.destroy_bridge("b1"), "DELETE /bridges/b1", None),
    (lambda a: a.add_channel("b1", "c1"), "POST /bridges/b1/addChannel", {"channel": ["c1"]}),
    (lambda a: a.add_channel("b1", "c1", "c2"), "POST /bridges/b1/addChannel", {"channel": ["c1", "c2"]}),
    (lambda a: a.remove_channel("b1", "c1"), "POST /bridges/b1/removeChannel", {"channel": ["c1"]}),
    (lambda a: a.stop_playback("p1"), "DELETE /playbacks/p1", None),
    (
        lambda a: a.put_settings("auth", "browser-1", {"username": "browser-1", "password": "x;y"}),
        "PUT /asterisk/config/dynamic/res_pjsip/auth/browser-1",
        {"fields": [{"attribute": "username", "value": "browser-1"}, {"attribute": "password", "value": "x;y"}]},
    ),
    (
        lambda a: a.delete_settings("auth", "browser-1"),
        "DELETE /asterisk/config/dynamic/res_pjsip/auth/browser-1",
        None,
    ),
]


@pytest.mark.parametrize(("does", "request_line", "body"), SILENT, ids=lambda v: v if isinstance(v, str) else "")
async def test_what_is_sent(ari: Ari, recorder: Recorder, does: Operation, request_line: str, body: Any) -> None:
    recorder.answer = (204, None)
    assert await does(ari) in (None, True)
    (asked,) = recorder.asked
    assert (asked.request_line, asked.body) == (request_line, body)


# ---------------------------------------------------------------- operations with an answer

TELLING: list[tuple[Operation, str, Any, Any, Callable[[Any], object]]] = [
    (lambda a: a.channels(), "GET /channels", None, [CHANNEL], lambda v: v[0].caller_number == "+4930123"),
    (lambda a: a.channel("c1"), "GET /channels/c1", None, CHANNEL, lambda v: v.state == "Up"),
    (lambda a: a.bridges(), "GET /bridges", None, [BRIDGE], lambda v: v[0].channels == ("c1",)),
    (lambda a: a.bridge("b1"), "GET /bridges/b1", None, BRIDGE, lambda v: v.id == "b1"),
    (lambda a: a.time(), "GET /asterisk/ping", None, {"ping": "pong"}, lambda v: v.tzinfo is not None),
    (lambda a: a.get_global("X"), "GET /asterisk/variable?variable=X", None, {"value": ""}, lambda v: v == ""),
    (
        lambda a: a.module("res_ari.so"),
        "GET /asterisk/modules/res_ari.so",
        None,
        {"name": "res_ari.so", "status": "Running"},
        lambda v: v == "Running",
    ),
    (
        lambda a: a.get_variable("c1", "CDR(x)"),
        "GET /channels/c1/variable?variable=CDR(x)",
        None,
        {"value": "é"},
        lambda v: v == "é",
    ),
    (
        lambda a: a.evaluate("c1", "${A}", "${B}"),
        "GET /channels/c1/variable?variable=EVAL(${URIENCODE(${A})} ${URIENCODE(${B})} ${URIENCODE(;)})",
        None,
        {"value": "x%20%c3%a9+%ff  %3B"},
        lambda v: v == ["x \xe9 \ufffd", ""],
    ),
    (
        lambda a: a.evaluate("c1", "${A}"),
        "GET /channels/c1/variable?variable=EVAL(${URIENCODE(${A})} ${URIENCODE(;)})",
        None,
        {"value": " "},
        lambda v: v is None,
    ),
    (
        lambda a: a.originate(
            "PJSIP/+4930 1@trunk",
            channel_id="c1",
            caller_id='"AI ü" <+4930>',
            timeout=12.1,
            variables={"VOICEAI_CALL": "q1", "__INH": "x&y"},
            originator="c0",
        ),
        "POST /channels",
        {
            "endpoint": "PJSIP/+4930 1@trunk",
            "channelId": "c1",
            "callerId": '"AI ü" <+4930>',
            "timeout": 13,
            "variables": {"VOICEAI_CALL": "q1", "__INH": "x&y"},
            "app": "voiceai",
            "originator": "c0",
        },
        CHANNEL,
        lambda v: v.id == "c1",
    ),
    (
        lambda a: a.originate("Local/1@x", channel_id="c1", formats="ulaw,alaw"),
        "POST /channels",
        {"endpoint": "Local/1@x", "channelId": "c1", "timeout": 30, "formats": "ulaw,alaw", "app": "voiceai"},
        CHANNEL,
        lambda v: v.id == "c1",
    ),
    (
        lambda a: a.external_media(
            channel_id=f"call-{UUID}-media", host_port="127.0.0.1:9092", uuid=UUID, variables={"VOICEAI_CALL": UUID}
        ),
        "POST /channels/externalMedia",
        {
            "channelId": f"call-{UUID}-media",
            "app": "voiceai",
            "external_host": "127.0.0.1:9092",
            "encapsulation": "audiosocket",
            "transport": "tcp",
            "connection_type": "client",
            "direction": "both",
            "format": "slin24",
            "data": UUID,
            "variables": {"VOICEAI_CALL": UUID},
        },
        CHANNEL,
        lambda v: v.id == "c1",
    ),
    (
        lambda a: a.snoop("c1", snoop_id="s1", spy="both", whisper="out"),
        "POST /channels/c1/snoop",
        {"spy": "both", "whisper": "out", "app": "voiceai", "snoopId": "s1"},
        CHANNEL,
        lambda v: v.id == "c1",
    ),
    (
        lambda a: a.create_bridge("b1", name="voiceai q1"),
        "POST /bridges",
        {"type": "mixing", "bridgeId": "b1", "name": "voiceai q1"},
        BRIDGE,
        lambda v: v.id == "b1",
    ),
    (
        lambda a: a.application(),
        "GET /applications/voiceai",
        None,
        {"name": "voiceai", "channel_ids": ["c1"]},
        lambda v: v == Application("voiceai", ("c1",)),
    ),
    (
        lambda a: a.application("other"),
        "GET /applications/other",
        None,
        {"name": "other"},
        lambda v: v == Application("other"),
    ),
    (
        lambda a: a.subscribe("channel:c1", "endpoint:PJSIP/trunk"),
        "POST /applications/voiceai/subscription",
        {"eventSource": ["channel:c1", "endpoint:PJSIP/trunk"]},
        {"name": "voiceai"},
        lambda v: v.name == "voiceai",
    ),
    (
        lambda a: a.endpoints("PJSIP"),
        "GET /endpoints/PJSIP",
        None,
        [{"technology": "PJSIP", "resource": "browser-1", "state": "offline", "channel_ids": []}],
        lambda v: [each.resource for each in v] == ["browser-1"],
    ),
    (
        lambda a: a.settings("endpoint", "trunk"),
        "GET /asterisk/config/dynamic/res_pjsip/endpoint/trunk",
        None,
        [{"attribute": "direct_media", "value": "false"}, {"attribute": "allow", "value": "(ulaw)"}],
        lambda v: v == {"direct_media": "false", "allow": "(ulaw)"},
    ),
    (
        lambda a: a.sound("voiceai/sorry"),
        "GET /sounds/voiceai%2Fsorry",
        None,
        {"id": "voiceai/sorry", "formats": [{"language": "en", "format": "wav"}, {"language": "de", "format": "wav"}]},
        lambda v: v == {"en", "de"},
    ),
    (
        lambda a: a.info(),
        "GET /asterisk/info",
        None,
        {"system": {"version": "22.10.1", "entity_id": "02:fc"}, "status": {"startup_time": "2026-11-30T21:00:00Z"}},
        lambda v: v == AsteriskInfo("22.10.1", "02:fc", "2026-11-30T21:00:00Z"),
    ),
    (
        lambda a: a.endpoint("PJSIP", "trunk"),
        "GET /endpoints/PJSIP/trunk",
        None,
        {"technology": "PJSIP", "resource": "trunk", "state": "online", "channel_ids": []},
        lambda v: v == Endpoint("PJSIP", "trunk", "online"),
    ),
    (
        lambda a: a.rtp_statistics("c1"),
        "GET /channels/c1/rtp_statistics",
        None,
        {"rxploss": 2, "rxoctetcount": 8000, "remote_ssrc": 7, "channel_uniqueid": "c1"},
        lambda v: v == RtpStatistics(2, 8000, 7),
    ),
]


@pytest.mark.parametrize(
    ("does", "request_line", "body", "answer", "right"), TELLING, ids=lambda v: v if isinstance(v, str) else ""
)
async def test_what_is_sent_and_read(
    ari: Ari,
    recorder: Recorder,
    does: Operation,
    request_line: str,
    body: Any,
    answer: Any,
    right: Callable[[Any], object],
) -> None:
    recorder.answer = (200, answer)
    assert right(await does(ari))
    (asked,) = recorder.asked
    assert (asked.request_line, asked.body) == (request_line, body)


def test_every_operation_is_pinned() -> None:
    """By name, so that a new method without a line above is noticed."""
    operations = {name for name in dir(Ari) if not name.startswith("_") and callable(getattr(Ari, name))}
    shown: list[Any] = [row[0] for row in SILENT] + [row[0] for row in TELLING]
    pinned = {name for does in shown for name in does.__code__.co_names}
    assert operations - pinned == {"aclose", "also_observe"}


async def test_asterisks_clock(ari: Ari, recorder: Recorder) -> None:
    recorder.answer = (204, None)
    told = await ari.time()
    assert told is not None
    assert abs((datetime.now(UTC) - told).total_seconds()) < 60


# ---------------------------------------------------------------- what comes back

GONE = (404, {"message": "Channel not found"})


@pytest.mark.parametrize(
    "does", [lambda a: a.hangup("c1", reason="busy"), lambda a: a.destroy_bridge("b1"), lambda a: a.stop_playback("p1")]
)
async def test_removing_what_is_gone_is_success(ari: Ari, recorder: Recorder, does: Operation) -> None:
    recorder.answer = GONE
    assert not await does(ari)
    assert len(recorder.asked) == 1
    for status, message in ((404, "Resource not found"), (503, "Asterisk not booted"), (409, "no")):
        recorder.answer = (status, {"message": message})
        with pytest.raises(AriError):
            await does(ari)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (GONE, NotFound),
        ((400, {"message": "Channel not found"}), NotFound),
        ((404, "<html>The requested URL was not found</html>"), Unavailable),
        ((503, {"message": "Asterisk not booted"}), Unavailable),
        ((500, {"error": "Allocation failed"}), Unavailable),
        ((500, None), Unavailable),
        ((422, {"message": "Channel not in Stasis application"}), Refused),
        ((409, []), Refused),
        ((401, {"message": "Authentication required"}), Unauthorized),
        ((302, None), Refused),
    ],
)
async def test_refusals(ari: Ari, recorder: Recorder, answer: tuple[int, Any], kind: type[AriError]) -> None:
    recorder.answer = answer
    with pytest.raises(AriError) as caught:
        await ari.add_channel("b1", "c1")
    assert type(caught.value) is kind
    assert (caught.value.operation, caught.value.status) == ("add_channel", answer[0])


async def test_a_variable_that_is_not_set_and_a_channel_that_is_gone(ari: Ari, recorder: Recorder) -> None:
    recorder.answer = (404, {"message": "Provided variable was not found"})
    assert await ari.get_variable("c1", "X") is None
    recorder.answer = (404, {"message": "Provided channel was not found"})
    with pytest.raises(NotFound):
        await ari.get_variable("c1", "X")


async def test_several_variables_by_one_request_once_the_functions_are_known(ari: Ari, recorder: Recorder) -> None:
    variables = {"A": 'x,"y" (z', "CDR(b)": ""}
    asked = []
    for proof in ("", "%3B", "none"):
        recorder.answer = (200, {"value": proof})
        assert await ari.evaluate("c1") == ([] if proof == "%3B" else None)
        recorder.asked.clear()
        recorder.answer = (204, None)
        await ari.set_variables("c1", variables)
        asked.append([each.body["variable"] for each in recorder.asked])
    assert asked == [["A", "CDR(b)"], ["ARRAY(A,CDR(b))"], ["A", "CDR(b)"]]


@pytest.mark.parametrize(
    ("does", "answer"),
    [
        (lambda a: a.channel("c1"), "not json"),
        (lambda a: a.channel("c1"), [CHANNEL]),
        (lambda a: a.channel("c1"), {"id": "c1"}),
        (lambda a: a.channel("c1"), 7),
        (lambda a: a.channels(), CHANNEL),
        (lambda a: a.channels(), ["c1"]),
        (lambda a: a.info(), {}),
        (lambda a: a.module("m.so"), {}),
        (lambda a: a.settings("endpoint", "trunk"), [{"attribute": 1}]),
        (lambda a: a.get_variable("c1", "X"), {"value": 1}),
        (lambda a: a.rtp_statistics("c1"), {"rxploss": "x"}),
    ],
)
async def test_an_answer_that_cannot_be_read(ari: Ari, recorder: Recorder, does: Operation, answer: Any) -> None:
    recorder.answer = (200, answer)
    with pytest.raises(BadAnswer):
        await does(ari)


@pytest.mark.parametrize(
    "does",
    [
        lambda a: a.answer(""),
        lambda a: a.answer(".."),
        lambda a: a.hangup("\ud83d"),
        lambda a: a.hangup("c1", reason="a\nb"),
        lambda a: a.add_channel("b1", "c1", ""),
        lambda a: a.originate("PJSIP/1\r\nX: 1@t", channel_id="c1"),
        lambda a: a.originate("PJSIP/1@t", channel_id="c1", caller_id="a\r\nX: 1"),
        lambda a: a.originate("PJSIP/1@t", channel_id="a/b"),
        lambda a: a.originate("PJSIP/1@t", channel_id="c1", originator="c0", formats="ulaw"),
        lambda a: a.originate("PJSIP/1@t", channel_id="c1", variables={"A B": "x"}),
        lambda a: a.external_media(channel_id="c1", host_port="127.0.0.1", uuid=UUID),
        lambda a: a.external_media(channel_id="c1", host_port="a b:1", uuid=UUID),
        lambda a: a.external_media(channel_id="c1", host_port="127.0.0.1:9092", uuid="x"),
        lambda a: a.snoop("c1", snoop_id="s1"),
        lambda a: a.send_dtmf("c1", "1x"),
        lambda a: a.get_variable("c1", "A\n"),
    ],
)
async def test_what_is_never_sent(ari: Ari, recorder: Recorder, does: Operation) -> None:
    with pytest.raises(BadArgument):
        await does(ari)
    assert recorder.asked == []


@pytest.mark.parametrize(
    ("id_", "path"),
    [
        ("../bridges", "..%2Fbridges"),
        ("a b", "a%20b"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("Büro 1-17.4", "B%C3%BCro%201-17.4"),
        ("%2e%2e", "%252e%252e"),
        ("a\tb\x00", "a%09b%00"),
    ],
)
async def test_a_channel_whose_id_others_chose_can_be_hung_up(
    ari: Ari, recorder: Recorder, id_: str, path: str
) -> None:
    await ari.hangup(id_)
    assert recorder.asked[0].request_line == f"DELETE /channels/{path}"


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
async def test_an_answer_without_end_is_given_up(ari: Ari, recorder: Recorder, encoding: str | None) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Encoding": encoding} if encoding else {})
        await answer.prepare(request)
        with suppress(ConnectionError):
            while True:
                await answer.write(b"[" * 65536)
        return answer

    recorder.respond = endless
    with pytest.raises(BadAnswer):
        await ari.channels()


# ---------------------------------------------------------------- HTTP


async def test_credentials_go_in_a_header_and_nowhere_else(
    ari: Ari, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "httpx", "httpcore"):  # the last two have a level of their own once logs are set up
        caplog.set_level(logging.DEBUG, name)
    recorder.answer = (200, CHANNEL)
    await ari.originate("PJSIP/+4930555@trunk", channel_id="c1", caller_id="+4930666")
    token = base64.b64encode(b"voiceai:s3cret").decode()
    assert recorder.asked[0].headers["Authorization"] == f"Basic {token}"
    assert "httpx" in {record.name for record in caplog.records}
    for secret in ("s3cret", token, "4930555", "4930666"):
        assert secret not in caplog.text


async def test_connections_are_kept(ari: Ari, recorder: Recorder) -> None:
    seen = set()

    async def respond(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.add(request.transport.get_extra_info("peername"))
        return web.Response(status=204)

    recorder.respond = respond
    for _ in range(5):
        await ari.answer("c1")
    assert len(seen) == 1


async def test_an_answer_that_does_not_come(recorder: Recorder) -> None:
    released = asyncio.Event()

    async def respond(request: web.Request) -> web.Response:
        await released.wait()
        return web.Response(status=204)

    recorder.respond = respond
    async with Ari(recorder.url, "u", "p", "app", timeout=0.1) as ari:
        with pytest.raises(TimedOut) as caught:
            await ari.answer("c1")
        assert caught.value.status is None
        released.set()
        recorder.respond = None
        await ari.answer("c1")  # the client is as good as before


async def test_an_answer_that_drips(recorder: Recorder) -> None:
    """The limit is for the request as a whole, not for each packet of it."""

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.02)
        return response

    recorder.respond = respond
    async with Ari(recorder.url, "u", "p", "app", timeout=0.2) as ari:
        with pytest.raises(TimedOut):
            await ari.channels()


async def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        async with Ari(f"http://127.0.0.1:{taken.getsockname()[1]}/ari", "u", "p", "app") as ari:
            with pytest.raises(Unavailable) as caught:
                await ari.ping()
            assert caught.value.status is None


async def test_hung_up_without_an_answer() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, Ari("http://{}:{}/ari".format(*server.sockets[0].getsockname()), "u", "p", "app") as ari:
        with pytest.raises(Unavailable):
            await ari.answer("c1")


async def test_cancelled_in_the_middle(ari: Ari, recorder: Recorder) -> None:
    arrived = asyncio.Event()

    async def respond(request: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError("never")

    recorder.respond = respond
    asking = asyncio.create_task(ari.channels())
    await arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    recorder.respond = None
    await ari.answer("c1")


async def test_many_at_once(ari: Ari, recorder: Recorder) -> None:
    await asyncio.gather(*(ari.answer(f"c{n}") for n in range(200)))
    assert {each.request_line for each in recorder.asked} == {f"POST /channels/c{n}/answer" for n in range(200)}


async def test_a_url_or_app_that_is_none() -> None:
    for url, app in (("127.0.0.1:8088", "a"), ("http://u:p@x/ari", "a"), ("http://x/ari", "a b"), ("http://x/ari", "")):
        with pytest.raises(BadArgument):
            Ari(url, "u", "p", app)
