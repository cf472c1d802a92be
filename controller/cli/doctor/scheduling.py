"""Checks the realtime priority of Asterisk and the workers of this machine. Linux only.

Owns the reading of /proc(5). Without realtime priority calls work; a busy machine carries about half as many
(docs/capacity.md).
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from controller.cli.doctor.findings import Finding, ok, skipped, warning
from controller.config import Config

CHECK = "realtime priority"
PRIORITY = 10
"""Of Asterisk and of the workers."""
CAP_SYS_NICE = 1 << 23
COSTS = "a busy machine carries about half as many calls (docs/capacity.md)"
ASTERISK_FIX = (
    "`highpriority = yes` under [options] in asterisk.conf, and `LimitRTPRIO=10` in Asterisk's unit "
    "(`systemctl edit asterisk`); with our script and image HIGH_PRIORITY=auto does it."
)
WORKER_FIX = (
    "`LimitRTPRIO=10` in the unit of voiceai (deploy/systemd has it), or `ulimits: {rtprio: 10}` in compose.yaml; "
    "`bridge.realtime: false` if you do not want it."
)


Policy = Callable[[int], int]


def priorities(config: Config, proc: Path = Path("/proc"), policy: Policy | None = None) -> list[Finding]:
    """Checks running processes; if no worker runs, whether this user's worker would be permitted."""
    if sys.platform != "linux":
        return [skipped(CHECK, "this system has no realtime priority")]
    policy = policy or os.sched_getscheduler
    return [*_asterisk(proc, policy), *_workers(config, proc, policy)]


def _asterisk(proc: Path, policy: Policy) -> list[Finding]:
    found = [_realtime(pid, policy) for pid in _processes(proc) if _name(proc, pid) == "asterisk"]
    check = f"{CHECK} of Asterisk"
    if not found:
        return [skipped(check, "no Asterisk runs on this machine")]
    if not all(found):
        return [warning(check, f"it runs without: {COSTS}", ASTERISK_FIX)]
    return [ok(check, "it has it")]


def _workers(config: Config, proc: Path, policy: Policy) -> list[Finding]:
    check = f"{CHECK} of the workers"
    if config.bridge.realtime is False or config.bridge.workers == 0:
        return [skipped(check, "not asked for: `bridge.realtime: false`, or no workers on this machine")]
    found = [_realtime(pid, policy) for pid in _processes(proc) if "bridge.worker" in _command(proc, pid)]
    if found and all(found):
        return [ok(check, "they run before everything that is not realtime")]
    if found:
        return [warning(check, f"they run without: {COSTS}; their log says why", WORKER_FIX)]
    if _permitted(proc):
        return [ok(check, "no worker runs; this user's would be permitted")]
    return [warning(check, f"no worker runs; this user's would not be permitted: {COSTS}", WORKER_FIX)]


def _permitted(proc: Path) -> bool:
    import resource  # not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    for line in (proc / "self" / "status").read_text().splitlines():
        if line.startswith("CapEff:") and int(line.split()[1], 16) & CAP_SYS_NICE:
            return True
    return soft == resource.RLIM_INFINITY or soft >= PRIORITY


def _processes(proc: Path) -> list[int]:
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]


def _name(proc: Path, pid: int) -> str:
    try:
        return (proc / str(pid) / "comm").read_text().strip()
    except OSError:  # it has ended
        return ""


def _command(proc: Path, pid: int) -> list[str]:
    try:
        return (proc / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []


def _realtime(pid: int, policy: Policy) -> bool:
    try:
        return policy(pid) in (os.SCHED_RR, os.SCHED_FIFO)
    except OSError:
        return True  # it has ended
