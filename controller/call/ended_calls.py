"""The calls that have ended since the start, as far as they can still be asked about: the newest ones. [pure]"""

from collections import OrderedDict
from collections.abc import Iterator

from controller.call import view

MOST = 1000


class EndedCalls:
    def __init__(self) -> None:
        self._calls: OrderedDict[str, view.CallDetail] = OrderedDict()

    def add(self, call: str, detail: view.CallDetail) -> None:
        self._calls.pop(call, None)  # of an earlier attempt: the newest comes last
        self._calls[call] = detail
        if len(self._calls) > MOST:
            self._calls.popitem(last=False)

    def find(self, call: str) -> view.CallDetail | None:
        return self._calls.get(call)

    def newest_first(self) -> Iterator[view.CallView]:
        return (each.call for each in reversed(self._calls.values()))
