"""A row of the call's table: what is done about an input in a state, and which states may follow. [pure]"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.calls.machine.call import Call
from controller.calls.machine.commands import Command
from controller.calls.machine.inputs import Internal
from controller.calls.machine.plan import State

Steps = Sequence[Command | Internal]
"""What a handler wants done, in order: commands, and behind them what it leaves to another row."""
Handler = Callable[[Call, Any, datetime], Steps]
"""A function of the call, the input and the present time."""

END = frozenset({State.ENDING, State.ENDED})
"""The states in which `Call.end` leaves a call."""


@dataclass(frozen=True, slots=True)
class Row:
    handler: Handler
    to: AbstractSet[State] = frozenset()
    """States in which the handler may leave the call, besides the one that it was in."""


Rows = Mapping[tuple[State, type], Row]
"""By state and type of the input."""
Always = Mapping[type, Row]
"""By type of the input: the row for each state that has no row of its own for it."""


def in_states(states: Iterable[State], rows: Always) -> dict[tuple[State, type], Row]:
    """The same rows in each of these states."""
    return {(state, kind): row for state in states for kind, row in rows.items()}


def nothing(_: Call, __: object, ___: datetime) -> Steps:
    """The handler of an input that changes nothing."""
    return []
