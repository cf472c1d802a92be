"""What must hold after the test with hostile parties: nobody but the hostile parties has lost anything.

Owns the comparison of an installation before and after, and which gaps of innocent callers count: all over 60 ms, but
those in which other programs of this machine had the cores, or kept the test itself from measuring (`machine_load`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import processes
from tests.chaos.callers import Visit
from tests.chaos.machine_load import MARGIN, Sample, busy_machine, starved_test
from tests.chaos.verdict import Usage, seconds_of, usage
from tests.e2e.installation import Installation

HEARS_WITHIN = 3.0
"""Who stays for less need not have heard the agent."""
FAULTS = ("worker lost", "request failed: internal error", "session failed")
"""Log lines that must not come."""
BEAT_LOST = 2.0
"""Seconds in which a worker that stands still is found out and killed."""
MEMORY_MB = 96
"""By which a process may have grown: heaps find their size, and a model may send 4 MiB at once."""


@dataclass(frozen=True, slots=True)
class State:
    """Of an installation: its processes by name, what they hold, their memory in MB, how many lines it has logged."""

    pids: Mapping[str, int]
    usage: Mapping[str, Usage]
    memory: Mapping[str, float]
    lines: int

    @classmethod
    async def of(cls, running: Installation) -> "State":
        workers = (await running.api("GET", "/v1/workers"))["workers"]
        pids = {str(each["name"]): int(each["pid"]) for each in workers}
        pids |= {"controller": running.service.pid, "asterisk": running.asterisk.pid}
        memory = {name: processes.read(pid).rss / 2**20 for name, pid in pids.items()}
        return cls(pids, await usage(running), memory, len(running.service.lines))

    def faults_since(self, before: "State", *, starved: bool) -> list[str]:
        """Processes that are not the same any more, and those that hold more than a few calls would. `starved`: a
        worker had to be replaced because the machine was busy."""
        if starved:
            return []
        if self.pids != before.pids:
            return [f"processes were {before.pids} and are {self.pids}"]
        files = [name for name in self.usage if not self.usage[name].flat(before.usage[name])]
        grown = [name for name in self.memory if self.memory[name] > before.memory[name] + MEMORY_MB]
        return [
            *(f"{name} held {before.usage[name]} and holds {self.usage[name]}" for name in files),
            *(f"{name} had {before.memory[name]:.0f} MB and has {self.memory[name]:.0f} MB" for name in grown),
        ]


def of_innocents(visits: Sequence[Visit], samples: Sequence[Sample]) -> list[str]:
    """Calls that did not go as their callers wanted, and gaps of more than 60 ms. [pure]"""
    found = []
    for visit in visits:
        if visit.outcome != "done" and not busy_machine(samples, visit.ended - MARGIN, visit.ended):
            found.append(f"{visit.caller}: {visit.outcome} {visit.what}")
        deaf = visit.outcome == "done" and not visit.heard.first and visit.ended - visit.began > HEARS_WITHIN
        if deaf and not starved_test(samples, visit.began, visit.ended):
            found.append(f"{visit.caller} never heard the agent")
        found += [
            f"{visit.caller} heard nothing for {gap.seconds * 1000:.0f} ms at {gap.since:.2f}"
            for gap in visit.heard.holes
            if not busy_machine(samples, gap.since, gap.until) and not starved_test(samples, gap.since, gap.until)
        ]
    return found


def starved_workers(lines: Iterable[Mapping[str, Any]], samples: Sequence[Sample]) -> list[str]:
    """Workers that were killed because they stood still, at moments when other programs had the cores. [pure]"""
    lost = [each for each in lines if each["event"] == "worker lost"]
    ends = {str(each["worker"]): seconds_of(str(each["timestamp"])) for each in lost}
    return [name for name, at in ends.items() if busy_machine(samples, at - BEAT_LOST, at, BEAT_LOST / 4)]


def in_log(lines: Sequence[Mapping[str, Any]], log: Path, before: int, starved: Sequence[str] = ()) -> list[str]:
    """Tracebacks, workers that were lost or started again, and what is no line of ours. `before`: lines of the time
    before anybody was hostile."""
    lines = [each for each in lines[before:] if each.get("worker") not in starved or each["event"] != "worker lost"]
    started = [each for each in lines if each["event"] == "worker started" and each.get("worker") not in starved]
    found = [str(each["exception"])[-1500:] for each in lines if "Traceback" in str(each.get("exception", ""))]
    found += [str(each) for each in lines if each["event"] in FAULTS]
    found += [f"{len(started)} workers were started"] if started else []
    return found + [raw[:300] for raw in log.read_text(errors="replace").split("\n") if raw and not raw.startswith("{")]
