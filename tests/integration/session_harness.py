"""A real session against the simulated Realtime server, with a media leg that the test ticks by hand.

The leg's clock is the test's: 20 ms pass with each tick, so that a minute of call takes no time and the caller's audio
still comes at real time. The network is a real one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeVar

from pydantic import SecretStr

from bridge.contract import CallEvent, Ended, FunctionTool, Provider, Ready, SessionSpec
from bridge.realtime.session import RealtimeSession
from bridge.realtime.transport.retry import RetryTiming
from simulator.realtime.reply import tone
from simulator.realtime.server import RealtimeServer
from simulator.realtime.session import Session as Served
from tests.openai_shapes import check_client

FRAME = 960
DELAYS = (0.01, 0.02, 0.03, 0.04)
"""Seconds before each repeated try of a provider: a fault that stays is told soon."""
CALL = "3f0f6a54-6a2c-4c73-9d0a-2f6f6c1d9e11"
HANG_UP = FunctionTool(name="hang_up", description="End the call.", parameters={"type": "object"}, after_speech=True)

E = TypeVar("E")


class Leg:
    """What the AudioSocket server would give the session."""

    def __init__(self, session: RealtimeSession) -> None:
        self._session = session
        self.closed: str | None = None
        self.expedited = 0
        self.sent_frames = self.late_frames = self.dropped_frames = 0

    def expedite(self) -> None:
        self.expedited += 1

    def close(self, reason: str) -> None:
        if self.closed is None:
            self.closed = reason
            self._session.media_gone(reason)


class Harness:
    """One call. `told` holds what the controller got, `frames` what Asterisk got."""

    def __init__(self, server: RealtimeServer, timeout: float = 5.0, renew_s: float | None = None, **spec: Any) -> None:
        provider = Provider(url=server.url, api_key=SecretStr("sk-test"), model="gpt-realtime-2.1-mini")
        whole = {"agent": "a", "provider": provider, "instructions": "i", "tools": (HANG_UP,)} | spec
        pace = RetryTiming(
            open_s=timeout, reopen_s=timeout, delays=DELAYS, renew_s=renew_s, renew_pause_s=0.1, rate_untold_s=0.01
        )
        self.session = RealtimeSession(SessionSpec(**whole), CALL, self._told, pace=pace, clock=self._clock)
        self.leg = Leg(self.session)
        self.told: list[CallEvent] = []
        self.frames: list[bytes | None] = []
        self.task: asyncio.Task[None] | None = None
        self._ahead = 0.0
        self._changed = asyncio.Event()

    def _clock(self) -> float:
        return monotonic() + self._ahead

    def _told(self, event: CallEvent) -> None:
        self.told.append(event)
        self._changed.set()

    # ------------------------------------------------------------ what happens

    async def start(self, greet: bool = True) -> None:
        """Up to `Ready`, with media; then `Greet`."""
        self.task = asyncio.create_task(self.session.run())
        await self.wait(Ready)
        self.session.media_connected(self.leg)
        if greet:
            self.session.greet()

    def tick(self, caller: bytes | None = None) -> bytes | None:
        """20 ms of the call."""
        self._ahead += 0.02
        if caller is not None:
            self.session.caller_audio(caller)
        self.frames.append(self.session.next_frame())
        return self.frames[-1]

    async def talk(self, seconds: float) -> None:
        """The caller says something, then is silent long enough to be answered. `frames` begins after the words."""
        await self.feed(tone(seconds, 300))
        self.frames.clear()
        await self.feed(bytes(48 * 500))

    async def feed(self, pcm: bytes) -> None:
        """Sound of the caller at real time. The loop runs between the frames."""
        for start in range(0, len(pcm), FRAME):
            self.tick(pcm[start : start + FRAME])
            await asyncio.sleep(0)

    def listen(self, seconds: float) -> int:
        """Silent caller; returns how many frames of agent came."""
        return sum(self.tick(bytes(FRAME)) is not None for _ in range(round(seconds / 0.02)))

    # ------------------------------------------------------------ what came of it

    async def wait(self, kind: type[E], nth: int = 1, timeout: float = 5.0) -> E:
        """The nth event of a kind that the controller is told."""
        async with asyncio.timeout(timeout):
            while len(self.of(kind)) < nth:
                self._changed.clear()
                await self._changed.wait()
        return self.of(kind)[nth - 1]

    def arrived_ms(self) -> int:
        """Sound of the agent: what is in `frames` and what is queued."""
        return 20 * sum(frame is not None for frame in self.frames) + self.session._playout.remaining_ms

    async def until(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """For what happens inside the session and is not told to anybody."""
        async with asyncio.timeout(timeout):
            while not condition():  # noqa: ASYNC110 - the inside of a session sets no event for tests
                await asyncio.sleep(0.005)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    async def end(self) -> Ended:
        """Close, and see that nothing is left."""
        assert self.task is not None
        self.session.close("the test is over")
        await asyncio.wait_for(self.task, 5)
        ended = self.told[-1]
        assert isinstance(ended, Ended)
        assert len(self.of(Ended)) == 1
        return ended


@asynccontextmanager
async def call(
    server: RealtimeServer, *, greet: bool = True, served_by: RealtimeServer | None = None, **spec: Any
) -> AsyncIterator[tuple[Harness, Served]]:
    """A call under way, which is closed and checked at the end."""
    harness = Harness(server, **spec)
    await harness.start(greet)
    yield harness, await (served_by or server).session()
    if not harness.of(Ended):
        await harness.end()
    check(server)


def check(server: RealtimeServer) -> None:
    """No task is left, the server refused no event, and every event fits OpenAI's types."""
    assert not [name for task in asyncio.all_tasks() if "realtime-" in (name := task.get_name())]
    for served in server.sessions:
        assert [refusal.code for refusal in served.refused] == []
        for seen in served.received:
            check_client(seen.event)
