"""How long a request was worked on: the time in which nothing else of this process ran, waiting not counted. [pure]"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Worked(Generic[Result]):
    """`await Worked(coroutine, clock)`, and its `seconds` afterwards, also if it has raised."""

    def __init__(self, work: Awaitable[Result], clock: Callable[[], float]) -> None:
        self._work = work
        self._clock = clock
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, Result]:
        steps: Any = self._work.__await__()  # of a coroutine
        step, given = steps.send, None
        while True:
            began = self._clock()
            try:
                waits_for = step(given)
            except StopIteration as done:
                result: Result = done.value
                return result
            finally:
                self.seconds += self._clock() - began
            try:
                step, given = steps.send, (yield waits_for)
            except BaseException as error:  # it goes to the work, which is asked what comes of it
                step, given = steps.throw, error
