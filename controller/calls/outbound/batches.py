"""Which of the calls that are due a node claims together. [pure]"""

from collections.abc import Collection, Sequence

from controller.calls.outbound.entry import QueuedCall

AT_ONCE = 10

Lane = tuple[str, str]
"""What there may be no room for: a trunk and an agent."""


def lane_of(entry: QueuedCall) -> Lane:
    return entry.order.trunk, entry.order.agent


def next_batch(due: Sequence[QueuedCall], full_before: Collection[Lane], full: Collection[Lane]) -> list[QueuedCall]:
    """`due`: in the order of their turn. `full_before`: where there was no room a moment ago; one call is enough to see
    whether there is now. `full`: where there is none now. Empty: nothing can be placed."""
    open_ = [each for each in due if lane_of(each) not in full]
    if open_ and lane_of(open_[0]) in full_before:
        return open_[:1]
    return [each for each in open_ if lane_of(each) not in full_before][:AT_ONCE]
