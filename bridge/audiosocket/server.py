"""The AudioSocket server of a worker: who may connect, and for which call.

Owns the listening socket and the list of connections that are expected. A connection shows a media id that was told
with `expect`, once, in time and from an allowed address; any other is closed and the others do not notice. Asterisk may
be here before `expect` is: such a connection waits for a moment. What happens on a connection is
in `leg`.

The number of connections that have shown no expected id is limited, so that a flood of them does not keep Asterisk out:
the oldest is closed, because Asterisk shows its id in the millisecond in which it connects. Expected connections do not
count. Each leg is given to the `MediaSink` that was announced for it.
"""

import asyncio
import errno
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog

from bridge.audiosocket.leg import Leg
from bridge.audiosocket.ticker import Ticker
from bridge.media.sink import MediaSink

LOOPBACK = ("127.0.0.0/8", "::1/128")
HANDSHAKE_TIMEOUT = 1.0
"""Seconds from accept to the media id, and from there to its being expected. Asterisk sends it in the same millisecond;
the controller tells it before, on a way that may be slower."""
UNEXPECTED = 256
"""Connections at once that have not shown an expected media id."""
UNEXPECTED_PER_ADDRESS = 32
"""Likewise, from one address, those apart that have only just come."""
JUST_COME = 0.1
"""Seconds: those accepted in one go with Asterisk's connection are not closed for each other's sake."""
REFUSALS_LOGGED = 10
REFUSALS_WINDOW = 10.0
"""Within these seconds this number of refusals is logged one by one; further ones are counted."""
CLOSE_TIMEOUT = 1.0
"""Seconds in which closed connections must be gone."""
BACKLOG = 512
"""A storm of calls connects faster than a busy loop accepts; a full backlog costs Asterisk 2 s per call."""
REMEMBERED_IDS = 4096
ADDRESS = "address not allowed"

RATE_FIX = (
    "the leg works, resampled, but telephone quality is lost twice: originate it with format slin24 "
    "(dialplan: AudioSocket/host:port/uuid/c(slin24)); older than Asterisk 20.17, 21.12, 22.7 or 23.1 cannot do it"
)

log = structlog.get_logger(__name__)


class CantListen(OSError):
    """The host is not ours, or unknown."""


class NoFreePort(CantListen):
    """None of the ports could be listened on."""


Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class _Expectation:
    call: str
    sink: MediaSink
    until: float
    allow: tuple[Network, ...]
    """From where; empty: from wherever the server lets in."""


