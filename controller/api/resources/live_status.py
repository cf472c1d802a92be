"""The stream of live levels and words, for pages that show who speaks. Nothing of it is stored."""

import asyncio
from collections.abc import Callable

from aiohttp import hdrs, web

from controller.api.carrying import Carrier
from controller.api.models.live_status import LiveStatusAnswer, SceneAnswer, SceneQuery
from controller.api.operation import STREAM, ApiRequest, Operation
from controller.api.ports import Calls
from controller.api.problems import Problem
from controller.api.resources.cluster_live import PeerScenes
from controller.api.resources.events import HEARTBEAT_SECONDS, RETRY_MS, STREAM_HEADERS, WRITE_SECONDS
from controller.calls.errors import UnknownCall
from controller.telemetry.live_status import LiveStatusHub, LiveSubscriber, PricedStatus, TooManySubscribers


class LiveStatusResources:
    """`carrier`: to other nodes; None: there are none."""

    def __init__(self, hub: LiveStatusHub, calls: Calls, carrier: Carrier | None = None) -> None:
        self._hub, self._calls, self._carrier = hub, calls, carrier

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("stream_live", "GET", "/v1/live", "Who speaks, how loud, and the agent's words, twice a second"),
                self.stream,
                scopes=("read",),
                limited=True,
                query=SceneQuery,
                audited="with words",
                problems=("too-many-streams",),
                of_call="query",
                own=self.own,
                media=STREAM,
                tag="events",
            ),
        )

    async def stream(self, asked: ApiRequest) -> web.StreamResponse:
        """Of all nodes; of one call only if no other node has it."""
        return await self._stream(asked, self._carrier if asked.query.call is None else None)

    async def own(self, asked: ApiRequest) -> web.StreamResponse:
        return await self._stream(asked, None)

    async def _stream(self, asked: ApiRequest, others: Carrier | None) -> web.StreamResponse:
        request, response = asked.request, web.StreamResponse(headers=STREAM_HEADERS)
        try:
            with self._hub.subscribe(asked.query.call) as subscriber:
                await response.prepare(request)
                if others is None:
                    await self._send(asked, response, subscriber, bytes)
                else:
                    peers = PeerScenes(others, subscriber.wake)
                    async with peers.followed(request):
                        await self._send(asked, response, subscriber, peers.take)
                await response.write_eof()
        except TooManySubscribers:
            headers: dict[str, str] = {hdrs.RETRY_AFTER: "10"}
            raise Problem("too-many-streams", headers=headers) from None
        except (TimeoutError, ConnectionError):  # the client has disconnected or hangs
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _send(
        self,
        asked: ApiRequest,
        response: web.StreamResponse,
        subscriber: LiveSubscriber,
        of_others: Callable[[], bytes],
    ) -> None:
        """`of_others`: what other nodes have sent since. A stream of one call ends when another node has that call."""
        words, call, frame = asked.may("recordings"), asked.query.call, f"retry: {RETRY_MS}\n\n".encode()
        while True:
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(frame)
            if subscriber.closed:
                return
            statuses = [each for each in await subscriber.read(HEARTBEAT_SECONDS) if self._reaches(asked, each)]
            frame = of_others()
            if statuses:
                answer = LiveStatusAnswer(scenes=tuple(_answer(each, words=words) for each in statuses))
                frame += f"event: scenes\ndata: {answer.model_dump_json()}\n\n".encode()
            elif not frame:
                if call is not None and self._carrier is not None and await self._carrier.owners.has_moved(call):
                    return
                frame = b": still here\n\n"

    def _reaches(self, asked: ApiRequest, priced: PricedStatus) -> bool:
        if not asked.limits.of_calls:
            return True
        try:
            return asked.reaches(self._calls.get(priced.status.call))
        except UnknownCall:
            return False


def _answer(priced: PricedStatus, *, words: bool) -> SceneAnswer:
    fields = priced.status.model_dump() | ({} if words else {"saying": ""})
    return SceneAnswer(**fields, cost=priced.cost)
