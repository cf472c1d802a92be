"""Deletes recordings that are older than the controller's rules allow; they lie on the worker's disk.

Owns the rules that the controller's `Welcome` brought (also after recording was switched off, or while no call comes)
and the hourly look, which runs on the disk thread. Deletes only what a worker has made: `<uuid>.wav` and `<uuid>.ogg`
(`<uuid>-2.wav` for the second of a call) that lie in the folder itself and are no links. Age counts from the last time
the file was written, the end of a call.
"""

import asyncio
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_ISREG

import structlog

from bridge import contract
from bridge.recording.disk import DiskThread

SWEEP_SECONDS = 3600.0
DAY_SECONDS = 86_400.0

_OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-[0-9]{1,4})?\.(wav|ogg)")

log = structlog.get_logger()


def expired(rule: contract.Retention, now: float) -> Iterator[Path]:
    """Files that are older than the rule allows. `now`: Unix time. A folder that is not there holds none."""
    try:
        names = sorted(path for path in Path(rule.path).iterdir() if _OURS.fullmatch(path.name))
    except FileNotFoundError:
        return
    for path in names:
        try:
            found = path.lstat()
        except FileNotFoundError:  # another worker of this machine was faster
            continue
        if S_ISREG(found.st_mode) and now - found.st_mtime > rule.keep_days * DAY_SECONDS:
            yield path


def sweep(rules: tuple[contract.Retention, ...], now: float) -> int:
    """Delete all that is too old; how many that were. May block on the disk."""
    deleted = 0
    for rule in rules:
        try:
            for path in expired(rule, now):
                path.unlink(missing_ok=True)
                deleted += 1
        except OSError as fault:
            log.error("old recordings can't be deleted", path=rule.path, fault=str(fault))
    if deleted:
        log.info("old recordings deleted", files=deleted)
    return deleted


def together(rules: Iterable[contract.Retention]) -> tuple[contract.Retention, ...]:
    """One rule for each folder: of several, the one that keeps longest, so that no controller deletes what another one
    keeps."""
    days: dict[str, int] = {}
    for rule in rules:
        days[rule.path] = max(rule.keep_days, days.get(rule.path, 0))
    return tuple(contract.Retention(path=path, keep_days=each) for path, each in days.items())


class Retention:
    """`keep` sweeps at once and then every hour, until `close`."""

    def __init__(self, disk: DiskThread) -> None:
        self._disk = disk
        self._told: dict[object, tuple[contract.Retention, ...]] = {}
        self._rules: tuple[contract.Retention, ...] = ()
        self._timer: asyncio.TimerHandle | None = None

    def keep(self, rules: tuple[contract.Retention, ...], of: object = None) -> None:
        """The rules from now on. `of`: whose they are; those of others stay."""
        self.close()
        self._told[of] = rules
        self._rules = together(rule for each in self._told.values() for rule in each)
        if self._rules:
            self._sweep()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        rules = self._rules
        self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

        def job() -> None:
            sweep(rules, time.time())

        self._disk.put(job)
