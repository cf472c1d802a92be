"""Ids that came from elsewhere, as many as matter; the oldest is forgotten first. [pure]"""

MOST = 1024
"""A call has hundreds. What comes for an older id is treated as new."""


class RecentIds:
    """A set of at most `most` ids."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._ids: dict[str, None] = {}

    def add(self, each: str) -> None:
        self._ids[each] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]

    def discard(self, each: str) -> None:
        self._ids.pop(each, None)

    def __contains__(self, each: str) -> bool:
        return each in self._ids

    def __len__(self) -> int:
        return len(self._ids)
