"""The resources of the API: which path asks call control for what.

Owns the paths, their scopes and their status codes. Decides nothing: parse, ask `view.Calls`, answer.
"""

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from aiohttp import hdrs, web

from controller.api.access import Doorkeeper
from controller.api.bodies import Nothing, PlaceCall, TransferCall, call_json, detail_json, read
from controller.api.problems import USER, malformed
from controller.call import view
from controller.call.view import Calls
from controller.outbound.orders import Ordering, Wish
from controller.store.database import StoreError


class Resources:
    def __init__(self, calls: Calls, orders: Ordering) -> None:
        self._calls = calls
        self._orders = orders

    def routes(self, doorkeeper: Doorkeeper) -> list[web.RouteDef]:
        gate = doorkeeper.let_in
        return [
            web.get("/healthz", self.health),
            web.get("/readyz", self.readiness),
            web.get("/v1/calls", gate("read", self.list)),
            web.post("/v1/calls", gate("call", self.place)),
            web.get("/v1/calls/{id}", gate("read", self.show)),
            web.post("/v1/calls/{id}/hangup", gate("control", self.hang_up)),
            web.post("/v1/calls/{id}/transfer", gate("control", self.transfer)),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """The process lives and its loop turns."""
        return web.json_response({"status": "ok"})

    async def readiness(self, _: web.Request) -> web.Response:
        """Whether a call could be carried now."""
        parts = dict(self._calls.ready())
        ready = all(part is True for part in parts.values())
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return web.json_response({"ready": ready, "parts": parts}, status=status)

    async def list(self, request: web.Request) -> web.Response:
        wanted = _state(request)
        calls = [call for call in self._calls.all() if wanted in (None, "ended" if call.ended_at else "active")]
        return web.json_response({"calls": [call_json(call) for call in calls], "next": None})

    async def show(self, request: web.Request) -> web.Response:
        call = request.match_info["id"]
        try:
            found = self._calls.detail(call)
        except view.UnknownCall:
            found = view.CallDetail(await self._orders.find(call))
        else:
            with suppress(StoreError):  # what call control knows is worth an answer
                found = replace(found, call=await self._orders.with_queue(found.call))
        return web.json_response(detail_json(found))

    async def place(self, request: web.Request) -> web.Response:
        body = await read(request, PlaceCall)
        call = await self._orders.place(Wish(**dict(body)), by=request[USER])
        location = {hdrs.LOCATION: f"/v1/calls/{call.id}"}
        return web.json_response(call_json(call), status=HTTPStatus.ACCEPTED, headers=location)

    async def hang_up(self, request: web.Request) -> web.Response:
        """A call that waits in the queue is cancelled."""
        await read(request, Nothing)
        call, by = request.match_info["id"], request[USER]
        try:
            answer = self._calls.verbs.hang_up(call, by=by)
        except (view.UnknownCall, view.WrongState) as refusal:
            try:
                answer = await self._orders.cancel(call, by=by)
            except view.UnknownCall:
                raise refusal from None
        return web.json_response(call_json(answer), status=HTTPStatus.ACCEPTED)

    async def transfer(self, request: web.Request) -> web.Response:
        body = await read(request, TransferCall)
        call = self._calls.verbs.transfer(request.match_info["id"], to=body.to, by=request[USER])
        return web.json_response(call_json(call), status=HTTPStatus.ACCEPTED)


def _state(request: web.Request) -> str | None:
    """Raises Problem 400 for a query that has anything but one `state`."""
    for name in request.query:
        if name != "state" or len(request.query.getall("state")) > 1:
            raise malformed("The query has an unknown or repeated parameter; there is only `state`.")
    state = request.query.get("state")
    if state not in (None, "active", "ended"):
        raise malformed("`state` is `active` or `ended`.", {"parameter": "state", "detail": "must be active or ended"})
    return state
