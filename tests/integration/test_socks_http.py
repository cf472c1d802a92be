"""Tools, look-ups, webhooks and commands through a SOCKS proxy, and which addresses are allowed there."""

import asyncio
import ssl
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from controller.api import client_transport
from controller.cli.main import app
from controller.events.webhooks.http_sender import HttpSender
from controller.events.webhooks.receivers import Receiver
from tests.integration.proxy_harness import ANSWER, OTHER, PUBLIC, USER, as_hex, made, names, run, speaks, trusted
from tests.peers.proxy import proxy

__all__ = ["made", "names", "trusted"]


@pytest.mark.parametrize(
    ("scheme", "listed", "asked"),
    [
        ("socks5h", True, "shop.example"),
        ("socks4a", True, "shop.example"),
        ("socks5h", False, as_hex(PUBLIC)),  # what is not listed is looked up here, and the address checked
        ("socks4a", False, as_hex(PUBLIC)),
        ("socks5", True, as_hex(PUBLIC)),
        ("socks5", False, as_hex(PUBLIC)),
        ("socks4", False, as_hex(PUBLIC)),
    ],
)
@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
async def test_a_tool(
    variable: str, scheme: str, listed: bool, asked: str, monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]
) -> None:
    async with speaks(ANSWER) as port, proxy(port, user=USER) as by:
        monkeypatch.setenv(variable, f"{scheme}://{USER}@127.0.0.1:{by.port}")
        ran = await run("http://shop.example/", allowed_hosts=["shop.example"] if listed else [])
    assert (ran["ok"], ran["output"], by.asked) == (True, "hello", [asked])


async def test_a_name_that_only_the_proxy_knows(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    """It may stand for a private address, so the config has to list it."""
    async with speaks(ANSWER) as port, proxy(port) as by:
        monkeypatch.setenv("http_proxy", f"socks5h://127.0.0.1:{by.port}")
        ran = await run("http://far.example/")
        assert (ran["reason"], by.asked) == ("dns", [])
        assert ran["detail"] == "has no address here, and the proxy is asked for those of allowed_hosts only"
        assert (await run("http://far.example/", allowed_hosts=["far.example"]))["ok"]
        assert by.asked == ["far.example"]


@pytest.mark.parametrize("url", ["http://intranet.example/", "http://10.0.0.5/", "http://[fd00:ec2::254]/"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "socks4a"])
async def test_no_proxy_leads_to_private_addresses(
    scheme: str, url: str, monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]
) -> None:
    async with speaks(ANSWER) as port, proxy(port) as by:
        monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:{by.port}")
        ran = await run(url)
    assert (ran["reason"], by.asked) == ("private_address", [])


async def test_encrypted_to_the_server_behind_the_proxy(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]
) -> None:
    async with speaks(ANSWER, trusted) as port, proxy(port) as by:
        monkeypatch.setenv("https_proxy", f"socks5://127.0.0.1:{by.port}")
        ran = await run("https://ai.example/")
        assert (ran["reason"], by.asked) == ("tls", [as_hex(PUBLIC)])
        assert ran["detail"].startswith("its certificate is not trusted: ")
        assert ran["detail"].endswith(f" by the proxy socks5://127.0.0.1:{by.port} (https_proxy)")
        with monkeypatch.context() as believing:
            believing.setattr(httpx, "create_ssl_context", lambda **_: ssl.create_default_context())
            assert (await run("https://ai.example/"))["output"] == "hello"


async def test_a_server_behind_the_proxy_that_is_silent(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]
) -> None:
    """The proxy is named, and not blamed; nothing stays open."""
    gone = asyncio.Event()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        gone.set()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as there, proxy() as by:
        by.target = there.sockets[0].getsockname()[1]
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{by.port}")
        for url, reason, words in (
            ("https://shop.example/", "tls", "no TLS handshake within 0.3 s"),
            ("http://shop.example/", "timeout", "no answer within 0.3 s"),
        ):
            gone.clear()
            ran = await run(url, timeout_s=0.3)
            assert ran["reason"] == reason
            assert ran["detail"] == f"{words} by the proxy socks5://127.0.0.1:{by.port} (ALL_PROXY)"
            await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize("scheme", ["socks5", "socks4"])
async def test_a_server_with_several_addresses(
    scheme: str, monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]
) -> None:
    """The proxy is asked for each of them while it does not reach the server, and for no other if it forbids it."""
    names["shop.example"] = ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", PUBLIC, OTHER]
    v4 = [as_hex(PUBLIC), as_hex(OTHER)]
    code = 4 if scheme == "socks5" else 91
    async with proxy(reply=code) as by:
        monkeypatch.setenv("http_proxy", f"{scheme}://127.0.0.1:{by.port}")
        ran = await run("http://shop.example/")
        assert (ran["reason"], by.asked[-2:]) == ("proxy", v4)
        assert len(by.asked) == (3 if scheme == "socks5" else 2)
        names["shop.example"] = names["shop.example"][:1]
        ran = await run("http://shop.example/")
        if scheme == "socks4":
            assert "can't be told an IPv6 address: it speaks SOCKS 4" in ran["detail"]
        names["shop.example"] = [PUBLIC, OTHER]
        by.asked, by.user = [], USER
        if scheme == "socks5":
            assert "wants a user name" in (await run("http://shop.example/"))["detail"]
            assert by.asked == []


