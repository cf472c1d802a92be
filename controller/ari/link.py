"""The event websocket: connects, is kept alive, reconnects, and gives all events in order.

Owns one connection at a time to `/events` for one Stasis app, its pings and its back-off. No event is dropped: the
queue of frames has no limit, and a frame that cannot be read is logged as an error. There is no reconnect after
`ApplicationReplaced`: two controllers that took an app from each other in turn would lose calls again and again.

Asterisk does not repeat events from a time without a link: after `LinkUp` the reader compares what exists with what it
knows. The password is sent in a header, never in the URL, and the handshake is never logged.

A link that is up shows that Asterisk's HTTP server works, not that its channels do: see `health`.
"""

import asyncio
import base64
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from bridge.common.backoff import Backoff
from bridge.common.websocket_upgrade import Upgrade
from controller.ari.errors import AriError, Unauthorized
from controller.ari.events import ApplicationReplaced, BadEvent, Event, parse
from controller.ari.transport import checked_id, checked_url
from controller.ari.websocket_transport import WebSocketTransport

log = structlog.get_logger()

PING_INTERVAL = 5.0
"""Seconds. A peer that vanished without closing is noticed within PING_INTERVAL + PING_TIMEOUT."""
PING_TIMEOUT = 5.0
OPEN_TIMEOUT = 5.0
CLOSE_TIMEOUT = 1.0
STEADY = 10.0
"""Seconds for which a link must have been up before the back-off starts at the shortest delay again."""
DELAYS, JITTER = (0.25, 0.5, 1.0, 2.0, 4.0, 5.0), 0.2
"""Seconds between two tries, and the share by which each varies at random."""
DENIED_PAUSE = 2.0
"""Seconds between two tries while the password is wrong: short, since an operator may be correcting it."""
MAX_FRAME = 16 * 1024 * 1024

# At DEBUG the library logs the handshake, credentials included.
_library_log = logging.getLogger(f"{__name__}.websocket")
_library_log.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Our app is registered and events flow; `first`: since this process started."""

    first: bool


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link was lost; the controller is reconnecting. `closed`: by the far end, or its kernel; it did not fall
    silent, and was not dropped by us."""

    reason: str
    closed: bool = False


@dataclass(slots=True)
class _Outage:
    """A time without a link: what was logged about it."""

    warned: bool = False
    denied: bool = False


