"""The resources of the queue: what waits to be placed, and whether anybody is called at present.

A single call of the queue has no resource of its own: `/v1/calls/{id}` answers for it from the moment it was ordered.
"""

import re
from typing import Any

from aiohttp import web

from controller.api.access import Doorkeeper
from controller.api.bodies import PauseQueue, call_json, read
from controller.api.problems import USER, malformed
from controller.outbound.entry import Status
from controller.outbound.orders import Ordering, Summary
from controller.outbound.queue import ALL_TRUNKS

PAGE = 100
MOST = 1000


class QueueResources:
    def __init__(self, orders: Ordering) -> None:
        self._orders = orders

    def routes(self, doorkeeper: Doorkeeper) -> list[web.RouteDef]:
        gate = doorkeeper.let_in
        return [
            web.get("/v1/queue", gate("read", self.list)),
            web.post("/v1/queue/pause", gate("control", self.pause)),
            web.post("/v1/queue/resume", gate("control", self.resume)),
        ]

    async def list(self, request: web.Request) -> web.Response:
        status, before, limit = _query(request)
        calls = await self._orders.page(status, before=before, limit=limit)
        last = calls[-1].queue if len(calls) == limit else None
        more = {"calls": [call_json(call) for call in calls], "next": last.number if last else None}
        return web.json_response(summary_json(await self._orders.summary()) | more)

    async def pause(self, request: web.Request) -> web.Response:
        body = await read(request, PauseQueue)
        return web.json_response(summary_json(await self._orders.pause(body.trunk, by=request[USER])))

    async def resume(self, request: web.Request) -> web.Response:
        body = await read(request, PauseQueue)
        return web.json_response(summary_json(await self._orders.resume(body.trunk, by=request[USER])))


def summary_json(summary: Summary) -> dict[str, Any]:
    return {
        "counts": {status.value: summary.counts.get(status, 0) for status in Status},
        "paused": ALL_TRUNKS in summary.paused,
        "paused_trunks": sorted(summary.paused - {ALL_TRUNKS}),
    }


def _query(request: web.Request) -> tuple[Status | None, int | None, int]:
    """Raises Problem 400."""
    given = request.query
    if set(given) - {"status", "before", "limit"} or len(given) != len(set(given)):
        raise malformed("The query has an unknown or repeated parameter; there are `status`, `before` and `limit`.")
    status = given.get("status")
    if status is not None and status not in set(Status):
        said = {"parameter": "status", "detail": "must be queued, dialling or ended"}
        raise malformed("`status` is queued, dialling or ended.", said)
    limit = _whole(given.get("limit", str(PAGE)), "limit", MOST)
    before = _whole(given["before"], "before", 2**53) if "before" in given else None
    return Status(status) if status else None, before, limit


def _whole(text: str, name: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,16}", text, re.ASCII) or not 1 <= int(text) <= most:
        said = f"must be a whole number from 1 to {most}"
        raise malformed(f"`{name}` {said}.", {"parameter": name, "detail": said})
    return int(text)
