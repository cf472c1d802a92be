"""The shutdown of a controller: live calls may finish, then agents say goodbye, then calls are hung up.

Owns the order and the deadlines. A second signal (`hurry`) skips the rest of the waiting, not the teardown.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from controller.calls.machine import inputs
from controller.calls.machine.plan import State
from controller.calls.machine.rows.wrap_up import LAST_WORDS_LIMIT
from controller.calls.runtime.ports import DrainableCall

WHY = "shutdown"
HANG_UP = 5.0  # seconds that calls have to end after they were hung up

log = structlog.get_logger()


Live = Callable[[], Iterable[DrainableCall]]


async def finish(live: Live, empty: asyncio.Event, patience: float, hurry: asyncio.Event) -> None:
    """`patience`: seconds for the present calls before the agents say their last words; 0: they are hung up at once."""
    for each in live():
        if each.call.state is State.WAITING:
            each.put(inputs.TimeUp("wait"))  # there will be no room any more
    if patience > 0:
        log.info("calls may finish", calls=len(list(live())), seconds=patience)
        if await _within(patience, empty, hurry):
            return
        if not hurry.is_set():
            _tell(live, inputs.WrapUpDue(WHY), "calls are wrapped up")
            if await _within(LAST_WORDS_LIMIT + 1, empty, hurry):
                return
    _tell(live, inputs.HangUpAsked(WHY), "calls are hung up")
    if not await _within(HANG_UP, empty):
        log.error("calls did not end in time", calls=len(list(live())))


def _tell(live: Live, what: inputs.Input, text: str) -> None:
    told = list(live())
    if told:
        log.warning(text, calls=len(told))
    for each in told:
        each.put(what)


async def _within(seconds: float, empty: asyncio.Event, hurry: asyncio.Event | None = None) -> bool:
    """Whether all calls have ended."""
    waits = [asyncio.ensure_future(event.wait()) for event in (empty, hurry) if event is not None]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
    return empty.is_set()
