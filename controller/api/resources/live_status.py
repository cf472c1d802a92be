"""The stream of live levels and words, for pages that show who speaks. Nothing of it is stored."""

import asyncio

from aiohttp import hdrs, web

from controller.api.models.live_status import LiveStatusAnswer, SceneAnswer, SceneQuery
from controller.api.operation import STREAM, ApiRequest, Operation
from controller.api.ports import Calls
from controller.api.problems import Problem
from controller.api.resources.events import HEARTBEAT_SECONDS, RETRY_MS, STREAM_HEADERS, WRITE_SECONDS
from controller.calls.errors import UnknownCall
from controller.telemetry.live_status import LiveStatusHub, LiveSubscriber, PricedStatus, TooManySubscribers


class LiveStatusResources:
    def __init__(self, hub: LiveStatusHub, calls: Calls) -> None:
        self._hub = hub
        self._calls = calls

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
                media=STREAM,
                tag="events",
            ),
        )

    async def stream(self, asked: ApiRequest) -> web.StreamResponse:
        request, response = asked.request, web.StreamResponse(headers=STREAM_HEADERS)
        try:
            with self._hub.subscribe(asked.query.call) as subscriber:
                await response.prepare(request)
                await self._send(asked, response, subscriber)
                await response.write_eof()
        except TooManySubscribers:
            headers: dict[str, str] = {hdrs.RETRY_AFTER: "10"}
            raise Problem("too-many-streams", headers=headers) from None
        except (TimeoutError, ConnectionError):  # the client has disconnected or hangs
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _send(self, asked: ApiRequest, response: web.StreamResponse, subscriber: LiveSubscriber) -> None:
        words, frame = asked.may("recordings"), f"retry: {RETRY_MS}\n\n"
        while True:
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(frame.encode())
            if subscriber.closed:
                return
            statuses = [each for each in await subscriber.read(HEARTBEAT_SECONDS) if self._reaches(asked, each)]
            answer = LiveStatusAnswer(scenes=tuple(_answer(each, words=words) for each in statuses))
            frame = f"event: scenes\ndata: {answer.model_dump_json()}\n\n" if statuses else ": still here\n\n"

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
