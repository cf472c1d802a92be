"""The connection to the AI by an HTTP proxy: through it, and the message where it refuses. Workers and doctor."""

import asyncio
import socket
import ssl
from datetime import date
from pathlib import Path

import pytest

from bridge.common.proxies import proxy_for, shown
from bridge.realtime.protocol.errors import ConfigRefused, ConnectionLost, ProviderError
from bridge.realtime.transport import client
from controller.cli.doctor import environment, tls
from controller.cli.doctor.provider import live
from tests.integration.proxy_harness import USER, certificates, made, opened, realtime, refused, shows, trusted
from tests.peers.certificates import Certificate
from tests.peers.proxy import proxy
from tests.unit.controller.configs import SMALL, config

__all__ = ["made", "trusted"]


def joined(path: Path, *certificates: str) -> str:
    path.write_text("".join(Path(each).read_text() for each in certificates))
    return str(path)


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "WSS_PROXY", "wss_proxy", "ALL_PROXY", "all_proxy"])
async def test_workers_and_doctor_go_by_the_proxy(
    variable: str, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with realtime(trusted) as port, proxy(port, user=USER) as by:
        monkeypatch.setenv(variable, f"http://{USER}@localhost:{by.port}")
        await opened()
        found = await certificates()
    assert by.asked == ["ai.example:443"] * 2
    assert (found.verdict, variable in found.told) == ("ok", True), found
    assert f"reached by the proxy http://localhost:{by.port} ({variable})" in found.told


async def test_a_proxy_that_is_spoken_to_by_tls(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: dict[str, Certificate]
) -> None:
    both = joined(tmp_path / "both.pem", *(each.certificate for each in made.values()))
    async with realtime(trusted) as port, proxy(port, shows(made["localhost"])) as by:
        monkeypatch.setenv("https_proxy", f"https://localhost:{by.port}")
        told = await refused()
        assert f"the proxy https://localhost:{by.port} (https_proxy) has a certificate that is not trusted" in str(told)
        monkeypatch.setenv("SSL_CERT_FILE", both)
        client._tls.cache_clear()
        await opened()
        assert (await certificates()).verdict == "ok"
    async with proxy(0) as plain:
        monkeypatch.setenv("https_proxy", f"https://localhost:{plain.port}")
        assert "speaks no TLS" in str(await refused(1.0))


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (407, ConfigRefused, "does not accept the user name and the password (407)"),
        (403, ConfigRefused, "does not let us through to the server (403)"),
        (502, ConnectionLost, "does not reach the server (it answered 502)"),
        (504, ConnectionLost, "does not reach the server (it answered 504)"),
        (0, ConnectionLost, "did not answer in time"),
    ],
)
async def test_a_proxy_that_does_not_let_us_through(
    status: int, kind: type[ProviderError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "SECONDS", 0.5)
    async with proxy(status=status) as by:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{USER}@127.0.0.1:{by.port}")
        told = await refused(0.5)
        found = await certificates()
    assert type(told) is kind
    assert str(told) == f"the proxy http://127.0.0.1:{by.port} (HTTPS_PROXY) {words}"
    assert (found.verdict, str(told) in found.told, found.fix) == ("failure", True, environment.PROXY_FIX)


async def test_a_password_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxy(user=USER) as by:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{by.port}")
        assert "wants a user name and a password (407)" in str(await refused())
        (found,) = await live(config(SMALL, openai__url="wss://ai.example/v1/realtime"), date(2026, 11, 30))
    assert (found.verdict, "407" in found.told, "by the proxy http://127.0.0.1" in found.told) == (
        "failure",
        True,
        True,
    )


async def test_a_dead_proxy_and_one_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://{USER}@127.0.0.1:{closed.getsockname()[1]}")
        dead = await refused()
        (found,) = await live(config(SMALL, openai__url="wss://ai.example/v1/realtime"), date(2026, 11, 30))
    assert "(HTTPS_PROXY) can't be reached: connection refused" in str(dead)
    assert "by the proxy http://127.0.0.1:" in found.told
    assert "connection refused" in found.told
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    assert "proxy http://proxy.invalid:3128 (HTTPS_PROXY) can't be asked: no address" in str(await refused(20.0))


async def test_what_is_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as there:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{there.sockets[0].getsockname()[1]}")
        assert "does not answer like an HTTP proxy" in str(await refused())


async def test_a_server_behind_the_proxy_that_is_at_fault(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy did what it should: it is named, and not blamed."""
    closing = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with closing as there, proxy(there.sockets[0].getsockname()[1]) as by:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{USER}@127.0.0.1:{by.port}")
        told = await refused()
    assert str(told).startswith("cannot connect: ")
    assert str(told).endswith(f"by the proxy http://127.0.0.1:{by.port} (HTTPS_PROXY)")
    async with realtime(trusted) as port, proxy(port) as by:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{by.port}")
        monkeypatch.delenv("SSL_CERT_FILE")
        client._tls.cache_clear()
        assert "certificate verify failed" in str(await refused())
        assert "not trusted" in (await certificates()).told


async def test_a_server_that_needs_no_proxy(trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    for bypassed in ("ai.example", ".example", "*", "other.example, ai.example"):
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", bypassed)
        assert proxy_for("wss://ai.example/v1/realtime") is None
    monkeypatch.setenv("NO_PROXY", "other.example")
    assert proxy_for("wss://ai.example/v1/realtime") == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"HTTP_PROXY": "http://p:1"}, ["HTTP_PROXY is set"]),
        ({"http_proxy": "http://p:1", "all_proxy": "http://p:1"}, []),
        ({"http_proxy": "http://p:1", "https_proxy": "http://p:1"}, []),
        ({"HTTP_PROXY": ""}, []),
    ],
)
def test_proxies_that_are_not_used(env: dict[str, str], told: list[str]) -> None:
    found = environment.proxies(env)
    assert [each.told.partition(",")[0] for each in found] == told
    assert all("wss://" in each.told for each in found)


@pytest.mark.parametrize(
    ("proxy_url", "told"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128 (https_proxy)"),
        ("http://u:p%40ss@Proxy.Example:3128/", "http://proxy.example:3128 (https_proxy)"),
        ("https://u:p@proxy.example", "https://proxy.example:443 (https_proxy)"),
        ("http://u:p@[::1]:3128", "http://[::1]:3128 (https_proxy)"),
        ("socks5h://u:p@proxy.example:9050", "socks5h://proxy.example:9050 (https_proxy)"),
    ],
)
def test_how_a_proxy_is_shown(proxy_url: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy_url)
    used = proxy_for("wss://ai.example/v1/realtime")
    assert used == proxy_url
    assert shown(used) == told
