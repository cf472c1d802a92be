"""One bridge worker as the controller knows it: where it is, which calls it carries, whether it is overloaded.

Owns the rule for overload. Which workers there are is in `pool`, which of them gets a call in `worker_choice`.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from bridge import contract
from bridge.common.limited_warnings import LimitedWarnings
from controller.workers.reachability import Reachability
from controller.workers.worker_admission import Holder

log = structlog.get_logger()

SEND_TIMEOUT = 2.0  # seconds; a worker that does not read for this long is as good as gone
OVERLOADED_MS, OVERLOADED_BUSY, OVERLOADED_BEATS = 20.0, 0.8, 4
RECOVERED_MS, RECOVERED_BUSY, RECOVERED_BEATS = 8.0, 0.7, 6
"""By p99 of the lateness of its 20 ms ticks (milliseconds), and by the share of a core that it takes. Heartbeats come
twice a second: it counts as overloaded after 2 s above the first limits, and as recovered after 3 s below the second
ones. A short stall changes nothing."""


BACKLOG_BEATS = 2
"""A worker whose link is up sends one heartbeat, then for half a second what it had kept, then the second one."""


class NoWorker(Exception):
    """No worker is registered that can take another call."""


class UnknownWorker(Exception):
    """There is no such worker, or its link is broken."""


class OthersWorker(Exception):
    """The worker belongs to another node."""


class WorkerUnreachable(Exception):
    """The worker that carries this call can't be told anything at the moment."""


