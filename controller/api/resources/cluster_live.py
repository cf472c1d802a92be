"""What other nodes tell of their live calls, for one reader of this node: passed on as it comes.

Each other node is asked on behalf of the reader, so that it tells what the reader may see, and has its workers measure
only while somebody reads. A reader who does not keep up gets fewer reports. A node that is not there is asked again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from aiohttp import web

from controller.api.carrying import SILENT_S, Carrier, carried
from controller.cluster.peer import PeerError, PeerNode, PeerRequest

log = structlog.get_logger()

LOOK_S, AGAIN_S, ANSWER_S = 5.0, 2.0, 2.0
"""Seconds between two looks at which nodes there are, until one is asked again, and that it may take."""
MOST_REPORTS = 16
"""Of one node, that the reader has not read yet."""
LONGEST_REPORT = 1 << 20
"""Bytes."""
SCENES = b"event: scenes\n"


class PeerScenes:
    """`tell` is called when there is something to `take`."""

    def __init__(self, carrier: Carrier, tell: Callable[[], None]) -> None:
        self._carrier, self._tell = carrier, tell
        self._reports: dict[PeerNode, deque[bytes]] = {}

    @asynccontextmanager
    async def followed(self, request: web.Request) -> AsyncIterator[None]:
        """Meanwhile all other nodes are asked."""
        asking = asyncio.create_task(self._run(await carried(request)), name="live status of other nodes")
        try:
            yield
        finally:
            asking.cancel()
            await asyncio.wait({asking})
            if not asking.cancelled() and (error := asking.exception()) is not None:
                log.error("live calls of other nodes could not be told: internal error", exc_info=error)

    def take(self) -> bytes:
        """Reports since the last time, as they are sent."""
        taken = b"".join(b"".join(each) for each in self._reports.values())
        for each in self._reports.values():
            each.clear()
        return taken

    async def _run(self, request: PeerRequest) -> None:
        following: dict[PeerNode, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                there = set(await self._carrier.owners.others())
                for node in following.keys() - there:
                    following.pop(node).cancel()
                for node in there - following.keys():
                    following[node] = tasks.create_task(self._follow(node, request))
                await asyncio.sleep(LOOK_S)

    async def _follow(self, node: PeerNode, request: PeerRequest) -> None:
        """Until cancelled."""
        self._reports[node] = deque(maxlen=MOST_REPORTS)
        try:
            while True:
                try:
                    await self._listen(node, request)
                except PeerError as error:
                    log.debug("a node does not tell of its live calls", node=node.name, reason=str(error))
                await asyncio.sleep(AGAIN_S)
        finally:
            del self._reports[node]

    async def _listen(self, node: PeerNode, request: PeerRequest) -> None:
        """Raises PeerError."""
        peers, rest = self._carrier.peers, b""
        async with peers.open(node, request, timeout_s=ANSWER_S) as answer:
            peers.check_answered_by(node, answer.status_code, answer.headers)
            if answer.status_code != HTTPStatus.OK:
                raise PeerError(f"{node.name} answered {answer.status_code}.")
            async for piece in peers.pieces(node, answer, SILENT_S):
                *blocks, rest = (rest + piece).split(b"\n\n")
                if len(rest) > LONGEST_REPORT:
                    raise PeerError(f"{node.name} sent a report that is too long.")
                if scenes := [block + b"\n\n" for block in blocks if block.startswith(SCENES)]:
                    self._reports[node].extend(scenes)
                    self._tell()
