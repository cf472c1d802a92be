"""Frames of a worker's link: read, each event once, and told again after the link was broken.

Owns the order around a broken link: an event that is told a second time is known by its number, one that can't be read
is dropped (a dead letter) and not asked for again, and the worker gets in order what was kept for it. Acts on no event.
"""

import asyncio
from dataclasses import dataclass

import structlog
from aiohttp import web
from pydantic import ValidationError

from bridge import contract
from controller.workers.worker import Worker

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Received:
    """One frame. `event` None: there is nothing to act on, because it was told before or (`refused`) can't be read."""

    head: contract.Head
    event: contract.Event | None = None
    refused: bool = False


def received(worker: Worker, frame: str) -> Received:
    """Notes that the worker lives, and how far it has told its events."""
    head = contract.head_of(frame)
    number = head.number
    event: contract.Event | None = None
    try:
        number, event = contract.decode_numbered(frame, worker.ignored)
        worker.last_beat = asyncio.get_running_loop().time()
    except ValidationError as fault:
        # Only where and what: the values may be a caller's words.
        wrong = [(each["type"], *each["loc"][-3:]) for each in fault.errors(include_input=False)][-3:]
        log.error("event can't be read and is dropped", worker=worker.name, call=head.call, wrong=wrong)
    if number and number <= worker.heard:
        return Received(head)  # the link broke before the worker knew that we had it
    worker.heard = max(worker.heard, number)
    return Received(head, event, refused=event is None)


async def catch_up(worker: Worker, hello: contract.Hello, socket: web.WebSocketResponse) -> None:
    """Tells a worker whose link is back what it should have been told meanwhile. Raises ConnectionError."""
    for call in sorted(set(hello.calls) - worker.calls):  # nobody here knows it
        close = contract.Close(call=call, reason="unknown to the controller")
        await socket.send_str(contract.encode(close, worker.version))
    while worker.pending and worker.socket is socket:
        call, frame = worker.pending[0]
        if call in worker.calls:
            await socket.send_str(frame)
        if worker.socket is not socket:
            return  # it came again meanwhile: that link tells it
        worker.pending.popleft()
    worker.catching_up = worker.catching_up and worker.socket is not socket
