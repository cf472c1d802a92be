"""bridge.recording.retention: what is too old goes, what is not ours stays."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge import contract
from bridge.recording import retention
from bridge.recording.disk import DiskThread
from bridge.recording.retention import DAY_SECONDS, Retention, sweep

NOW = 2_000_000_000.0
UUID = "00000000-0000-4000-8000-00000000000{}"


def make(path: Path, days: float) -> Path:
    path.write_bytes(b"sound")
    os.utime(path, (NOW, NOW - days * DAY_SECONDS))
    return path


def test_only_old_recordings_are_deleted(tmp_path: Path) -> None:
    old = [make(tmp_path / f"{UUID.format(n)}.{kind}", 7.01) for n, kind in enumerate(("wav", "ogg"))]
    kept = [
        make(tmp_path / f"{UUID.format(3)}.wav", 6.99),
        make(tmp_path / f"{UUID.format(4)}.mp3", 99),
        make(tmp_path / "notes.wav", 99),
        make(tmp_path / f"x{UUID.format(5)}.wav", 99),
    ]
    elsewhere = make(tmp_path.parent / f"{tmp_path.name}-target", 99)
    link = tmp_path / f"{UUID.format(6)}.wav"
    link.symlink_to(elsewhere)
    below = tmp_path / "below"
    below.mkdir()
    kept.append(make(below / f"{UUID.format(7)}.wav", 99))
    with capture_logs() as logs:
        assert sweep((contract.Retention(path=str(tmp_path), keep_days=7),), NOW) == 2
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in [*kept, link, elsewhere])
    assert [(line["event"], line["files"]) for line in logs] == [("old recordings deleted", 2)]


def test_a_folder_that_is_not_there_is_no_fault_and_one_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    old = make(tmp_path / f"{UUID.format(1)}.wav", 9)
    rules = (tmp_path / "none", tmp_path / "file", tmp_path)
    with capture_logs() as logs:
        assert sweep(tuple(contract.Retention(path=str(each), keep_days=7) for each in rules), NOW) == 1
    assert [line["event"] for line in logs] == ["old recordings can't be deleted", "old recordings deleted"]
    assert not old.exists()


async def test_swept_at_once_and_again_every_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SWEEP_SECONDS", 0.01)
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    sweeps: list[tuple[contract.Retention, ...]] = []

    def note(rules: tuple[contract.Retention, ...], now: float) -> int:
        assert threading.current_thread().name == "disk"
        sweeps.append(rules)
        if len(sweeps) >= 3:
            loop.call_soon_threadsafe(done.set)
        return 0

    monkeypatch.setattr(retention, "sweep", note)
    disk = DiskThread()
    kept = Retention(disk)
    rules = (contract.Retention(path=str(tmp_path), keep_days=7),)
    kept.keep(())
    kept.keep(rules)
    async with asyncio.timeout(10):
        await done.wait()
    kept.close()
    disk.close(5)
    count = len(sweeps)
    await asyncio.sleep(0.03)
    assert set(sweeps) == {rules}
    assert len(sweeps) == count


async def test_no_controller_deletes_what_another_one_keeps() -> None:
    def rule(path: str, days: int) -> contract.Retention:
        return contract.Retention(path=path, keep_days=days)

    disk = DiskThread()
    both = Retention(disk)
    both.keep((rule("/a", 30), rule("/b", 7)), of="home")
    both.keep((rule("/a", 1), rule("/c", 2)), of="other")
    assert list(both._rules) == [rule("/a", 30), rule("/b", 7), rule("/c", 2)]
    both.keep((), of="home")
    assert list(both._rules) == [rule("/a", 1), rule("/c", 2)]
    both.close()
    disk.close(1)
