"""The stream of live levels and words, for pages that show who speaks. Nothing of it is stored."""

import asyncio

from aiohttp import hdrs, web

from controller.api.models.live_status import LiveStatusAnswer, SceneAnswer, SceneQuery
from controller.api.operation import STREAM, ApiRequest, Operation
from controller.api.problems import Problem
from controller.api.resources.events import HEARTBEAT_SECONDS, RETRY_MS, STREAM_HEADERS, WRITE_SECONDS
from controller.telemetry.live_status import LiveStatusHub, LiveSubscriber, PricedStatus, TooManySubscribers


class LiveStatusResources:
    def __init__(self, hub: LiveStatusHub) -> None:
        self._hub = hub

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("stream_live", "GET", "/v1/live", "Who speaks, how loud, and the agent's words, twice a second"),
                self.stream,
                scopes=("read",),
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
                await _send(response, subscriber, words=asked.may("recordings"))
                await response.write_eof()
        except TooManySubscribers:
            headers: dict[str, str] = {hdrs.RETRY_AFTER: "10"}
            raise Problem("too-many-streams", headers=headers) from None
        except (TimeoutError, ConnectionError):  # the client has disconnected or hangs
            if request.transport is not None:
                request.transport.abort()
        return response


async def _send(response: web.StreamResponse, subscriber: LiveSubscriber, *, words: bool) -> None:
    frame = f"retry: {RETRY_MS}\n\n"
    while True:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(frame.encode())
        if subscriber.closed:
            return
        statuses = await subscriber.read(HEARTBEAT_SECONDS)
        answer = LiveStatusAnswer(scenes=tuple(_answer(each, words=words) for each in statuses))
        frame = f"event: scenes\ndata: {answer.model_dump_json()}\n\n" if statuses else ": still here\n\n"


def _answer(priced: PricedStatus, *, words: bool) -> SceneAnswer:
    fields = priced.status.model_dump() | ({} if words else {"saying": ""})
    return SceneAnswer(**fields, cost=priced.cost)
