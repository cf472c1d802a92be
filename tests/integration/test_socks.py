"""Connections through a SOCKS proxy: to the AI, and those of the doctor."""

import asyncio
import socket
import ssl
from datetime import date
from typing import Any

import pytest

from bridge.common.proxies import BadProxy, proxy_for, shown, socks_for
from bridge.realtime.protocol.errors import ConfigRefused, ConnectionLost, ProviderError
from controller.cli.doctor import environment, tls
from controller.cli.doctor.provider import live
from tests.integration.proxy_harness import (
    PUBLIC,
    URL,
    USER,
    as_hex,
    certificates,
    connected,
    dead,
    made,
    names,
    opened,
    realtime,
    refused,
    run,
    speaks,
    trusted,
)
from tests.peers.proxy import proxy
from tests.unit.controller.configs import SMALL, config

__all__ = ["made", "names", "trusted"]


# ------------------------------------------------------------ to the AI


@pytest.mark.parametrize(
    "variable", ["https_proxy", "HTTPS_PROXY", "WSS_PROXY", "SOCKS_PROXY", "all_proxy", "ALL_PROXY"]
)
async def test_workers_and_doctor_go_by_the_proxy(
    variable: str, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with realtime(trusted) as port, proxy(port, user=USER) as by:
        monkeypatch.setenv(variable, f"socks5h://{USER}@localhost:{by.port}")
        await opened()
        found = await certificates()
    assert by.asked == ["ai.example"] * 2
    assert found.verdict == "ok", found
    assert f"reached by the proxy socks5h://localhost:{by.port} ({variable})" in found.told


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [("socks5h", "ai.example"), ("socks4a", "ai.example"), ("socks5", as_hex(PUBLIC)), ("socks4", as_hex(PUBLIC))],
)
@pytest.mark.parametrize("user", ["agent:hidd3n@", ""])
async def test_who_looks_the_name_up(
    scheme: str,
    asked: str,
    user: str,
    trusted: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, list[str]],
) -> None:
    if asked == "ai.example":
        names.clear()
    async with (
        realtime(trusted) as port,
        proxy(port, user=USER if user else None) as by,
        speaks(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", trusted) as api,
    ):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://{user}127.0.0.1:{by.port}")
        await opened()
        assert (await certificates()).verdict == "ok"
        by.target = api
        (found,) = await live(config(SMALL, openai__url=URL), date(2026, 11, 30))
    assert by.asked == [asked] * 3
    assert found.verdict == "ok", found
    assert f"(by the proxy {scheme}://127.0.0.1:{by.port} (ALL_PROXY))" in found.told


async def test_a_name_without_an_address_here(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    names.clear()
    async with proxy() as by:
        monkeypatch.setenv("HTTPS_PROXY", f"socks5://127.0.0.1:{by.port}")
        told = await refused()
        (found,) = await live(config(SMALL, openai__url=URL), date(2026, 11, 30))
    assert (type(told), by.asked) == (ConfigRefused, [])
    assert "the server's name has no address here (with socks5h://" in str(told)
    assert str(told) in found.told


Settings = dict[str, Any]
FAULTS: list[tuple[str, str, Settings, type[ProviderError], str]] = [
    ("socks5h", "", {"user": USER}, ConfigRefused, "wants a user name and a password"),
    ("socks5h", "agent:wr0ng@", {"user": USER}, ConfigRefused, "does not accept the user name and the password"),
    ("socks5h", "", {"method": 2}, ConfigRefused, "wants a user name and a password"),
    (
        "socks5h",
        "a:b@",
        {"method": 255},
        ConfigRefused,
        "accepts no user name and password, and wants to know us in an",
    ),
    ("socks5h", "a:b@", {"method": 1}, ConfigRefused, "accepts no user name and password, and wants to know us in an"),
    ("socks5h", "", {"reply": 1}, ConnectionLost, "does not reach the server (it answered: general failure)"),
    ("socks5h", "", {"reply": 2}, ConfigRefused, "does not let us through to the server (forbidden by its rules)"),
    ("socks5h", "", {"reply": 3}, ConnectionLost, "does not reach the server (it answered: network unreachable)"),
    ("socks5h", "", {"reply": 4}, ConnectionLost, "does not reach the server (it answered: host unreachable)"),
    ("socks5h", "", {"reply": 5}, ConnectionLost, "does not reach the server (it answered: connection refused)"),
    ("socks5h", "", {"reply": 6}, ConnectionLost, "does not reach the server (it answered: TTL expired)"),
    ("socks5h", "", {"reply": 77}, ConnectionLost, "does not reach the server (it answered with code 77)"),
    ("socks4a", "", {"reply": 91}, ConnectionLost, "does not reach the server (it answered: rejected or failed)"),
    (
        "socks4a",
        "a:@",
        {"user": USER},
        ConnectionLost,
        "does not reach the server (it answered: rejected, for the identd",
    ),
    ("socks5h", "", {"status": 0}, ConnectionLost, "did not answer "),
    ("socks5h", "", {"gone_after": 0}, ConnectionLost, "closed the connection before it had answered"),
    ("socks5h", "", {"gone_after": 1}, ConnectionLost, "closed the connection before it had answered"),
    ("socks4a", "", {"gone_after": 0}, ConnectionLost, "closed the connection before it had answered"),
]


@pytest.mark.parametrize(("scheme", "user", "settings", "kind", "words"), FAULTS)
async def test_a_proxy_that_does_not_let_us_through(
    scheme: str,
    user: str,
    settings: Settings,
    kind: type[ProviderError],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, list[str]],
) -> None:
    """Workers, the doctor and a tool say it in the same words."""
    monkeypatch.setattr(tls, "SECONDS", 0.5)
    monkeypatch.setattr("controller.cli.doctor.provider.TIMEOUT", 0.5)
    async with proxy(**settings) as by:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://{user}127.0.0.1:{by.port}")
        told = await refused(0.5)
        seen = await certificates()
        (found,) = await live(config(SMALL, openai__url=URL), date(2026, 11, 30))
        ran = await run("https://shop.example/", timeout_s=0.5)
    named = f"the proxy {scheme}://127.0.0.1:{by.port} (HTTPS_PROXY) {words}"
    assert type(told) is kind
    assert str(told).startswith(named)
    assert (seen.verdict, str(told) in seen.told, seen.fix) == ("failure", True, environment.PROXY_FIX)
    assert (found.verdict, found.fix) == ("failure", environment.PROXY_FIX)
    if settings != {"status": 0}:
        assert str(told) in found.told
    assert (ran["reason"], ran["detail"].startswith(named)) == ("proxy", True), ran
    assert "wr0ng" not in f"{told}{seen}{found}{ran}"


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n", b"\x05\x02\x07" + bytes(9)]
)
async def test_what_is_no_socks_proxy(
    answer: bytes, monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]
) -> None:
    async with speaks(answer) as port:
        for scheme in ("socks5h", "socks4a"):
            monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://{USER}@127.0.0.1:{port}")
            told, ran = await refused(), await run("https://shop.example/")
            assert "does not answer like a SOCKS proxy" in str(told)
            assert str(told) == ran["detail"]


