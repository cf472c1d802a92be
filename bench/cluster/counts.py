"""How many calls there were at once, computed from when each began and ended. [pure]

A call counts from the moment in which its node knew that it has its slots until its node began to free them: within the
time for which the server counts it. So more at once than the limit means that the limit was exceeded.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

Change = tuple[float, int, str, str]
"""When (monotonic, s), 1: a call began, -1: it ended, its node, its trunk."""


def over(changes: Iterable[Change], limit: int, of_trunk: int, since: float, until: float) -> dict[str, Any]:
    """The most at once in this time, by how many a limit was exceeded at most, and for how many seconds in all."""
    most = most_over = 0
    over_s = 0.0
    for began, ended, total, in_trunk in _states(changes):
        if ended < since or began > until:
            continue
        exceeded = max(total - limit, in_trunk - of_trunk, 0)
        most, most_over = max(most, total), max(most_over, exceeded)
        over_s += min(ended, until) - max(began, since) if exceeded else 0.0
    return {"at_once": most, "over": most_over, "over_s": round(over_s, 2)}


def _states(changes: Iterable[Change]) -> Iterator[tuple[float, float, int, int]]:
    """From when until when there were how many, and in the fullest trunk."""
    total, trunks, began = 0, Counter[str](), -inf
    for at, by, _, trunk in sorted(changes):
        yield began, at, total, max(trunks.values(), default=0)
        total, began = total + by, at
        trunks[trunk] += by
    yield began, inf, total, max(trunks.values(), default=0)


def above_share(changes: Iterable[Change], nodes: Sequence[str], limits: Mapping[str, int], at: float) -> int:
    """By how much the limits may be exceeded if the server goes away at this moment: what nodes have above their share
    of a trunk's limit. `limits`: by trunk."""
    held = Counter[tuple[str, str]]()
    for when, by, node, trunk in changes:
        if when <= at:
            held[node, trunk] += by
    order = {name: position for position, name in enumerate(sorted(nodes))}
    shares = {
        (node, trunk): most // len(nodes) + (order[node] < most % len(nodes))
        for node in nodes
        for trunk, most in limits.items()
    }
    return sum(max(0, count - shares[each]) for each, count in held.items())
