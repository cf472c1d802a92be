"""Requests to the API that are wrong, huge, slow or hostile: a 4xx as a problem document, and nothing happens."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from structlog.testing import capture_logs

from controller.api import request_body, server
from tests.integration.api_harness import ADMIN, harness

PLACE = "/v1/calls"
JSON = {"Content-Type": "application/json"}


async def problem(it: Any, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
    async with it.request(method, path, **more) as answer:
        assert answer.content_type == "application/problem+json", await answer.text()
        told = await answer.json()
        assert told["status"] == answer.status
        assert told["type"].startswith("/problems/")
        assert it.calls.asked == []
        return answer.status, told


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"to=1",
        b"\xff\xfe",
        b'{"to": "1"} {}',
        b'{"to": "1", "to": "2"}',
        b'{"to": "1", "timeout": NaN}',
        b'{"to": "1", "timeout": Infinity}',
        b'{"to": ' + b"1" * 5000 + b"}",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"null",
        b"[]",
        b'"to"',
        b"5",
    ],
)
async def test_what_is_not_a_json_object(raw: bytes) -> None:
    async with harness() as it:
        status, told = await problem(it, "POST", PLACE, data=raw, headers=JSON)
        assert status == 400
        assert told["type"] == "/problems/malformed-request"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/to"]),
        ({"to": None}, ["/to"]),
        ({"to": ""}, ["/to"]),
        ({"to": 4930123}, ["/to"]),
        ({"to": ["1"]}, ["/to"]),
        ({"to": "1" * 129}, ["/to"]),
        ({"to": "\ud800"}, ["/to"]),
        ({"to": "1", "trunk": ""}, ["/trunk"]),
        ({"to": "1", "timeout": 0}, ["/timeout"]),
        ({"to": "1", "timeout": 301}, ["/timeout"]),
        ({"to": "1", "timeout": True}, ["/timeout"]),
        ({"to": "1", "timeout": "5"}, ["/timeout"]),
        ({"to": "1", "timeout": 1e999}, ["/timeout"]),
        ({"to": "1", "variables": []}, ["/variables"]),
        ({"to": "1", "variables": {"a": 1}}, ["/variables/a"]),
        ({"to": "1", "variables": {"a/b~c": "x"}}, ["/variables/a~1b~0c"]),
        ({"to": "1", "variables": {"a": "\0"}}, ["/variables/a"]),
        ({"to": "1", "variables": {"a": "x" * 4097}}, ["/variables/a"]),
        ({"to": "1", "variables": {f"v{n}": "" for n in range(51)}}, ["/variables"]),
        ({"to": "1", "agnet": "x", "": 1}, ["/agnet", "/"]),
        ({"To": "1"}, ["/to", "/To"]),
        ({"to": "1", "answer_detection": 1}, ["/answer_detection"]),
        ({"to": "1", "priority": 1.5}, ["/priority"]),
        ({"to": "1", "priority": 10**9}, ["/priority"]),
        ({"to": "1", "webhook": "ftp://x"}, ["/webhook"]),
        ({"to": "1", "webhook": "http://u:p@x/"}, ["/webhook"]),
        ({"to": "1", "not_before": 1795000000}, ["/not_before"]),
        ({"to": "1", "not_before": "2026-11-24"}, ["/not_before"]),
        ({"to": "1", "not_before": "2026-11-24T09:00:00"}, ["/not_before"]),
        ({"to": "1", "not_before": "2026-02-30T09:00:00Z"}, ["/not_before"]),
        ({"to": "1", "expires": "0001-01-01T00:00:00+23:59"}, ["/expires"]),
        ({"to": "1", "expires": "9999-12-31T23:59:59-23:59"}, ["/expires"]),
    ],
)
async def test_wrong_and_unknown_fields_are_pointed_at(body: dict[str, Any], pointers: list[str]) -> None:
    raw = json.dumps(body).replace("Infinity", "1e999").encode()
    async with harness() as it:
        status, told = await problem(it, "POST", PLACE, data=raw, headers=JSON)
        assert status == 400
        assert [each["pointer"] for each in told["errors"]] == pointers
        assert all(each["detail"] for each in told["errors"])


@pytest.mark.parametrize("text", ["\\ud83d", "a\\ude00b", "\\ude00\\ud83d", "\\u0000"])
@pytest.mark.parametrize("raw", ['{"to": "1", "variables": {"a": "%s"}}', '{"to": "1", "variables": {"%s": "a"}}'])
async def test_text_that_nothing_could_encode_or_keep(raw: str, text: str) -> None:
    async with harness() as it:
        status, told = await problem(it, "POST", PLACE, data=(raw % text).encode(), headers=JSON)
        assert (status, told["type"]) == (400, "/problems/malformed-request")


@pytest.mark.parametrize("text", ["\\ud83d", "\\udc00!"])
async def test_half_a_character_is_not_said(text: str) -> None:
    async with harness() as it:
        path = f"/v1/calls/{it.calls.add().id}/say"
        status, _ = await problem(it, "POST", path, data=f'{{"text": "{text}"}}'.encode(), headers=JSON)
        assert status == 400


async def test_two_halves_make_a_character() -> None:
    async with (
        harness() as it,
        it.request("POST", PLACE, data=b'{"to": "1", "variables": {"a": "\\ud83d\\ude00"}}', headers=JSON) as answer,
    ):
        assert answer.status == 202


@pytest.mark.parametrize("action", ["hangup", "transfer"])
async def test_actions_take_no_unknown_fields(action: str) -> None:
    async with harness() as it:
        path = f"/v1/calls/{it.calls.add().id}/{action}"
        assert (await problem(it, "POST", path, json={"to": "1", "by": "somebody"}))[0] == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "br"},
        {"Content-Type": "nonsense"},
        {"Content-Type": "application/json; charset*=undefined''x"},
        {"Content-Type": "application/json; charset*=idna'' .%ff"},
    ],
)
async def test_only_plain_json_is_read(headers: dict[str, str]) -> None:
    async with harness() as it:
        status, _ = await problem(it, "POST", PLACE, data=b'{"to": "1"}', headers=headers)
        assert status == 415


async def test_json_in_another_case_with_a_charset_is_json() -> None:
    headers = {"Content-Type": "Application/JSON; charset=UTF-8"}
    async with harness() as it, it.request("POST", PLACE, data=b'{"to": "1"}', headers=headers) as answer:
        assert answer.status == 202


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_is_refused(chunked: bool) -> None:
    raw = b'{"to": "' + b"1" * request_body.LARGEST + b'"}'

    async def in_chunks() -> Any:
        for start in range(0, len(raw), 8192):
            yield raw[start : start + 8192]

    async with harness() as it:
        status, told = await problem(it, "POST", PLACE, data=in_chunks() if chunked else raw, headers=JSON)
        assert (status, told["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/calls", "/v1/calls/", "/v1/calls/a/b", "/%00", "/v1/calls//hangup"])
async def test_unknown_paths(path: str) -> None:
    async with harness() as it:
        status, told = await problem(it, "GET", path)
        assert (status, told["type"]) in ((404, "/problems/not-found"), (405, "/problems/method-not-allowed"))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods(method: str) -> None:
    async with harness() as it, it.request(method, PLACE) as answer:
        assert answer.status == 405
        assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}
        assert (await answer.json())["type"] == "/problems/method-not-allowed"


@pytest.mark.parametrize("call", ["nobody", "%2e%2e", "%0d%0aX-Evil:1", "x" * 4000, "%00", "é", "..%2f..%2fchannels"])
async def test_ids_that_name_no_call(call: str) -> None:
    async with harness() as it:
        assert (await problem(it, "GET", f"/v1/calls/{call}"))[0] == 404


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["to", "trunk", "agent", "variables", "timeout", "x"]) | st.text(max_size=5), inner
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_is_placed_or_refused(value: Any) -> None:
    async def ask() -> None:
        async with harness() as it, it.request("POST", PLACE, data=json.dumps(value), headers=JSON) as answer:
            assert answer.status in (202, 400)
            assert (answer.status == 202) is bool(it.calls.asked)
            await answer.json()

    asyncio.run(ask())


# ---------------------------------------------------------------- slow and broken connections


async def raw_answer(port: int, sent: bytes, *, eof: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        if eof:
            writer.write_eof()
        async with asyncio.timeout(15):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


HEAD = (
    f"POST /v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Type: application/json\r\n"
).encode()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_connection_that_never_finishes_its_headers_is_closed(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.2)
    async with harness() as it:
        assert await raw_answer(it.port, sent) == b""


async def test_a_body_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "READ_SECONDS", 0.2)
    monkeypatch.setattr(server, "CLOSING_SECONDS", 0.2)
    async with harness() as it:
        answer = await raw_answer(it.port, HEAD + b'Content-Length: 20\r\n\r\n{"to": ')
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"/problems/too-slow" in answer
        assert it.calls.asked == []


@pytest.mark.parametrize("more", [b"Content-Length: 20\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"])
async def test_who_goes_away_within_a_body_is_no_fault_of_ours(more: bytes) -> None:
    with capture_logs() as lines:
        async with harness() as it:
            for abort in (True, False):
                _, writer = await asyncio.open_connection("127.0.0.1", it.port)
                writer.write(HEAD + more)
                await writer.drain()
                await asyncio.sleep(0.05)
                (writer.transport.abort if abort else writer.close)()
            async with asyncio.timeout(5):
                while sum(line["event"] == "request" for line in lines) < 2:  # noqa: ASYNC110 - only the log tells
                    await asyncio.sleep(0.01)
            assert it.calls.asked == []
    assert [line for line in lines if line["log_level"] == "error"] == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",  # TLS to a plain port
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/calls HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        HEAD + b"Content-Length: -1\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    ],
)
async def test_what_is_not_http_harms_nobody(sent: bytes) -> None:
    async with harness() as it:
        answer = await raw_answer(it.port, sent, eof=True)
        assert answer == b"" or answer.split(b" ")[1].startswith(b"4")
        assert it.calls.asked == []
        async with it.request("GET", "/healthz", token=None) as fine:
            assert fine.status == 200


async def test_a_second_authorization_header_is_refused() -> None:
    async with harness() as it:
        twice = f"GET /v1/calls HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {ADMIN}\r\n".encode()
        assert b" 200 " in await raw_answer(it.port, twice + b"\r\n")
        answer = await raw_answer(it.port, twice + b"Authorization: Bearer other\r\n\r\n")
        assert b" 401 " in answer or b" 400 " in answer


async def test_numbers_are_never_logged(capfd: pytest.CaptureFixture[str]) -> None:
    async with harness() as it:
        for body in ({"to": "+4930555123"}, {"to": "+4930555123", "x": "+4930555123"}):
            async with it.request("POST", PLACE, json=body) as answer:
                await answer.read()
        async with it.request("GET", "/v1/calls/+4930555123") as answer:
            await answer.read()
    out, err = capfd.readouterr()
    assert "4930555123" not in out + err
    assert "/v1/calls/{id}" in out + err