@dataclass(eq=False)
class Worker:
    """One registered worker process. `socket` is None while its link is broken and may still come back."""

    name: str
    pid: int
    host: str
    port: int
    capacity: int
    socket: web.WebSocketResponse | None
    load: contract.Load = field(default_factory=contract.Load)
    calls: set[str] = field(default_factory=set)
    former: set[str] = field(default_factory=set)
    """Calls of which it may still have a session that is theirs no longer: what it says of them is of that session."""
    last_beat: float = 0.0
    """Of the latest event or heartbeat; the event loop's time."""
    heard: int = 0
    """Number of the newest event that came from it."""
    pending: deque[tuple[str, str]] = field(default_factory=deque)
    """Call and frame of each command that could not be sent while its link was broken, in order."""
    catching_up: bool = False
    """Its link is back and `pending` is being sent: new commands have to wait."""
    overloaded: bool = False
    """It is late or its core is nearly used up. Its calls go on; it gets no new ones until it has recovered."""
    retiring: bool = False
    """It was told to end."""
    version: int = contract.VERSION
    """Of the link: the newest one that both sides speak."""
    odd: LimitedWarnings = field(default_factory=lambda: LimitedWarnings(log))
    """What one of another release says and is not understood, or does not understand."""
    holder: Holder = field(default_factory=lambda: Holder(None))
    """Of the token by which it was let in."""
    boot: str = ""
    """The id of one start of one process. Another id is another worker, even with the same name and process id."""
    media: Reachability = field(default_factory=Reachability)
    """Whether Asterisk reaches it."""
    beaten: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by each heartbeat, and when its link breaks; whoever waits clears it."""
    _backlog: set[str] = field(default_factory=set)
    """Those of `former` that its latest hello did not name: their sessions are over, or never began."""
    _backlog_beats: int = 0
    """Heartbeats until what it had kept for us is told."""
    _unknown_backlog: bool = False
    """That may be of any call: we, or the controller before us, had given it up."""
    _trend: int = 0
    """Heartbeats in a row that say the opposite of `overloaded`."""

    def update_health(self) -> bool:
        """Of each heartbeat's load: does it keep its time? True: the answer has changed.

        A caller hears it when frames come later than they last (20 ms); how much of its core the worker takes says that
        it comes to that. One without calls is not given up: where all are late, a caller is better served by it than by
        none.
        """
        late, busy = self.load.lateness_p99_ms, self.load.busy
        well, ill = late < RECOVERED_MS and busy < RECOVERED_BUSY, self.load_score > 0 and self.taken > 0
        against = well if self.overloaded else ill
        self._trend = self._trend + 1 if against else 0
        changed = self._trend >= (RECOVERED_BEATS if self.overloaded else OVERLOADED_BEATS)
        if changed:
            self.overloaded, self._trend = not self.overloaded, 0
            tell = log.warning if self.overloaded else log.info
            tell(
                "worker gets no new calls: it is late or busy" if self.overloaded else "worker keeps its time again",
                worker=self.name,
                late_ms=round(late, 1),
                busy=round(busy, 2),
                calls=len(self.calls),
            )
        return changed

    @property
    def load_score(self) -> int:
        """By how many frames it was late at its latest heartbeat, plus 1 if its core is nearly used up. Workers with a
        lower score are preferred."""
        return int(self.load.lateness_p99_ms / OVERLOADED_MS) + (self.load.busy > OVERLOADED_BUSY)

    @property
    def draining(self) -> bool:
        """It goes on with its calls, gets no new ones, and ends: because we told it to, or of its own accord."""
        return self.retiring or self.load.draining

    @property
    def serving(self) -> bool:
        """Its link is up, and it does not end."""
        return self.socket is not None and not self.draining

    @property
    def taken(self) -> int:
        """Its places that are taken: by our calls, and by those of other controllers that it has told us of."""
        return len(self.calls) + self.load.elsewhere

    @property
    def room(self) -> int:
        """Calls that it can still take. It refuses what others have taken meanwhile."""
        return max(0, self.capacity - self.taken)

    @property
    def home(self) -> str | None:
        """The node that a worker of another node belongs to, as it says ("": it has not been told); None: it is one of
        ours."""
        return None if self.load.home else next((each.node for each in self.load.users if each.home), "")

    def fits(self) -> bool:
        """Whether it can take one more call."""
        return self.serving and not self.overloaded and self.room > 0

    def keeps(self, call: str, *, again: bool) -> bool:
        """It may still speak of a former session of this call, so a new one can't be asked for. `again`: the call has
        had a session before."""
        return call in self.former or (again and self._unknown_backlog)

    def linked(self, calls: Iterable[str], *, unknown_backlog: bool) -> None:
        """Its link is up, and it has sessions of these calls. What it kept while the link was down comes now."""
        had = set(calls)
        self._backlog = self.former - had
        self.former |= had - self.calls
        self._backlog_beats, self._unknown_backlog = BACKLOG_BEATS, unknown_backlog

    def beat(self) -> bool:
        """Of each heartbeat. True: from now on it may be asked for sessions that it could not be asked for before."""
        if self._backlog_beats == 0:
            return False
        self._backlog_beats -= 1
        if self._backlog_beats:
            return False
        changed = bool(self._backlog) or self._unknown_backlog
        self.former -= self._backlog
        self._backlog, self._unknown_backlog = set(), False
        return changed

    def move(self, hello: contract.Hello) -> None:
        """Takes address, capacity and version from a hello. Asterisk's way to a new address is checked at once."""
        if (self.host, self.port) != (hello.host, hello.port):
            self.media = Reachability(check_due=0.0)
        self.host, self.port, self.capacity, self.version = hello.host, hello.port, hello.capacity, hello.version

    @property
    def media_address(self) -> str:
        """Where Asterisk connects AudioSocket to."""
        return f"{self.host}:{self.port}"

    async def send(self, call: str, command: contract.Command) -> None:
        """About a call of its: at once, or as soon as its broken link is back. Raises WorkerUnreachable: it can't be
        told, or does not read."""
        try:
            frame = contract.encode(command, self.version)
        except contract.Unsendable as error:
            raise WorkerUnreachable(f"the worker can't be told `{command.type}`: {error}") from error
        if self.socket is None or self.catching_up:
            self.pending.append((call, frame))
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self.socket.send_str(frame)
        except ConnectionError:
            self.pending.append((call, frame))  # the link is breaking: the frame is sent when it is back
        except TimeoutError as error:
            raise WorkerUnreachable("the worker does not read its link") from error

    async def tell(self, command: contract.Command) -> None:
        """Now or never. Raises WorkerUnreachable."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                if self.socket is None:
                    raise ConnectionResetError
                await self.socket.send_str(contract.encode(command, self.version))
        except contract.Unsendable as error:
            raise WorkerUnreachable(f"The worker can't be told `{command.type}`: {error}.") from error
        except (ConnectionError, TimeoutError) as error:
            raise WorkerUnreachable("The worker can't be told anything at the moment.") from error

    def ignored(self, fields: tuple[str, ...]) -> None:
        """It sent fields that this controller does not know."""
        text = "a newer worker sends fields that this controller does not know: they are ignored"
        self.odd.warning(text, by=("fields",), worker=self.name, fields=fields, link_version=self.version)

    def not_understood(self, event: contract.NotUnderstood) -> None:
        """It says that it can't read a command."""
        text = "worker does not understand a command of this controller's release, and has not done it"
        told = {"command": event.command, "call": event.call, "link_version": self.version}
        self.odd.warning(text, by=("command",), worker=self.name, **told)

    def __repr__(self) -> str:
        state = "up" if self.socket else "away"
        return f"<Worker {self.name} pid={self.pid} {self.media_address} {state} {len(self.calls)}/{self.capacity}>"
