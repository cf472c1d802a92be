"""The AudioSocket server of a worker: who may connect, and for which call.

Owns the listening socket and the list of calls that are expected. A connection is for a call that was announced with
`expect`, is used once, comes in time and from an allowed address; any other is closed with one log line and the
others do not notice. What happens on a connection is `bridge.audiosocket.leg`'s.

Refuses to know what a session is: it hands each leg to the `Sink` that was announced for it.
"""

import asyncio
import errno
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog

from bridge.audiosocket.leg import Leg, Sink
from bridge.clock import Ticker

__all__ = ["AudioSocketServer", "Leg", "NoFreePort", "Sink"]

LOOPBACK = ("127.0.0.0/8", "::1/128")
HANDSHAKE_TIMEOUT = 2.0
"""Seconds from accept to the UUID. Asterisk sends it in the same millisecond."""
LIMIT = 1000
CLOSE_TIMEOUT = 1.0
"""Seconds in which closed connections must be gone."""
BACKLOG = 512
"""A storm of calls connects faster than a busy loop accepts; a full backlog costs Asterisk 2 s per call."""
REMEMBERED_UUIDS = 4096

RATE_FIX = (
    "the leg works, resampled, but telephone quality is lost twice: originate it with format slin24 "
    "(dialplan: AudioSocket/host:port/uuid/c(slin24)); older than Asterisk 20.17, 21.12, 22.7 or 23.1 cannot do it"
)

log = structlog.get_logger(__name__)


class NoFreePort(OSError):
    """None of the ports could be listened on."""


@dataclass(frozen=True, slots=True)
class _Expectation:
    sink: Sink
    until: float


class AudioSocketServer:
    """Listens for Asterisk.

    `allow`: networks (CIDR) that may connect. `handshake_timeout`: seconds until a connection must have named its call.
    `limit`: connections at once, nameless ones included.
    """

    def __init__(
        self,
        ticker: Ticker,
        *,
        allow: Iterable[str] = LOOPBACK,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        limit: int = LIMIT,
    ) -> None:
        self._ticker = ticker
        self._allow: list[IPv4Network | IPv6Network] = [ip_network(network) for network in allow]
        self._handshake_timeout = handshake_timeout
        self._limit = limit
        self._server: asyncio.Server | None = None
        self._expected: dict[str, _Expectation] = {}
        self._used: dict[str, None] = {}
        """UUIDs that were accepted before, oldest first: only to tell a second use from an unknown one in the log."""
        self._legs: set[Leg] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._rate_explained = False

    def __repr__(self) -> str:
        return f"<AudioSocketServer [{len(self._legs)} legs, {len(self._expected)} expected]>"

    @property
    def legs(self) -> int:
        """Open connections, nameless ones included."""
        return len(self._legs)

    async def start(self, host: str, ports: Iterable[int]) -> tuple[str, int]:
        """Listen on the first free port; 0 lets the system choose. Returns (host, port) as bound.

        Raises NoFreePort when all are taken, OSError for a host that is not ours.
        """
        ports = list(ports)
        for port in ports:
            try:
                self._server = await asyncio.get_running_loop().create_server(self._leg, host, port, backlog=BACKLOG)
            except OSError as fault:
                if fault.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            bound: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
            log.info("listening for AudioSocket", host=bound[0], port=bound[1])
            return bound
        raise NoFreePort(errno.EADDRINUSE, f"no free port on {host} among {ports}")

    def expect(self, call: str, sink: Sink, ttl: float) -> None:
        """Accept one connection for this call (a UUID) within `ttl` seconds. Raises ValueError for what is no UUID."""
        now = asyncio.get_running_loop().time()
        for late in [known for known, expectation in self._expected.items() if expectation.until < now]:
            del self._expected[late]
        name = str(uuid.UUID(call))
        self._used.pop(name, None)
        self._expected[name] = _Expectation(sink, now + ttl)

    def forget(self, call: str) -> None:
        """No connection for this call any more; one that is open stays open. Unknown calls are ignored."""
        self._expected.pop(call, None)

    def hang_up(self, call: str, reason: str) -> None:
        """Close the leg of a call whose session can't do it any more. No such leg: nothing happens."""
        for leg in [leg for leg in self._legs if leg.call == call]:
            leg.close(reason)

    async def close(self) -> None:
        """Stop listening and close all legs; returns when they are gone, within `CLOSE_TIMEOUT`."""
        self._expected.clear()
        if self._server is not None:
            self._server.close()
        for leg in tuple(self._legs):
            leg.close("the worker stops")
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._empty.wait()
        except TimeoutError:
            log.warning("media legs did not close in time", legs=len(self._legs))

    # ------------------------------------------------------------ for Leg

    def refuse(self, leg: Leg) -> str | None:
        """At accept. Counts the leg in any case, because it departs in any case."""
        self._legs.add(leg)
        self._empty.clear()
        if not self._allowed(leg.peer):
            return "address not allowed"
        if len(self._legs) > self._limit:
            return f"more than {self._limit} connections"
        return None

    def admit(self, leg: Leg, call: str) -> Sink | str:
        """Each UUID once, and only in its time."""
        expectation = self._expected.pop(call, None)
        if expectation is None:
            return "UUID used a second time" if call in self._used else "UUID unknown"
        if expectation.until < asyncio.get_running_loop().time():
            return "UUID too late"
        self._used[call] = None
        if len(self._used) > REMEMBERED_UUIDS:
            del self._used[next(iter(self._used))]
        return expectation.sink

    def explain_rate(self, leg: Leg, rate: int) -> None:
        """The fix is the same for all legs: say it once, loudly."""
        if self._rate_explained:
            log.info("media leg is not 24 kHz", call=leg.call, rate=rate)
            return
        self._rate_explained = True
        log.warning("media leg is not 24 kHz", call=leg.call, rate=rate, fix=RATE_FIX)

    def departed(self, leg: Leg) -> None:
        self._legs.discard(leg)
        if not self._legs:
            self._empty.set()

    # ------------------------------------------------------------ inside

    def _leg(self) -> Leg:
        return Leg(self, self._ticker, handshake_timeout=self._handshake_timeout)

    def _allowed(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._allow)
