"""The controllers that a worker serves: to each its own link and its own sessions; to all together, its places.

Most workers serve one. Further ones use the worker besides their own. The first is its home: that one may end the
worker, and conversations go on without it, because its next process takes them over. A further controller that does not
come back within `ABANDON_SECONDS` loses its calls here, so that the others have the places.

A controller is told of its own calls only, and nothing that it says reaches those of another one. Of the others it is
told which they are and how many calls they have here.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from ipaddress import ip_network
from urllib.parse import urlsplit

import structlog

from bridge import contract
from bridge.audiosocket.server import AudioSocketServer
from bridge.engine import SessionFactory
from bridge.recording.recorder import Recordings
from bridge.worker.control_link import PING_SECONDS, ControlLink
from bridge.worker.options import LinkOptions
from bridge.worker.sessions import Sessions
from bridge.worker.state import Linked

ABANDON_SECONDS = 10.0
"""From the end of a link. A controller that was restarted is back sooner and takes its calls over; as long as the lease
of a node."""
FURTHER_PING_SECONDS, FURTHER_PONG_SECONDS = 2.0, 3.0
"""Between two pings to a further controller, and for the answer: one that stands still is noticed within 5 s."""

log = structlog.get_logger()

Hello = Callable[[LinkOptions, str, tuple[str, ...]], contract.Hello]
"""Makes the introduction for this link, given our address on it and the calls of this controller that are here."""


class ServedController:
    """One controller: its link, and the sessions of its calls."""

    def __init__(self, link: LinkOptions, sessions: Callable[..., Sessions], shared: "Controllers") -> None:
        parts = urlsplit(link.url)
        self.address = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'wss' else 80)}"
        """In logs and metrics."""
        self.home = link.home
        self._shared = shared
        # The link tells what the sessions say, and the sessions act on what the link says.
        self.sessions = sessions(
            self._emit,
            elsewhere=self._elsewhere,
            abandon_s=None if link.home else ABANDON_SECONDS,
            allow=tuple(map(ip_network, link.allow)),
            retire=shared.retire if link.home else self._keep_on,
        )
        self.link = ControlLink(
            *(link.url, link.token),
            hello=lambda local: shared.hello(link, local, self.sessions.calls),
            load=self._load,
            listener=self.sessions,
            live_report=self.sessions.live_report,
            ca_file=link.ca,
            ping_s=PING_SECONDS if link.home else FURTHER_PING_SECONDS,
            pong_s=PING_SECONDS if link.home else FURTHER_PONG_SECONDS,
        )

    def __repr__(self) -> str:
        return f"<ServedController {self.address} [{self.sessions!r}, {self.link!r}]>"

    @property
    def user(self) -> contract.WorkerUser:
        """As all controllers are told."""
        return contract.WorkerUser(node=self.sessions.node, calls=len(self.sessions), home=self.home)

    def _emit(self, event: contract.CallEvent) -> None:
        self.link.emit(event)
        self._shared.count(event)

    def _elsewhere(self) -> int:
        return len(self._shared) - len(self.sessions)

    def _load(self) -> contract.Load:
        load = self._shared.load()
        if len(self._shared.all) == 1:
            return load
        users = tuple(each.user for each in self._shared.all if each.sessions.node)
        return load.model_copy(update={"home": self.home, "elsewhere": self._elsewhere(), "users": users})

    def _keep_on(self, _: float) -> None:
        log.warning("a controller wants this worker to end, and only its first one may", controller=self.address)


class Controllers:
    """All of them, in the order of the command line. `load` tells how the whole worker is doing; `retire` takes the
    seconds within which its home wants it to end; `count` takes each event. `len()`: the calls of all."""

    def __init__(
        self,
        links: Sequence[LinkOptions],
        capacity: int,
        server: AudioSocketServer,
        factory: SessionFactory,
        recordings: Recordings,
        *,
        hello: Hello,
        load: Callable[[], contract.Load],
        retire: Callable[[float], None],
        count: Callable[[contract.CallEvent], None],
    ) -> None:
        self.hello, self.load, self.retire, self.count = hello, load, retire, count
        sessions = partial(Sessions, server, factory, capacity=capacity, recordings=recordings)
        self.all = [ServedController(link, sessions, self) for link in links]

    def __len__(self) -> int:
        return sum(len(each.sessions) for each in self.all)

    def __iter__(self) -> Iterator[ServedController]:
        return iter(self.all)

    def __repr__(self) -> str:
        return f"<Controllers {self.all!r}>"

    @property
    def home(self) -> ServedController:
        return self.all[0]

    @property
    def up(self) -> bool:
        """Whether one of them hears this worker."""
        return any(each.link.up for each in self.all)

    @property
    def linked(self) -> tuple[Linked, ...]:
        """As the metrics tell it."""
        return tuple(Linked(each.address, each.link.up, len(each.sessions)) for each in self.all)

    async def run(self) -> None:
        """Keeps the links up until it is cancelled. Raises whatever broke a link's own code."""
        async with asyncio.TaskGroup() as tasks:
            for each in self.all:
                tasks.create_task(each.link.run(), name=f"control link to {each.address}")

    async def drain(self, seconds: float) -> None:
        """Of all sessions (`Sessions.drain`)."""
        await asyncio.gather(*(each.sessions.drain(seconds) for each in self.all))

    async def flush(self, seconds: float) -> bool:
        """Until all controllers that are there know everything; False: not within `seconds`."""
        told = await asyncio.gather(*(each.link.flush(seconds if each.link.up else 0) for each in self.all))
        return all(told)
