"""One bridge worker as the controller knows it: where it is, what it carries, and whether it keeps its time.

Owns the judgement of its load. Who there is, and who gets a call, is `workers.py`'s.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from bridge import contract
from controller.workers.reachability import Reachability

log = structlog.get_logger()

SEND_TIMEOUT = 2.0  # seconds; a worker that does not read for this long is as good as gone
OVERLOADED_MS, OVERLOADED_BUSY, OVERLOADED_BEATS = 20.0, 0.8, 4
RECOVERED_MS, RECOVERED_BUSY, RECOVERED_BEATS = 8.0, 0.7, 6
"""Two seconds of ticks that are a frame late, or of a core that is nearly used up, which comes before that; and three
in which neither is so: a passing stall is neither."""


class NoWorker(Exception):
    """No worker is registered that can take another call."""


class UnknownWorker(Exception):
    """There is no such worker, or its link is broken."""


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
    last_beat: float = 0.0
    """Loop time of the last sign of life."""
    heard: int = 0
    """Number of the newest event that it told."""
    pending: deque[tuple[str, str]] = field(default_factory=deque)
    """Call and frame of what it could not be told while its link was broken, in order."""
    catching_up: bool = False
    """Its link is back, and it is being told what was kept: what is new has to wait behind that."""
    overloaded: bool = False
    """It does not keep its time: its calls go on, and it gets no new ones until it has been well for a while."""
    retiring: bool = False
    """It was told to end."""
    boot: str = ""
    """One start of one process: the same name and process id may come back with another one, which is a new worker."""
    media: Reachability = field(default_factory=Reachability)
    """Whether Asterisk reaches it."""
    beaten: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with each beat, and when its link breaks; whoever waits clears it."""
    _trend: int = 0
    """Beats in a row that speak for a change."""

    def update_health(self) -> bool:
        """Of each heartbeat's load: does it keep its time? True: the answer has changed.

        A caller hears it when frames come later than they last (20 ms); how much of its core the worker takes says that
        it comes to that. One without calls is not given up: where all are late, a caller is better served by it than by
        none.
        """
        late, busy = self.load.lateness_p99_ms, self.load.busy
        well, ill = late < RECOVERED_MS and busy < RECOVERED_BUSY, self.load_score > 0 and bool(self.calls)
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
        """By how many frames it was late at its last beat, and one more for a core that is nearly used up. Those with
        less come first."""
        return int(self.load.lateness_p99_ms / OVERLOADED_MS) + (self.load.busy > OVERLOADED_BUSY)

    @property
    def draining(self) -> bool:
        """It goes on with its calls and gets no new ones: it ends, by our wish or somebody else's."""
        return self.retiring or self.load.draining

    @property
    def serving(self) -> bool:
        """Its link is up, and it does not end."""
        return self.socket is not None and not self.draining

    def fits(self) -> bool:
        """One more call."""
        return self.serving and not self.overloaded and len(self.calls) < self.capacity

    def move(self, hello: contract.Hello, *, check: bool) -> None:
        """Where it is now, and what it can carry: what it said before may not be so any more. `check`: whether Asterisk
        reaches it there is to be found out before a call does."""
        if (self.host, self.port) != (hello.host, hello.port):
            self.media = Reachability(check_due=0.0 if check else None)
        self.host, self.port, self.capacity = hello.host, hello.port, hello.capacity

    @property
    def media_address(self) -> str:
        """Where Asterisk connects AudioSocket to."""
        return f"{self.host}:{self.port}"

    async def tell(self, command: contract.Command) -> None:
        """Now or never. Raises WorkerUnreachable."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                if self.socket is None:
                    raise ConnectionResetError
                await self.socket.send_str(contract.encode(command))
        except (ConnectionError, TimeoutError) as error:
            raise WorkerUnreachable("The worker can't be told anything at the moment.") from error

    def __repr__(self) -> str:
        state = "up" if self.socket else "away"
        return f"<Worker {self.name} pid={self.pid} {self.media_address} {state} {len(self.calls)}/{self.capacity}>"
