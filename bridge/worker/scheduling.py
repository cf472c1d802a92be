"""Realtime scheduling of a worker: whether to request it, the request, and giving it back.

Owns the calls to the kernel, sched(7). The policy and priority are those of Asterisk's `-p` and `highpriority`
(SCHED_RR, 10, asterisk.c: ast_set_priority). With a higher priority a worker would interrupt Asterisk's mixer in the
middle of a frame; with a lower one Asterisk would interrupt the worker. Threads that begin later inherit it: a thread
without it could hold the interpreter's lock while it waits for a core, and stop the sound with it.

A realtime process that never sleeps would keep its core from all else. Three things prevent that. `auto` requests
nothing where no core would be left or where the kernel's own limit is off. The kernel sends SIGXCPU to a realtime
thread that has computed for LONGEST_RUN without sleeping (RLIMIT_RTTIME, getrlimit(2)); the process gives its priority
back then, and requests it again RESUME_SECONDS later. A worker that stands still is killed by its supervisor.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal

PRIORITY = 10
LONGEST_RUN = 0.5
"""Seconds of computing without sleep. A worker with 200 calls sleeps every few milliseconds."""
RESUME_SECONDS = 10.0
KERNEL_LIMIT = Path("/proc/sys/kernel/sched_rt_runtime_us")
"""-1: realtime processes may take all of the CPU (sched-rt-group.rst)."""

Mode = Literal["auto", "yes", "no"]
Reason = Literal["as configured", "not permitted", "only one core", "the kernel does not limit realtime processes"]
"""Why a worker runs without realtime priority."""


def obstacle(cores: int, kernel_limit_us: int | None) -> Reason | None:
    """Why `auto` requests no realtime priority on this machine. `kernel_limit_us` None: it is not known."""
    if cores < 2:
        return "only one core"
    if kernel_limit_us == -1:
        return "the kernel does not limit realtime processes"
    return None


class RealtimePriority:
    """Of this process. `given_back`: it was granted, and this process has given it back."""

    def __init__(self) -> None:
        self.given_back = False

    def request(self, mode: Mode) -> Reason | None:
        """Before other threads begin. None: granted."""
        if mode == "no":
            return "as configured"
        if mode == "auto" and (reason := obstacle(_cores(), _kernel_limit())) is not None:
            return reason
        if not _set_policy(0, realtime=True):
            return "not permitted"
        self._give_back_on_overrun()
        return None

    def resume(self) -> bool:
        """Request it again for all threads, after it was given back. True: granted."""
        if not self.given_back:
            return False
        self.given_back = not all(_set_policy(thread, realtime=True) for thread in _threads())
        if not self.given_back:
            self._give_back_on_overrun()  # the kernel has raised the limit meanwhile
        return not self.given_back

    def _give_back_on_overrun(self) -> None:
        import resource  # only Linux gets here; Windows does not have it

        with suppress(OSError, ValueError):
            _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
            signal.signal(signal.SIGXCPU, self._give_back)
            resource.setrlimit(resource.RLIMIT_RTTIME, (int(LONGEST_RUN * 1_000_000), hard))

    def _give_back(self, *_: object) -> None:
        """The signal's handler: it runs between two instructions of Python, even if the event loop does not."""
        self.given_back = True
        for thread in _threads():
            _set_policy(thread, realtime=False)


def _set_policy(thread: int, *, realtime: bool) -> bool:
    """False: the system does not permit it (RLIMIT_RTPRIO, CAP_SYS_NICE), has no such thing, or the thread is gone."""
    with suppress(OSError, AttributeError):
        policy, priority = (os.SCHED_RR, PRIORITY) if realtime else (os.SCHED_OTHER, 0)
        os.sched_setscheduler(thread, policy, os.sched_param(priority))
        return True
    return False


def _threads() -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc/self/task")]
    return []


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _kernel_limit() -> int | None:
    with suppress(OSError, ValueError):
        return int(KERNEL_LIMIT.read_text())
    return None
