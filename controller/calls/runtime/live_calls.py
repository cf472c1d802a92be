"""What each request about a live call begins with: the call is found, in a state in which it can be done. [pure]"""

from collections.abc import Callable

from controller.calls import errors
from controller.calls.machine import inputs
from controller.calls.machine.plan import State
from controller.calls.reporting import view
from controller.calls.runtime.ports import LiveCall
from controller.config import Config

Find = Callable[[str], LiveCall]
"""By the call's id. Raises `errors.UnknownCall`, and `errors.WrongState` for one that has ended."""


class LiveCalls:
    """`find` finds a live call by its id."""

    def __init__(self, config: Config, find: Find) -> None:
        self._config = config
        self._find = find

    def _in(self, call: str, done: str, *states: State) -> LiveCall:
        """The call, if it is in one of these. `done`: what it should be, such as "transferred"."""
        live = self._find(call)
        if live.call.state not in states:
            raise errors.WrongState(f"This call can't be {done} now: it is {live.call.state.value}.")
        return live


def put(live: LiveCall, what: inputs.Input) -> view.CallView:
    """Into the call's queue; gives the call as it is."""
    live.put(what)
    return view.view_of(live.call, live.call_log)
