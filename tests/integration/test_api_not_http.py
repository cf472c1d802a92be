"""Bytes that are not HTTP at the API's port: refused, and not logged."""

import asyncio
import logging

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from controller.api.server import ApiServer

SECRET = b"t0ken-of-somebody"


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\xfe\x90\xda\xb8\x00\x01" + SECRET + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization Bearer " + SECRET + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\x00" + SECRET + b": 1\r\n\r\n",
        b"GET /" + SECRET * 1000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + SECRET + b"\r\n\r\n",
    ],
    ids=["bytes", "header", "nul", "long", "length"],
)
async def test_it_is_refused_in_one_line(rubbish: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs() as lines, caplog.at_level(logging.DEBUG):
        async with ApiServer(web.Application(), "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(rubbish)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert [each["event"] for each in lines] in (["what is not HTTP was refused"], [])
    assert [
        each for each in caplog.records if each.levelno >= logging.WARNING or SECRET.decode() in str(each.args)
    ] == []


async def test_an_error_of_ours_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise ValueError("ours")

    app = web.Application()
    app.router.add_get("/", broken)
    async with ApiServer(app, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 500")
    assert [each.levelname for each in caplog.records] == ["ERROR"]