class Link:
    """The events of one app. Raises BadArgument for an invalid URL."""

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        app: str,
        *,
        backoff: Backoff | None = None,
        ping_interval: float = PING_INTERVAL,
        ping_timeout: float = PING_TIMEOUT,
        trust: ssl.SSLContext | None = None,
        admit: Callable[[], Awaitable[None]] | None = None,
        requests: WebSocketTransport | None = None,
    ) -> None:
        """`admit` is awaited before each connection. It raises AriError while our app must not be registered: then the
        dialplan handles callers. `requests`: ARI requests that are sent over this websocket too."""
        self.app = checked_id("app", app)
        query = urlencode({"app": app, "subscribeAll": "false"})
        self._uri = f"ws{checked_url(url).removeprefix('http')}/events?{query}"
        self._authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self._backoff = backoff or Backoff(DELAYS, jitter=JITTER)
        self._ping_interval, self._ping_timeout = ping_interval, ping_timeout
        default = ssl.create_default_context() if self._uri.startswith("wss:") else None
        self._trust = default if trust is None else trust
        self._admit = admit
        self._requests = requests
        self._socket: ClientConnection | None = None
        self._dropped: str | None = None

    async def stream(self) -> AsyncGenerator[LinkUp | LinkDown | Event, None]:
        """Endless, unless ApplicationReplaced comes: it is the last event. To stop before the end, use
        `contextlib.aclosing`."""
        outage, first = _Outage(), True
        self._backoff.reset()
        while True:
            self._socket = socket = await self._connected(outage)
            self._dropped = None
            up_since = _now()
            log.info("asterisk link up", app=self.app)
            try:
                if self._requests is not None:
                    await self._requests.opened(socket)
                yield LinkUp(first)
                while not isinstance(event := await self._next(socket), LinkDown | ApplicationReplaced):
                    yield event
            finally:
                if self._requests is not None:
                    self._requests.closed()
                await socket.close()
            if isinstance(event, ApplicationReplaced):
                yield event
                return
            event = LinkDown(self._dropped) if self._dropped else event
            log.warning("asterisk link down; reconnecting", app=self.app, reason=event.reason)
            if _now() - up_since >= STEADY:
                outage = _Outage()
                self._backoff.reset()
            outage.warned, first = True, False
            yield event
            await asyncio.sleep(self._backoff.next_delay())

    async def _next(self, socket: ClientConnection) -> Event | LinkDown:
        """The next event that can be read; LinkDown if the connection was closed."""
        while True:
            try:
                frame = await socket.recv(decode=False)
                if self._requests is None or not self._requests.take(frame):
                    return parse(frame)
            except BadEvent as error:
                log.error("asterisk sent an event that cannot be read", reason=str(error))
            except ConnectionClosed as closed:
                return LinkDown(str(closed), closed=_by_far_end(closed))

    async def drop(self, reason: str) -> None:
        """Close the connection; the stream goes on with LinkDown, and reconnects when `admit` allows."""
        if self._socket is not None:
            self._dropped = self._dropped or reason
            await self._socket.close()

    async def _connected(self, outage: _Outage) -> ClientConnection:
        """Tries until there is a connection on which our app is registered."""
        while True:
            try:
                if self._admit is not None:
                    await self._admit()
                return await Upgrade(
                    self._uri,
                    additional_headers={"Authorization": self._authorization},
                    compression=None,
                    proxy=None,  # Asterisk is in our own network
                    ssl=self._trust,
                    open_timeout=OPEN_TIMEOUT,
                    close_timeout=CLOSE_TIMEOUT,
                    ping_interval=self._ping_interval,
                    ping_timeout=self._ping_timeout,
                    max_size=MAX_FRAME,
                    max_queue=None,  # with a bound we would stop reading, and Asterisk closes such connections
                    logger=_library_log,
                )
            except InvalidStatus as error:
                await self._refused(outage, error.response.status_code)
            except Unauthorized as error:
                await self._refused(outage, error.status or 401)
            except AriError as error:
                await self._not_yet(outage, str(error))
            except (OSError, EOFError, TimeoutError, InvalidHandshake) as error:
                await self._not_yet(outage, type(error).__name__)

    async def _refused(self, outage: _Outage, status: int) -> None:
        """401 and 403 are about our user. Other statuses, such as 404 and 503, come while Asterisk starts."""
        if status not in (401, 403):
            await self._not_yet(outage, f"HTTP {status}")
            return
        (log.debug if outage.denied else log.error)(
            "asterisk does not let us in: compare user and password with its ari.conf, and the access list there",
            app=self.app,
            status=status,
        )
        outage.denied = True
        await asyncio.sleep(min(self._backoff.longest, DENIED_PAUSE))

    async def _not_yet(self, outage: _Outage, reason: str) -> None:
        delay = self._backoff.next_delay()
        (log.debug if outage.warned else log.warning)(
            "asterisk can't be reached yet; trying again", app=self.app, reason=reason, seconds=round(delay, 2)
        )
        outage.warned = True
        await asyncio.sleep(delay)


def _by_far_end(closed: ConnectionClosed) -> bool:
    """Whoever does not answer pings is closed by the library, which sends a close frame. Other errors of the socket
    (ETIMEDOUT, EHOSTUNREACH) say that nobody is heard."""
    if closed.rcvd is not None:
        return True
    unheard = isinstance(closed.__cause__, OSError) and not isinstance(closed.__cause__, ConnectionError)
    return closed.sent is None and not unheard


def _now() -> float:
    return asyncio.get_running_loop().time()
