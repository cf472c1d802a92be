"""The latest calls that have ended since the start, for the API. [pure]

Owns the bounds: the number of calls, and the characters that were said in them.
"""

from collections import OrderedDict
from collections.abc import Iterator

from controller.calls.reporting import view

MOST = 1000
MOST_CHARACTERS = 4_000_000
"""A call of an hour has about 50,000."""


class EndedCalls:
    def __init__(self) -> None:
        self._calls: OrderedDict[str, view.CallDetail] = OrderedDict()
        self._characters = 0

    def add(self, call: str, detail: view.CallDetail) -> None:
        """The newest is always kept."""
        earlier = self._calls.pop(call, None)  # an earlier attempt of the same call
        self._characters += _characters(detail) - (_characters(earlier) if earlier is not None else 0)
        self._calls[call] = detail
        while len(self._calls) > MOST or (self._characters > MOST_CHARACTERS and len(self._calls) > 1):
            self._characters -= _characters(self._calls.popitem(last=False)[1])

    def find(self, call: str) -> view.CallDetail | None:
        return self._calls.get(call)

    def newest_first(self) -> Iterator[view.CallView]:
        return (each.call for each in reversed(self._calls.values()))


def _characters(detail: view.CallDetail) -> int:
    return sum(len(each.text) for each in detail.transcript)
