"""A line whose own code fails: in each step of a renewal the fault is told, and never taken for the network's."""

import asyncio
from typing import Any, cast

import pytest
from pydantic import SecretStr

from bridge.contract import Provider
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import SessionUpdate
from bridge.realtime.protocol.connection_info import ConnectionInfo
from bridge.realtime.protocol.errors import ConnectionLost, ProviderError
from bridge.realtime.transport.client import Opener, RealtimeClient
from bridge.realtime.transport.reconnecting import ReconnectingClient
from bridge.realtime.transport.retry import RetryTiming

PROVIDER = Provider(api_key=SecretStr("sk-test"))
PACE = RetryTiming(renew_s=0.01, delays=(0.0,))


class Client:
    """A connection that is open until it is closed, or says `events` and then waits."""

    def __init__(self, *said: server_events.Event) -> None:
        self.provider, self.alive, self.dropped_frames, self.age_s = PROVIDER, True, 0, 0.0
        self.updated = server_events.SessionUpdated("s", "m", None)
        self.said = said
        self.broken = asyncio.Event()

    async def receive(self, on_event: Any) -> None:
        for event in self.said:
            on_event(event)
        await self.broken.wait()
        raise ConnectionLost("broken")

    async def close(self) -> None:
        self.alive = False


class Face:
    """Fails in the step of this name, the nth time that it comes."""

    def __init__(self, step: str = "", nth: int = 1) -> None:
        self.step, self.nth = step, nth
        self.rests = True
        self.ups: list[ConnectionInfo] = []
        self.count = 0

    def _may_fail(self, step: str) -> None:
        if step == self.step:
            self.count += 1
            if self.count == self.nth:
                raise RuntimeError(step)

    @property
    def quiet(self) -> bool:
        self._may_fail("quiet")
        return self.rests

    def setup(self) -> SessionUpdate:
        self._may_fail("setup")
        return SessionUpdate("s", {})

    def connected(self, client: RealtimeClient, info: ConnectionInfo) -> None:
        self.ups.append(info)
        self._may_fail("connected")

    def received(self, event: server_events.Event) -> None:
        self._may_fail("received")

    def disconnected(self, error: ProviderError) -> None:
        self._may_fail("disconnected")


def line(face: Face, *clients: Client) -> ReconnectingClient:
    waiting = list(clients)

    async def opener(provider: Provider, setup: SessionUpdate, **_: Any) -> RealtimeClient:
        return cast(RealtimeClient, waiting.pop(0))

    return ReconnectingClient("call", face, (PROVIDER,), PACE, opener=cast(Opener, opener))


@pytest.mark.parametrize(
    ("step", "nth"), [("connected", 1), ("connected", 2), ("setup", 2), ("quiet", 1), ("quiet", 2), ("received", 1)]
)
async def test_a_fault_of_ours_is_raised(step: str, nth: int) -> None:
    face = Face(step, nth)
    clients = [Client(server_events.Ignored("x")), Client(), Client()]
    with pytest.raises(RuntimeError, match=step):
        async with asyncio.timeout(2):
            await line(face, *clients).run()


async def test_a_fault_counts_though_the_connection_is_given_up_at_the_same_moment() -> None:
    face = Face("connected", 2)
    kept = line(face, Client(), Client())
    before = face.connected

    def connected(client: RealtimeClient, info: ConnectionInfo) -> None:
        kept.fail("transient", "given up")
        before(client, info)

    face.connected = connected  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="connected"):
        async with asyncio.timeout(2):
            await kept.run()


async def test_a_line_that_is_renewed_goes_on_with_the_new_connection() -> None:
    face = Face()
    first, second = Client(), Client()
    carried = asyncio.create_task(line(face, first, second, Client()).run())
    async with asyncio.timeout(2):
        while len(face.ups) < 2:  # noqa: ASYNC110 - a face sets no event
            await asyncio.sleep(0)
    assert [opening.planned for opening in face.ups[:2]] == [False, True]
    carried.cancel()
    await asyncio.wait({carried})
    assert (first.alive, second.alive) == (False, False)