async def test_a_dead_proxy_and_one_without_an_address(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]
) -> None:
    for host, words in (
        ("127.0.0.1", "can't be reached: connection refused"),
        ("p.example", "can't be asked: no addr"),
    ):
        at = f"{host}:{dead()}"
        monkeypatch.setenv("HTTPS_PROXY", f"socks5://{USER}@{at}")
        told = str(await refused())
        (found,) = await live(config(SMALL, openai__url=URL), date(2026, 11, 30))
        ran = await run("https://shop.example/")
        assert told.startswith(f"the proxy socks5://{at} (HTTPS_PROXY) {words}")
        assert told == ran["detail"]
        assert (told in found.told, told in (await certificates()).told) == (True, True)
        assert ran["reason"] == "proxy"


async def test_a_conversation_that_the_proxy_cuts(trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    async with realtime(trusted) as port, proxy(port) as by:
        monkeypatch.setenv("HTTPS_PROXY", f"socks5h://127.0.0.1:{by.port}")
        talking = await connected()
        at = talking._connection.transport.get_extra_info("socket")
        assert at.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0  # a frame does not wait for the next one
        hearing = asyncio.create_task(talking.receive(lambda event: None))
        await asyncio.sleep(0.05)
        by.cut()
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(hearing, 5)
        await talking.close()
        await opened()  # and by the same proxy anew
    assert by.asked == ["ai.example"] * 2


async def test_a_server_behind_the_proxy_that_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy did what it should: it is named, and not blamed."""
    async with speaks(b"") as gone, proxy(gone) as by:
        monkeypatch.setenv("HTTPS_PROXY", f"socks5h://{USER}@127.0.0.1:{by.port}")
        told = str(await refused())
    assert told.startswith("cannot connect: ")
    assert told.endswith(f"by the proxy socks5h://127.0.0.1:{by.port} (HTTPS_PROXY)")


# ------------------------------------------------------------ which proxy


@pytest.mark.parametrize(
    ("env", "url", "used"),
    [
        ({"all_proxy": "socks5://p"}, URL, "socks5://p:1080"),
        ({"all_proxy": "socks4://me@p"}, URL, "socks4://me:@p:1080"),
        ({"https_proxy": "socks5://u:p%40s@[::2]/"}, URL, "socks5://u:p%40s@[::2]:1080/"),
        ({"all_proxy": "SOCKS5://p:1", "https_proxy": "http://q:2"}, URL, "http://q:2"),
        ({"all_proxy": "socks5://p:1", "socks_proxy": "http://q:2"}, URL, "socks5h://q:2"),
        ({"http_proxy": "socks5://p:1"}, URL, None),
        ({"all_proxy": "socks5://p:1"}, "wss://localhost/v1", None),
        ({"all_proxy": "socks5://p:1"}, "https://shop.example/x", "socks5://p:1"),
        ({"https_proxy": "socks5://p:1"}, "http://shop.example/x", None),
        ({"http_proxy": "socks5://p:1"}, "http://shop.example/x", "socks5://p:1"),
        ({"all_proxy": "socks5://p:1", "no_proxy": "shop.example:8443"}, "https://shop.example:8443/x", None),
        ({"all_proxy": "socks5://p:1", "no_proxy": "shop.example:8443"}, "https://shop.example/x", "socks5://p:1"),
    ],
)
def test_which(env: dict[str, str], url: str, used: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == used
    assert socks_for(url) == (used if used and used.startswith("socks") else None)
    if used:
        assert "_proxy)" in shown(used)


def test_how_the_proxy_of_its_own_variable_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKS_PROXY", "http://u:p@proxy.example")
    used = proxy_for(URL)
    assert used == "socks5h://u:p@proxy.example:1080"
    assert shown(used) == "socks5h://proxy.example:1080 (SOCKS_PROXY)"


@pytest.mark.parametrize(
    "value",
    ["socks5://u@p:1", "socks6://u:hidd3n@p:1", "socks5://u:hidd3n@p:x", "socks5://ü:hidd3n@p:1"]
    + [f"socks5://u:{'hidd3n' * 50}@p:1", "socks5://u:hidd3n@p:1/path", "socks5://", "socks5://u:hidd3n%ff@p:1"],
)
async def test_what_is_no_proxys_url(value: str, monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    monkeypatch.setenv("all_proxy", value)
    for check in (proxy_for, socks_for):
        with pytest.raises(BadProxy, match=r"the proxy of the environment \(ALL_PROXY\)") as told:
            check(URL)
        assert "hidd3n" not in f"{told.value!r}{told.value.__cause__!r}"
    assert type(await refused()) is ConfigRefused
    ran = await run("https://shop.example/")
    assert (ran["reason"], "ALL_PROXY" in ran["detail"]) == ("proxy", True)
