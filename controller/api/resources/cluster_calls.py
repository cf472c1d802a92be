"""The list of the calls of all nodes: each is asked for its own, side by side.

A node that does not answer in time is named in the list. What nodes tell each other is not read again but put together:
`call_pages` says how.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic

from aiohttp import web

from controller.api.carrying import Carrier, carried
from controller.api.models.calls import CallAnswer, CallQuery, UnreachableNode
from controller.api.operation import ApiRequest, Operation
from controller.api.problems import malformed
from controller.api.resources.call_pages import NotACursor, Part, merged, part_of, read_part, written
from controller.calls.reporting.view import CallView
from controller.cluster.peer import PeerError, PeerNode, PeerTimeout

ANSWER_S = 2.0
"""Seconds that a node may take."""
SILENT_S, SILENT_FOR_S = 0.3, 10.0
"""Seconds that a node may take which did not answer in time within the last so many seconds."""

Own = Callable[[ApiRequest], Sequence[CallView]]
"""Those calls of this node that are asked for, and that the key reaches."""


class ClusterCalls:
    def __init__(self, own: Own, node: str, carrier: Carrier) -> None:
        self._own, self._node, self._carrier = own, node, carrier
        self._silent: dict[str, float] = {}
        """When a node did not answer in time, as of `monotonic`."""

    def operation(self) -> Operation:
        """For the other nodes."""
        return Operation("list_own_calls", "GET", "/v1/calls", "Calls of this node", self.own, query=CallQuery)

    async def own(self, asked: ApiRequest) -> web.Response:
        part = self._part(asked)
        lines = Part(part.start, [(key, self._written(call)) for key, call in part.calls], part.more)
        return web.Response(body=written(lines), content_type="text/plain")

    async def page(self, asked: ApiRequest) -> web.Response:
        own, others = self._part(asked), await self._carrier.owners.others()
        found = await asyncio.gather(*(self._of(each, asked) for each in others))
        parts: list[Part[CallView | bytes]] = [Part(own.start, own.calls, own.more)]
        parts += [Part(each.start, each.calls, each.more) for each in found if isinstance(each, Part)]
        page = merged(parts, asked.query.limit)
        calls = [each if isinstance(each, bytes) else self._written(each) for each in page.calls]
        missing = [each for each in found if isinstance(each, UnreachableNode)]
        return _response(calls, page.next, missing)

    def _part(self, asked: ApiRequest) -> Part[CallView]:
        """Raises Problem 400."""
        query: CallQuery = asked.query
        try:
            return part_of(self._own(asked), limit=query.limit, before=query.before, now=datetime.now(UTC))
        except NotACursor as error:
            raise malformed("The query has a wrong parameter.", {"parameter": "before", "detail": str(error)}) from None

    async def _of(self, node: PeerNode, asked: ApiRequest) -> Part[bytes] | UnreachableNode:
        silent = monotonic() - self._silent.get(node.name, -SILENT_FOR_S) < SILENT_FOR_S
        limit = SILENT_S if silent else ANSWER_S
        try:
            request = replace(await carried(asked.request), method="GET")
            answer = await self._carrier.peers.carry(node, request, timeout_s=limit)
            if answer.status != HTTPStatus.OK:
                return UnreachableNode(node=node.name, reason=f"It answered {answer.status}.")
            self._silent.pop(node.name, None)
            return read_part(answer.body)
        except PeerTimeout:
            if not silent:
                self._silent[node.name] = monotonic()
            return UnreachableNode(node=node.name, reason=f"It gave no answer within {limit:g} s.")
        except PeerError as error:
            return UnreachableNode(node=node.name, reason=str(error))
        except ValueError:
            return UnreachableNode(node=node.name, reason="Its answer can't be read.")

    def _written(self, call: CallView) -> bytes:
        return CallAnswer.of(call, self._node).model_dump_json().encode()


def _response(calls: Sequence[bytes], next_: str | None, missing: Sequence[UnreachableNode]) -> web.Response:
    """A `CallPage`."""
    cursor = json.dumps(next_).encode()
    nodes = b",".join(each.model_dump_json().encode() for each in missing)
    text = b'{"calls":[' + b",".join(calls) + b'],"next":' + cursor + b',"unreachable_nodes":[' + nodes + b"]}"
    return web.Response(body=text, content_type="application/json")
