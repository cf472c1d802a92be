"""Checks the certificates of TLS servers that we use: are they trusted, and for how long?

Owns the handshake and its time limit. Sends no key: it closes the connection after the handshake. `judged` is pure.
"""

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bridge.common.proxies import BadProxy, Way, proxy_for
from bridge.common.tls import client_context
from controller.cli.doctor import environment
from controller.cli.doctor.findings import Finding, failure, ok, warning
from controller.config import Config

SECONDS = 5.0
SOON_DAYS = 21
"""Automatic renewal has failed twice by then."""

EXPIRED, NOT_YET, WRONG_NAME = (10,), (9,), (62, 64)
"""X509_V_ERR_… of OpenSSL's x509_vfy.h; with any other code the issuer is not trusted."""


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """A server that is reached by TLS."""

    check: str
    url: str
    ca_file: str | None = None
    """None: the system's certificates."""


def providers(config: Config) -> list[TlsPeer]:
    servers = [("openai", config.openai), *config.providers.items()]
    return _peers((f"provider {name}", provider.url) for name, provider in servers)


def asterisk(config: Config) -> list[TlsPeer]:
    return _peers([("ari", config.asterisk.ari.url)], config.asterisk.ari.ca_file)


def _peers(urls: Iterable[tuple[str, str]], ca_file: str | None = None) -> list[TlsPeer]:
    return [TlsPeer(f"certificate of {name}", url, ca_file) for name, url in urls if url.startswith(("https:", "wss:"))]


async def certificates(peers: Iterable[TlsPeer]) -> list[Finding]:
    return [await _certificate(peer) for peer in peers]


async def _certificate(peer: TlsPeer) -> Finding:
    parts = urlsplit(peer.url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        trust = client_context(peer.url, peer.ca_file)
    except OSError as error:  # also ssl.SSLError
        text = f"{peer.ca_file} can't be used: {error.strerror or type(error).__name__}"
        return failure(peer.check, text, "Name a PEM file of certificates that this user may read.")
    route = Way()
    try:
        route.proxy = proxy_for(peer.url) if peer.url.startswith("wss:") else None
        async with asyncio.timeout(SECONDS):
            shown = await (_direct(host, port, trust) if route.proxy is None else _by_proxy(peer.url, route, trust))
    except BadProxy as error:
        return failure(peer.check, f"can't be seen: {error}", environment.PROXY_FIX)
    except (OSError, UnicodeError, WebSocketException) as error:  # also TimeoutError and ssl.SSLError
        return _unseen(peer.check, f"{host}:{port}", error, route)
    judgement = judged(peer.check, datetime.fromtimestamp(ssl.cert_time_to_seconds(shown), UTC), datetime.now(UTC))
    return replace(judgement, told=f"{judgement.told}; reached{route}") if route.proxy else judgement


async def _direct(host: str, port: int, trust: ssl.SSLContext | None) -> str:
    """The end of the certificate's validity."""
    _, writer = await asyncio.open_connection(host, port, ssl=trust)
    writer.transport.abort()
    return str(writer.get_extra_info("peercert")["notAfter"])


async def _by_proxy(url: str, route: Way, trust: ssl.SSLContext | None) -> str:
    """The same through the proxy (HTTP or SOCKS, with or without TLS to it), as workers connect."""
    dates: list[str] = []

    class Connection(ClientConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            route.through = True

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            dates.append(str(transport.get_extra_info("peercert")["notAfter"]))
            super().connection_made(transport)
            cast(asyncio.Transport, transport).abort()

    try:
        await connect(url, proxy=route.proxy, ssl=trust, create_connection=Connection, open_timeout=None)
    except (OSError, EOFError, WebSocketException):
        if not dates:
            raise
    return dates[0]


def _unseen(check: str, server: str, error: Exception, route: Way) -> Finding:
    if (fault := route.fault(error)) is not None:
        return failure(check, f"can't be seen: {fault}", environment.PROXY_FIX)
    if isinstance(error, ssl.SSLCertVerificationError):
        return untrusted(check, error.verify_code, f"{error.verify_message}{route}")
    fix = "Is the port right, and does TLS begin there? A proxy in between may break it."
    return failure(check, f"no TLS with {server}{route} ({type(error).__name__})", fix)


def judged(check: str, until: datetime, now: datetime) -> Finding:
    days = (until - now).days
    if days < SOON_DAYS:
        fix = "Renew it now, and check why automatic renewal did not."
        return warning(check, f"ends on {until:%Y-%m-%d}, in {days} days", fix)
    return ok(check, f"trusted, until {until:%Y-%m-%d}")


def untrusted(check: str, code: int, why: str) -> Finding:
    """`code` and `why`: from OpenSSL."""
    if code in EXPIRED:
        return failure(check, f"has expired ({why})", "Renew the certificate, and restart the server that shows it.")
    if code in NOT_YET:
        return failure(check, f"is not valid yet ({why})", "Set this machine's clock: chrony or systemd-timesyncd.")
    if code in WRONG_NAME:
        return failure(
            check, f"is for another name ({why})", "Use the name in the certificate, or have it issued anew."
        )
    fix = "Install its issuer's certificate on this machine (SSL_CERT_FILE names a file), or use a well-known issuer."
    return failure(check, f"is not trusted ({why})", fix)
