"""What ops may ask of one live call. [pure]

Owns the first answer: looks the call up, checks its state and what was given, and puts an input into its queue. Each
verb returns at once with the call as it is; what it starts shows in the view. Raises `view.UnknownCall`, and
`view.WrongState` with the state's name in it. Until the input's turn comes the call may have moved on: then the
machine's rows say what becomes of it.
"""

from collections.abc import Callable
from typing import Protocol

from controller import limits
from controller.call import births, view
from controller.call import messages as m
from controller.call.machine import Call
from controller.call.plan import State
from controller.call.record import Record
from controller.config import Config


class Live(Protocol):
    """A call that lives, as far as verbs concern it (`actor.CallActor`)."""

    @property
    def call(self) -> Call: ...
    @property
    def record(self) -> Record: ...
    def put(self, what: m.Input) -> None: ...


Find = Callable[[str], Live]
"""By the call's id. Raises `view.UnknownCall`, and `view.WrongState` for one that has ended."""


class Verbs:
    """`by` is who asks, for the record."""

    def __init__(self, config: Config, find: Find) -> None:
        self._config = config
        self._find = find

    def hang_up(self, call: str, *, by: str) -> view.CallView:
        """In any state."""
        return _put(self._find(call), m.HangUpAsked(by))

    def transfer(self, call: str, *, to: str, by: str) -> view.CallView:
        """Raises `limits.NotAllowed` too."""
        live = self._in(call, "transferred", State.TALKING, State.HOLDING)
        where = limits.destination(self._config, to, live.call.plan.trunk)
        return _put(live, m.TransferAsked(births.target_of(self._config, where), by))

    def _in(self, call: str, done: str, *states: State) -> Live:
        """The call, if it is in one of these. `done`: what it should be, such as "transferred"."""
        live = self._find(call)
        if live.call.state not in states:
            raise view.WrongState(f"This call can't be {done} now: it is {live.call.state.value}.")
        return live


def _put(live: Live, what: m.Input) -> view.CallView:
    live.put(what)
    return view.view_of(live.call, live.record)
