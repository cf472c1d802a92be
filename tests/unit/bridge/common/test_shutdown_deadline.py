"""bridge.common.shutdown_deadline: a process that nothing else ends is ended."""

import subprocess
import sys

import pytest

STUCK = """
import threading, time
from bridge.common.shutdown_deadline import ShutdownDeadline

deadline = ShutdownDeadline(4)
deadline.set(60)
deadline.set(0.1)
{cancel}
threading.Thread(target=time.sleep, args=({seconds},)).start()  # not a daemon: the interpreter waits for it
time.sleep({seconds})
"""


@pytest.mark.parametrize(("cancel", "seconds", "status"), [("", 60, 4), ("deadline.cancel()", 0.3, 0)])
def test_the_deadline(cancel: str, seconds: float, status: int) -> None:
    program = STUCK.format(cancel=cancel, seconds=seconds)
    assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == status
