"""Whether a gap in somebody's sound was the machine's doing: other programs had the cores that ours were waiting for.

Owns the measure: how long threads of ours were ready to run and did not (`schedstat`, see the kernel's
Documentation/scheduler/sched-stats.rst), and how much of the machine others used meanwhile. Work that the product gives
itself is no excuse: without others' use there is none, however long its threads waited. Linux only.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

EVERY = 0.1
MARGIN = 0.3
"""Seconds before and after a gap that belong to it: each process on the way has a few frames in hand."""
WAITED = 0.03
"""Seconds: one and a half frames."""
OTHERS = 0.5
"""Of one core."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look, `EVERY` seconds after the one before. `waited`: by the thread that waited longest for a core; `others`:
    share of one core that others used; `late`: by so many seconds this look itself was late."""

    at: float
    waited: float
    others: float
    late: float = 0.0
    test_waited: float = 0.0
    """Likewise, by a thread of the test itself: telephones and the innocent callers' model."""
    test_used: float = 0.0
    """Share of one core that the test used, which is in `others`."""


def busy_machine(samples: Iterable[Sample], since: float, until: float, waited_s: float = WAITED) -> bool:
    """Whether others kept ours from running then, for so many seconds at least. [pure]"""
    near = [each for each in samples if since - MARGIN < each.at < until + MARGIN + EVERY]
    waited = max((max(each.waited, each.late) for each in near), default=0.0)
    others = max((each.others for each in near), default=0.0)
    return waited >= waited_s and others >= OTHERS


def starved_test(samples: Iterable[Sample], since: float, until: float) -> bool:
    """Whether the test itself stood still for half of that time or longer, because neither it nor ours had the cores:
    then it can't say what was heard. [pure]"""
    within = [each for each in samples if since < each.at < until + MARGIN]
    waited = sum(each.test_waited for each in within)
    others = sum(each.others - each.test_used for each in within)
    return bool(within) and waited >= (until - since) / 2 and others / len(within) >= OTHERS


@dataclass
class MachineLoad:
    """`watch` until cancelled; `samples` holds what it saw. `pids`: the product's processes and Asterisk's."""

    pids: Sequence[int]
    samples: list[Sample] = field(default_factory=list)

    async def watch(self) -> None:
        """Until cancelled."""
        me = [os.getpid()]
        before, used, ours = _waits(self.pids), _used(), _used_by(self.pids)
        test_before, test = _waits(me), _used_by(me)
        at = time.time()
        while True:
            await asyncio.sleep(EVERY)
            now, waits = time.time(), _waits(self.pids)
            all_used, our_use = _used(), _used_by(self.pids)
            took = max(now - at, 0.01)
            test_waits, test_use = _waits(me), _used_by(me)
            others = (all_used - used - (our_use - ours)) / took
            late, test_used = max(0.0, took - 1.5 * EVERY), (test_use - test) / took
            test_waited = _longest(test_before, test_waits)
            self.samples.append(Sample(now, _longest(before, waits), others, late, test_waited, test_used))
            before, used, ours, at = waits, all_used, our_use, now
            test_before, test = test_waits, test_use


def _longest(before: Mapping[tuple[int, str], float], waits: Mapping[tuple[int, str], float]) -> float:
    """Seconds, of the thread that waited longest."""
    return max((waits[each] - before.get(each, waits[each]) for each in waits), default=0.0)


def _waits(pids: Iterable[int]) -> Mapping[tuple[int, str], float]:
    """By thread: seconds in which it was ready and had no core."""
    found = {}
    for pid in pids:
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with suppress(OSError):
                    text = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text()
                    found[pid, thread] = int(text.split()[1]) / 1e9
    return found


def _used() -> float:
    """CPU seconds of the whole machine, what was stolen from it included."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def _used_by(pids: Iterable[int]) -> float:
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS
