"""Who holds which slots, and who counts for which rates. [pure]

Slots are sets with an owner, not counters: to take or release one twice changes nothing. `SlotBook` is what one node
holds (`membership`), and what all nodes hold together (`memory`). Times are arguments, in seconds of any one clock.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from controller.cluster.port import Admitted, Claim, Holdings, Limit, Samples


class SlotBook:
    """`owner` is any text; each id has one."""

    def __init__(self) -> None:
        self._scopes: dict[str, dict[str, str]] = {}
        """By scope: the owner of each id in it."""
        self._ids: dict[str, dict[str, tuple[str, ...]]] = {}
        """By owner: the scopes of each id."""
        self._rates: dict[str, dict[str, float]] = {}
        """By scope: when each id was admitted, in that order."""
        self._windows: dict[str, float] = {}

    def take(self, owner: str, claim: Claim, now: float) -> Limit | None:
        """Takes everything, or nothing and returns the limit that is reached."""
        full = self.full(claim, now)
        if full is None:
            self.hold(owner, claim.id, claim.scopes)
            for rate in claim.rates:
                self.count(rate.scope, claim.id, now, rate.window_s)
        return full

    def full(self, claim: Claim, now: float) -> Limit | None:
        for slot in claim.slots:
            held = self._scopes.get(slot.scope, {})
            if slot.most is not None and claim.id not in held and len(held) >= slot.most:
                return slot
        for rate in claim.rates:
            admitted = self._current(rate.scope, now - rate.window_s)
            if claim.id not in admitted and len(admitted) >= rate.most:
                return rate
        return None

    def hold(self, owner: str, id_: str, scopes: Iterable[str]) -> None:
        """Without limits, in addition to what it holds."""
        if not (scopes := tuple(scopes)):
            return
        mine = self._ids.setdefault(owner, {})
        mine[id_] = tuple(dict.fromkeys((*mine.get(id_, ()), *scopes)))
        for scope in scopes:
            before = self._scopes.setdefault(scope, {}).get(id_)
            if before is not None and before != owner:
                self._leave(before, id_, scope)
            self._scopes.setdefault(scope, {})[id_] = owner

    def count(self, scope: str, id_: str, at: float, window_s: float) -> None:
        admitted = self._rates.setdefault(scope, {})
        late = bool(admitted) and at < next(reversed(admitted.values()))
        admitted.setdefault(id_, at)
        if late:
            self._rates[scope] = dict(sorted(admitted.items(), key=lambda each: each[1]))
        self._windows[scope] = window_s

    def release(self, owner: str, ids: Collection[str]) -> None:
        for id_ in ids:
            for scope in self._ids.get(owner, {}).get(id_, ()):
                self._leave(owner, id_, scope)

    def free(self, owner: str) -> None:
        self.release(owner, list(self._ids.get(owner, ())))

    def _leave(self, owner: str, id_: str, scope: str) -> None:
        mine = self._ids[owner]
        if left := tuple(each for each in mine[id_] if each != scope):
            mine[id_] = left
        else:
            del mine[id_]
        if not mine:
            del self._ids[owner]
        held = self._scopes[scope]
        del held[id_]
        if not held:
            del self._scopes[scope]

    def _current(self, scope: str, since: float) -> Mapping[str, float]:
        admitted = self._rates.get(scope, {})
        for id_, at in list(admitted.items()):
            if at > since:
                break
            del admitted[id_]
        if not admitted:
            self._rates.pop(scope, None)
        return admitted

    def owner(self, scope: str, id_: str) -> str | None:
        return self._scopes.get(scope, {}).get(id_)

    def held(self, owner: str) -> Mapping[str, tuple[str, ...]]:
        return self._ids.get(owner, {})

    def scopes(self) -> Mapping[str, int]:
        """How many are in each scope; without those that are empty."""
        return {scope: len(held) for scope, held in self._scopes.items()}

    def oldest(self, scope: str) -> str | None:
        """The id that has been in it for longest."""
        return next(iter(self._scopes.get(scope, ())), None)

    def oldest_counted(self, scope: str, now: float, left_s: float) -> str | None:
        """The first id that counts for this rate for `left_s` seconds more."""
        since = now - self._windows.get(scope, 0.0) + left_s
        return next((id_ for id_, at in self._rates.get(scope, {}).items() if at > since), None)

    def rates(self) -> Collection[str]:
        return self._rates.keys()

    def has(self, samples: Samples) -> bool:
        counted = all(id_ in self._rates.get(scope, {}) for scope, id_ in samples.rates)
        return counted and all(id_ in self._scopes.get(scope, {}) for scope, id_ in samples.slots)

    def forget(self, now: float) -> None:
        """Rates whose window is over."""
        for scope, window in list(self._windows.items()):
            if not self._current(scope, now - window):
                del self._windows[scope]

    def holdings(self, owner: str, now: float) -> Holdings:
        """All that `owner` holds, and all rates of the book."""
        self.forget(now)
        rates = [
            Admitted(scope, id_, now - at, self._windows[scope])
            for scope, admitted in self._rates.items()
            for id_, at in admitted.items()
        ]
        return Holdings(dict(self.held(owner)), tuple(rates))


def share_of(most: int, nodes: int, position: int) -> int:
    """What one of several nodes may use of a limit by itself: at least 1, or a node would refuse everybody. The shares
    of all positions (0 is the first) add up to the limit, or to the number of nodes if the limit is smaller."""
    return max(most // nodes + (position < most % nodes), min(most, 1))


def divided(claim: Claim, nodes: int, position: int) -> Claim:
    """The claim with this node's share of each limit."""

    def share(most: int) -> int:
        return share_of(most, nodes, position)

    slots = tuple(each if each.most is None else replace(each, most=share(each.most)) for each in claim.slots)
    return replace(claim, slots=slots, rates=tuple(replace(each, most=share(each.most)) for each in claim.rates))
