"""Frames of a worker's link, read: each event once, and what can't be read dropped (a dead letter).

Owns what is kept of the order: an event that was told again around a broken link is known by its number, and one that
could not be read is not asked for again. Acts on nothing.
"""

import asyncio
from dataclasses import dataclass

import structlog
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
        number, event = contract.decode_numbered(frame)
        worker.last_beat = asyncio.get_running_loop().time()
    except ValidationError as fault:
        # Only where and what: the values may be a caller's words.
        wrong = [(each["type"], *each["loc"][-3:]) for each in fault.errors(include_input=False)][-3:]
        log.error("event can't be read and is dropped", worker=worker.name, call=head.call, wrong=wrong)
    if number and number <= worker.heard:
        return Received(head)  # the link broke before the worker knew that we had it
    worker.heard = max(worker.heard, number)
    return Received(head, event, refused=event is None)
