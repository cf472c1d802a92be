"""What a node asks the backend for at each beat, to notice that it has lost a key. [pure]

A backend that loses a key (deleted, evicted) loses all that is in it, and may have others' newer ids in a new one soon.
So of each scope the oldest id is asked for, which is in a new key only if this node has told everything again.
"""

from collections.abc import Collection

from controller.cluster.port import Samples
from controller.cluster.slots import SlotBook

AT_ONCE = 100
"""Scopes of a beat. A node that has more of them (`per_caller`: one for each caller) asks for them by turns."""
LEFT_S = 3.0
"""Seconds that a sample must count for a rate still, by our clock; the backend drops it by its own."""


class Sampler:
    """`next` at each beat. `book`: what this node holds, and nobody else."""

    def __init__(self, book: SlotBook) -> None:
        self._book = book
        self._slots: list[str] = []
        self._rates: list[str] = []
        """Scopes whose turn is to come."""

    def next(self, untold: Collection[str], now: float) -> Samples:
        """`untold`: ids of which the backend has not been told what they hold now."""
        self._slots = self._slots or list(self._book.scopes())
        self._rates = self._rates or list(self._book.rates())
        slots = [(scope, self._book.oldest(scope)) for scope in _taken(self._slots)]
        rates = [(scope, self._book.oldest_counted(scope, now, LEFT_S)) for scope in _taken(self._rates)]
        return Samples(
            tuple((scope, id_) for scope, id_ in slots if id_ is not None and id_ not in untold),
            tuple((scope, id_) for scope, id_ in rates if id_ is not None and id_ not in untold),
        )


def _taken(scopes: list[str]) -> list[str]:
    taken = scopes[-AT_ONCE:]
    del scopes[-AT_ONCE:]
    return taken
