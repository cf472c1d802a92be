"""The resources of calls: place, list, show, end; and health and readiness.

Owns paths, scopes and status codes. `ports.Calls` and `ports.OutboundPort` do the work.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import hdrs, web

from controller.api.auth.limits import Limits
from controller.api.carrying import Carrier
from controller.api.models.base import Nothing, pairs_of
from controller.api.models.calls import CallAnswer, CallDetailAnswer, CallPage, CallQuery, ChangeCall, PlaceCall
from controller.api.models.system import Health, Readiness
from controller.api.operation import ApiRequest, ApiResponse, Operation
from controller.api.ports import Calls, OutboundPort
from controller.api.problems import Problem, malformed
from controller.api.resources.call_pages import NotACursor, page_of
from controller.api.resources.cluster_calls import ClusterCalls
from controller.calls import errors
from controller.calls.metadata import TooMuch, has
from controller.calls.reporting import view
from controller.cluster.peer import ANSWERED_BY
from controller.store.database import StoreError


class Resources:
    """`node`: the name of this one. `carrier`: to others; None: there are none."""

    def __init__(
        self,
        calls: Calls,
        orders: OutboundPort,
        warnings: Callable[[], list[str]] = list,
        node: str = "node1",
        carrier: Carrier | None = None,
    ) -> None:
        self._calls = calls
        self._orders = orders
        self._warnings = warnings
        self._node = node
        self.cluster = ClusterCalls(self._wanted, node, carrier) if carrier is not None else None

    def operations(self) -> tuple[Operation, ...]:
        placed = {"status": HTTPStatus.ACCEPTED, "headers": {hdrs.LOCATION: "The call's URL."}}
        return (
            Operation("health", "GET", "/healthz", "Is the process alive?", self.health, Health, tag="health"),
            Operation(
                *("readiness", "GET", "/readyz", "Can a call be handled now?", self.readiness, Readiness),
                also={HTTPStatus.SERVICE_UNAVAILABLE: Readiness},
                tag="health",
            ),
            Operation(
                *("list_calls", "GET", "/v1/calls", "List calls, live ones first", self.list, CallPage),
                scopes=("read",),
                query=CallQuery,
                limited=True,
            ),
            Operation(
                *("place_call", "POST", "/v1/calls", "Place a call", self.place, CallAnswer),
                scopes=("call",),
                body=PlaceCall,
                repeatable=True,
                limited=True,
                problems=(
                    "not-allowed",
                    "unknown-name",
                    "wrong-moment",
                    "at-limit",
                    "not-ready",
                    "store-away",
                    "refused",
                ),
                **placed,  # type: ignore[arg-type]
            ),
            Operation(
                *("show_call", "GET", "/v1/calls/{id}", "Get a call with its words", self.show, CallDetailAnswer),
                scopes=("read",),
                audited="with words",
                limited=True,
                problems=("unknown-call", "store-away"),
                of_call="path",
            ),
            Operation(
                *("change_call", "PATCH", "/v1/calls/{id}", "Change the metadata of a call", self.change, CallAnswer),
                scopes=("control",),
                body=ChangeCall,
                problems=("unknown-call", "wrong-state", "store-away"),
                limited=True,
                of_call="path",
            ),
            Operation(
                *("hang_up", "POST", "/v1/calls/{id}/hangup", "Hang up or cancel a call", self.hang_up),
                answer=CallAnswer,
                scopes=("control",),
                body=Nothing,
                status=HTTPStatus.ACCEPTED,
                problems=("unknown-call", "wrong-state", "store-away"),
                repeatable=True,
                limited=True,
                of_call="path",
            ),
        )

    async def health(self, _: ApiRequest) -> Health | ApiResponse:
        """Answers if the process and its event loop run. Among other nodes it says which one it is."""
        return Health() if self.cluster is None else ApiResponse(Health(), {ANSWERED_BY: quote(self._node, safe="")})

    async def readiness(self, _: ApiRequest) -> ApiResponse:
        parts = dict(self._calls.ready())
        ready = all(part is True for part in parts.values())
        return ApiResponse(
            Readiness(ready=ready, parts=parts, warnings=tuple(self._warnings())),
            status=None if ready else HTTPStatus.SERVICE_UNAVAILABLE,
        )

    async def list(self, asked: ApiRequest) -> CallPage | web.StreamResponse:
        """The cursor is described in `call_pages`."""
        if self.cluster is not None:
            return await self.cluster.page(asked)
        query: CallQuery = asked.query
        try:
            page = page_of(self._wanted(asked), limit=query.limit, before=query.before, now=datetime.now(UTC))
        except NotACursor as error:
            raise malformed("The query has a wrong parameter.", {"parameter": "before", "detail": str(error)}) from None
        return CallPage(calls=tuple(CallAnswer.of(call, self._node) for call in page.calls), next=page.next)

    def _wanted(self, asked: ApiRequest) -> Sequence[view.CallView]:
        return [call for call in self._calls.all() if _matches(call, asked.query) and asked.reaches(call)]

    async def show(self, asked: ApiRequest) -> CallDetailAnswer:
        call = asked.part("id")
        try:
            found = self._calls.detail(call)
        except errors.UnknownCall:
            found, node = view.CallDetail(asked.reached(await self._orders.find(call))), None
        else:
            node = self._node
            asked.reached(found.call)
            with suppress(StoreError):  # the answer then lacks what the queue knows
                found = replace(found, call=await self._orders.with_queue(found.call))
        return CallDetailAnswer.of_detail(found, words=asked.may("recordings"), node=node)

    async def place(self, asked: ApiRequest) -> ApiResponse:
        order = _within(asked.body, asked.limits)
        call = await self._orders.place(order, by=asked.by, call=asked.id)
        return ApiResponse(CallAnswer.of(call), {hdrs.LOCATION: f"/v1/calls/{call.id}"})

    async def hang_up(self, asked: ApiRequest) -> CallAnswer:
        """A call that waits in the queue is cancelled."""
        call = asked.part("id")
        await self._reached(asked, call)
        try:
            return CallAnswer.of(self._calls.verbs.hang_up(call, by=asked.by), self._node)
        except (errors.UnknownCall, errors.WrongState) as refusal:
            try:
                return CallAnswer.of(await self._orders.cancel(call, by=asked.by))
            except errors.UnknownCall:
                raise refusal from None

    async def change(self, asked: ApiRequest) -> CallAnswer:
        """Of a live call, and of one that waits: a call that we place is both, as it may be tried again."""
        call, changes = asked.part("id"), asked.body.metadata
        await self._reached(asked, call)
        live, refused = None, None
        try:
            try:
                live = self._calls.verbs.set_metadata(call, changes, by=asked.by)
            except (errors.UnknownCall, errors.WrongState) as refusal:
                refused = refusal
            queued = None
            if live is None or live.direction == "outbound":
                queued = await self._orders.set_metadata(call, changes, by=asked.by)
        except TooMuch as much:
            raise malformed("The body has a wrong field.", {"pointer": "/metadata", "detail": str(much)}) from None
        if live is not None:
            return CallAnswer.of(live, self._node)
        if queued is None:
            raise refused or errors.UnknownCall("No live or recent call has this id.")
        return CallAnswer.of(queued)

    async def _reached(self, asked: ApiRequest, call: str) -> None:
        """Raises UnknownCall for one that a limited key does not reach."""
        if asked.limits.of_calls:
            try:
                asked.reached(self._calls.get(call))
            except errors.UnknownCall:
                asked.reached(await self._orders.find(call))


def _within(body: PlaceCall, limits: Limits) -> PlaceCall:
    """What is left open is filled in where the key reaches one only. Raises Problem 403."""
    wrong, filled = [], {}
    for name, own in (("agent", limits.agents), ("trunk", limits.trunks)):
        given = getattr(body, name)
        if own is None or given in own:
            continue
        if given is None and len(own) == 1:
            filled[name] = next(iter(own))
        else:
            detail = "names one that this key does not reach" if given else "is missing: this key reaches some only"
            wrong.append({"pointer": f"/{name}", "detail": detail})
    if wrong:
        raise Problem("forbidden", "This key is limited to some agents or trunks.", tuple(wrong))
    return body.model_copy(update=filled) if filled else body


def _matches(call: view.CallView, query: CallQuery) -> bool:
    state = "ended" if call.ended_at else "active"
    return (
        query.state in (None, state)
        and query.direction in (None, call.direction)
        and query.agent in (None, call.agent)
        and query.trunk in (None, call.trunk)
        and has(call.metadata, pairs_of(query.metadata))
    )
