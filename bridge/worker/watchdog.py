"""Starts a worker and kills it when its event loop stands still: systemd's `WatchdogSec` for where there is no systemd.

Owns one worker process at a time. It expects the worker's notifications (sd_notify(3), `bridge.common.systemd`). If
they stop it kills the worker, since only closing its sockets frees an Asterisk that waits for it, and starts the next
one. SIGTERM and SIGINT are passed on; then it ends with the worker. It knows nothing of calls.

    python -m bridge.worker.watchdog [arguments of bridge.worker]
"""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from types import FrameType

import structlog

from bridge.common import logs as logs
from bridge.common.systemd import SOCKET, WATCHDOG, WATCHDOG_PID

SILENT = 1.5
"""Seconds without a word after which it stands still. It speaks twice as often."""
STARTING = 30.0
"""Seconds until its first word."""
STEADY, AGAIN = 5.0, 1.0
"""Seconds. A worker that ran this long is started again at once, others after a pause."""

log = structlog.get_logger()


class Watchdog:
    """`run` returns the last worker's exit status once we were told to stop; 0 if that was before the first one."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._argv = [sys.executable, "-m", "bridge.worker", *argv]
        self._env = {name: value for name, value in env.items() if name != WATCHDOG_PID}
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def stop(self, number: int = signal.SIGTERM, _: FrameType | None = None) -> None:
        """A signal handler. A second one is passed on, too: the worker does not wait any longer then."""
        self._stopping = True
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def run(self) -> int:
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            address = str(Path(folder) / "notify")
            ear.bind(address)
            env = {**self._env, SOCKET: address, WATCHDOG: str(round(SILENT * 1e6))}
            status = 0
            while not self._stopping:
                began = monotonic()
                self._child = child = subprocess.Popen(self._argv, env=env)
                if self._stopping:  # the signal came before the handler knew of this child
                    child.terminate()
                status = self._watch(child, ear)
                if self._stopping:
                    break
                log.error("the worker ended and is started again", pid=child.pid, status=status)
                if monotonic() - began < STEADY:
                    self._pause(AGAIN)
            return status

    def _pause(self, seconds: float) -> None:
        """A signal ends it."""
        end = monotonic() + seconds
        while not self._stopping and monotonic() < end:
            sleep(0.05)

    def _watch(self, child: subprocess.Popen[bytes], ear: socket.socket) -> int:
        """Until it has ended, or was killed."""
        patience, heard = STARTING, monotonic()
        while child.poll() is None:
            asked = monotonic()
            if select.select([ear], [], [], min(0.1, patience))[0]:
                ear.recv(4096)
                patience, heard = SILENT, monotonic()
            elif monotonic() - asked > SILENT:
                heard = monotonic()  # this process stood still, too: most likely the whole container
            elif monotonic() - heard > patience:
                log.error("the worker stands still and is killed", pid=child.pid, silent_s=round(patience, 1))
                child.kill()
                return child.wait()
        return child.returncode


def main() -> int:
    logs.set_up()
    guard = Watchdog(sys.argv[1:], os.environ)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, guard.stop)
    return guard.run()


if __name__ == "__main__":
    sys.exit(main())