async def test_an_answer_that_the_proxy_cuts(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    begun = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ANSWER[:-2])
        begun.set()
        await reader.read()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as there, proxy() as by:
        by.target = there.sockets[0].getsockname()[1]
        monkeypatch.setenv("http_proxy", f"socks5://127.0.0.1:{by.port}")
        running = asyncio.create_task(run("http://shop.example/"))
        await begun.wait()
        await asyncio.sleep(0.05)
        by.cut()
        ran = await asyncio.wait_for(running, 5)
    assert ran["reason"] == "reset"
    assert ran["detail"].startswith("before the answer was complete: ")
    assert ran["detail"].endswith(f" by the proxy socks5://127.0.0.1:{by.port} (http_proxy)")


async def test_a_webhook(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    at = {"name": "crm", "url": "http://shop.example/", "keys": (b"k",), "types": frozenset[str](), "personal": False}
    receiver = Receiver(**at, allowed_hosts=frozenset(), timeout_s=5, give_up_after_s=9)  # type: ignore[arg-type]
    post = HttpSender()
    async with speaks(b"HTTP/1.1 204 No Content\r\n\r\n") as port, proxy(port, user=USER) as by:
        monkeypatch.setenv("http_proxy", f"socks5://{USER}@127.0.0.1:{by.port}")
        sent = await post.send(receiver, "e1", b"{}")
        by.user = "agent:another"
        lost = await post.send(receiver, "e1", b"{}")
    assert (sent.status, by.asked) == (204, [as_hex(PUBLIC)])
    assert (lost.status, lost.failed) == (None, "proxy")
    assert lost.reason.endswith(":" + str(by.port) + " (http_proxy) does not accept the user name and the password")


async def test_no_proxy_and_http_proxies(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    """Tools go without, where NO_PROXY has the host, and where the proxy is one of HTTP."""
    names["shop.example"] = ["127.0.0.1"]
    async with speaks(ANSWER) as port, proxy() as by:
        url = f"http://shop.example:{port}/"
        for env in (
            {"http_proxy": f"socks5h://127.0.0.1:{by.port}", "no_proxy": "other.example, .example"},
            {"ALL_PROXY": f"socks5h://127.0.0.1:{by.port}", "NO_PROXY": "shop.example"},
            {"HTTP_PROXY": f"http://127.0.0.1:{by.port}"},
            {"HTTP_PROXY": "nonsense"},
        ):
            with monkeypatch.context() as set_:
                for name, value in env.items():
                    set_.setenv(name, value)
                assert (await run(url, allowed_hosts=["shop.example"]))["ok"], env
    assert by.asked == []


# ------------------------------------------------------------ commands


@pytest.mark.parametrize(
    ("scheme", "settings", "words"),
    [
        ("socks5h", {"user": USER}, None),
        ("socks4a", {"user": USER}, None),
        ("socks5h", {"user": "a:b"}, "does not accept the user name and the password"),
        ("socks5h", {"reply": 5}, "does not reach the server (it answered: connection refused)"),
        ("socks4a", {"user": USER, "reply": 91}, "does not reach the server (it answered: rejected or failed)"),
        ("socks5h", {"gone_after": 0}, "closed the connection before it had answered"),
        ("socks5h", {"status": 0}, "timed out"),
        ("socks5", {"user": USER}, "the server's name has no address here"),
    ],
)
async def test_commands_to_a_controller_elsewhere(
    scheme: str, settings: dict[str, Any], words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_transport, "TRIES", 1)
    monkeypatch.setattr(client_transport, "TIMEOUT_SECONDS", 0.5)
    page = b'{"calls":[],"next":null}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(page)
    async with speaks(answer + page) as port, proxy(port, **settings) as by:
        env = {"VOICEAI_URL": "http://controller.invalid:8080", "VOICEAI_API_TOKEN": "t"}
        env["ALL_PROXY"] = f"{scheme}://{USER}@127.0.0.1:{by.port}"
        done = await asyncio.to_thread(CliRunner().invoke, app, ["calls"], env=env)
    told = done.output.replace("\n", " ")
    assert "hidd3n" not in told
    if words is None:
        assert (done.exit_code, by.asked) == (0, ["controller.invalid"]), told
    else:
        assert isinstance(done.exception, SystemExit), done.exception
        assert words in told
        assert f"{scheme}://127.0.0.1:{by.port} (ALL_PROXY)" in told or words == "timed out"