class AudioSocketServer:
    """Listens for Asterisk.

    `allow`: networks (CIDR) that may connect. `handshake_timeout`: seconds until a connection must have shown its media
    id. `unexpected`, `per_address`: connections at once that have shown no expected one, of all and of one address.
    """

    def __init__(
        self,
        ticker: Ticker,
        *,
        allow: Iterable[str] = LOOPBACK,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        unexpected: int = UNEXPECTED,
        per_address: int = UNEXPECTED_PER_ADDRESS,
    ) -> None:
        self._ticker = ticker
        self._allow = tuple(ip_network(network) for network in allow)
        self._handshake_timeout = handshake_timeout
        self._unexpected_limit = unexpected
        self._per_address = per_address
        self._server: asyncio.Server | None = None
        self._expected: dict[str, _Expectation] = {}
        self._used: dict[str, None] = {}
        """Media ids that were accepted before, oldest first: only to tell a second use from an unknown one."""
        self._legs: set[Leg] = set()
        self._unexpected: dict[Leg, None] = {}
        """Those that have not shown an expected media id, oldest first."""
        self._early: dict[str, Leg] = {}
        """Those of them that have shown one, which nobody has told us yet."""
        self._refusals = 0
        self._refusals_told: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self._rate_explained = False

    def __repr__(self) -> str:
        return f"<AudioSocketServer [{len(self._legs)} legs, {len(self._expected)} expected]>"

    @property
    def legs(self) -> int:
        """Open connections, also those that have not shown an id."""
        return len(self._legs)

    async def start(self, host: str, ports: Iterable[int]) -> tuple[str, int]:
        """Listen on the first free port; 0 lets the system choose. Returns (host, port) as bound.

        Raises NoFreePort when all are taken, CantListen for a host that is not ours.
        """
        ports = list(ports)
        for port in ports:
            try:
                self._server = await asyncio.get_running_loop().create_server(self._leg, host, port, backlog=BACKLOG)
            except OSError as fault:
                if fault.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise CantListen(fault.errno, fault.strerror or str(fault)) from fault
                continue
            bound: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
            log.info("listening for AudioSocket", host=bound[0], port=bound[1])
            return bound
        raise NoFreePort(errno.EADDRINUSE, f"no free port on {host} among {ports}")

    def expect(self, media: str, call: str, sink: MediaSink, ttl: float, allow: tuple[Network, ...] = ()) -> None:
        """Accept one connection that shows this media id (a UUID), for this call, within `ttl` seconds. What was
        expected for the sink before is not any more. `allow`: from these networks only. Raises ValueError for what is
        no UUID, and for an id that another sink waits for: controllers that share this server choose the ids."""
        now, name = asyncio.get_running_loop().time(), str(uuid.UUID(media))
        self.forget(sink)
        for late in [known for known, expectation in self._expected.items() if expectation.until < now]:
            del self._expected[late]
        if name in self._expected:
            raise ValueError("another session waits for this media id")
        early = self._early.get(name)
        if early is not None and early.open and _allowed(early.peer, allow):
            del self._early[name]
            self._use(early, name)
            early.accept(call, sink)
        else:
            self._expected[name] = _Expectation(call, sink, now + ttl, allow)

    def forget(self, sink: MediaSink) -> None:
        """No connection for this sink any more; one that is open stays open. Unknown ones are ignored."""
        for media in [media for media, expectation in self._expected.items() if expectation.sink is sink]:
            del self._expected[media]

    def hang_up(self, sink: MediaSink, reason: str) -> None:
        """Closes the leg of a session that has failed. Without such a leg nothing happens."""
        for leg in [leg for leg in self._legs if leg.sink is sink]:
            leg.close(reason)

    async def close(self) -> None:
        """Stop listening and close all legs; returns when they are gone, within `CLOSE_TIMEOUT`."""
        self._expected.clear()
        if self._refusals_told is not None:
            self._refusals_told.cancel()
            self._tell_uncounted()
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
        if not _within(leg.peer, self._allow):
            return ADDRESS
        self._unexpected[leg] = None
        self._make_room(leg.peer)
        return None

    def admit(self, leg: Leg, media: str) -> tuple[str, MediaSink] | str | None:
        """Each media id once, and only in its time. One that nobody has told us yet may still be told."""
        expectation = self._expected.get(media)
        if expectation is None:
            if media in self._used or media in self._early:
                return "media id used a second time"
            self._early[media] = leg
            return None
        if not _allowed(leg.peer, expectation.allow):
            return ADDRESS  # still expected: from where it may come
        del self._expected[media]
        if expectation.until < asyncio.get_running_loop().time():
            return "media id too late"
        self._use(leg, media)
        return expectation.call, expectation.sink

    def explain_rate(self, leg: Leg, rate: int) -> None:
        """The fix is the same for all legs: say it once, loudly."""
        if self._rate_explained:
            log.info("media leg is not 24 kHz", call=leg.call, rate=rate)
            return
        self._rate_explained = True
        log.warning("media leg is not 24 kHz", call=leg.call, rate=rate, fix=RATE_FIX)

    def refused(self, leg: Leg, reason: str, *, fault: bool) -> None:
        """Its line in the log, as long as they are not too many."""
        if self._refusals_told is None:
            self._refusals_told = asyncio.get_running_loop().call_later(REFUSALS_WINDOW, self._tell_uncounted)
        self._refusals += 1
        if self._refusals <= REFUSALS_LOGGED:
            tell = log.warning if fault else log.info
            tell("AudioSocket connection over", peer=leg.peer, reason=reason)

    def departed(self, leg: Leg) -> None:
        self._legs.discard(leg)
        self._unexpected.pop(leg, None)
        if self._early.get(leg.media) is leg:
            del self._early[leg.media]
        if not self._legs:
            self._empty.set()

    # ------------------------------------------------------------ inside

    def _leg(self) -> Leg:
        return Leg(self, self._ticker, handshake_timeout=self._handshake_timeout)

    def _use(self, leg: Leg, media: str) -> None:
        self._unexpected.pop(leg, None)
        self._used[media] = None
        if len(self._used) > REMEMBERED_IDS:
            del self._used[next(iter(self._used))]

    def _make_room(self, peer: str) -> None:
        """One more has come from there."""
        same = [leg for leg in self._unexpected if leg.peer == peer]
        young = asyncio.get_running_loop().time() - JUST_COME
        if len(self._unexpected) > self._unexpected_limit:
            oldest = next(iter(self._unexpected))
        elif len(same) > self._per_address and same[0].accepted_at < young:
            oldest = same[0]
        else:
            return
        del self._unexpected[oldest]
        oldest.close("too many connections that show no expected media id")

    def _tell_uncounted(self) -> None:
        more, self._refusals, self._refusals_told = self._refusals - REFUSALS_LOGGED, 0, None
        if more > 0:
            log.warning(
                "more AudioSocket connections were refused, without a line for each",
                count=more,
                fix="look who connects to this port; only Asterisk should be able to (--allow, firewall)",
            )


def _allowed(peer: str, networks: tuple[Network, ...]) -> bool:
    """No networks: whoever was let in by the server."""
    return not networks or _within(peer, networks)


def _within(peer: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
