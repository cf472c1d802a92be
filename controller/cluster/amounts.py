"""What each node has used of a day's money and minutes, as far as one node has heard. [pure]"""

from collections.abc import Mapping


class Amounts:
    """Of one day. `own`: the name of this node."""

    def __init__(self, own: str) -> None:
        self._own, self._day = own, ""
        self._greatest: dict[str, dict[str, float]] = {}
        """By book and node: an amount only grows. One that the backend has forgotten still counts."""

    def heard(self, day: str, amounts: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """The sums of all other nodes, by book."""
        if day != self._day:
            self._day, self._greatest = day, {}
        for book, of_nodes in amounts.items():
            known = self._greatest.setdefault(book, {})
            for name, amount in of_nodes.items():
                known[name] = max(amount, known.get(name, 0.0))
        return {
            book: sum(amount for name, amount in known.items() if name != self._own)
            for book, known in self._greatest.items()
        }
