"""Before whom this process runs: its sound can't wait, nearly all else on its machine can.

Owns one request to the kernel, sched(7). The place is Asterisk's own (`asterisk -p`, asterisk.conf's `highpriority`:
SCHED_RR, 10): a higher one would take the core from the mixer in the middle of a frame, a lower one us from ours. All
threads that begin later have it too: one that waited for a core while it held the interpreter's lock would stop the
clock with it.
"""

import os
from contextlib import suppress

ASTERISKS = 10
"""asterisk.c, ast_set_priority."""


def claim() -> bool:
    """False: the system does not let us (RLIMIT_RTPRIO, CAP_SYS_NICE), or has no such thing. Before other threads."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(ASTERISKS))
        return True
    return False
