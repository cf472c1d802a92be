"""Live calls as verbs find them. [pure]"""

from collections.abc import Callable
from typing import Protocol

from controller.calls import errors
from controller.calls.machine import inputs as m
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from controller.calls.reporting import view
from controller.calls.reporting.call_log import CallLog
from controller.config import Config


class Live(Protocol):
    """A call that lives, as far as verbs concern it (`actor.CallActor`)."""

    @property
    def call(self) -> Call: ...
    @property
    def record(self) -> CallLog: ...
    def put(self, what: m.Input) -> None: ...


Find = Callable[[str], Live]
"""By the call's id. Raises `errors.UnknownCall`, and `errors.WrongState` for one that has ended."""


class LiveCalls:
    """What all verbs begin with."""

    def __init__(self, config: Config, find: Find) -> None:
        self._config = config
        self._find = find

    def _in(self, call: str, done: str, *states: State) -> Live:
        """The call, if it is in one of these. `done`: what it should be, such as "transferred"."""
        live = self._find(call)
        if live.call.state not in states:
            raise errors.WrongState(f"This call can't be {done} now: it is {live.call.state.value}.")
        return live


def put(live: Live, what: m.Input) -> view.CallView:
    """Into the call's queue; gives the call as it is."""
    live.put(what)
    return view.view_of(live.call, live.record)
