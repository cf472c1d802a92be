"""bridge.recording.recorder: the loop never waits for the disk, and a call never pays for what the disk does."""

import asyncio
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from bridge import contract
from bridge.media.playout import FRAME_BYTES
from bridge.recording import recorder
from bridge.recording.disk import DiskThread
from bridge.recording.files import Format, StereoFile
from bridge.recording.mixer import RATE
from bridge.recording.recorder import Recordings

CALL = "00000000-0000-4000-8000-000000000001"
FRAME = np.full(FRAME_BYTES // 2, 100, "<i2").tobytes()


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


class Disk:
    """Files in memory. `stalled` holds every write; `full` refuses it."""

    def __init__(self) -> None:
        self.written: dict[Path, bytearray] = {}
        self.closed: list[Path] = []
        self.goes = threading.Event()
        self.goes.set()
        self.full = False

    def create(self, path: Path, format: Format) -> StereoFile:
        self.written[path] = bytearray()
        disk = self

        class File:
            def write(self, stereo: bytes) -> None:
                disk.goes.wait(10)
                if disk.full:
                    raise OSError(28, "No space left on device")
                disk.written[path] += stereo

            def close(self) -> None:
                disk.closed.append(path)

        return File()


@pytest.fixture
def thread() -> Iterator[DiskThread]:
    made = DiskThread()
    yield made
    made.close(5)


def talk(made: recorder.Recording, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds * 50)):
        clock.now += 0.02
        made.caller(FRAME)
        made.agent(FRAME)


async def idle(thread: DiskThread) -> None:
    """Until it has done all that it was given."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        loop.call_soon_threadsafe(done.set)

    thread.put(tell)
    async with asyncio.timeout(10):
        await done.wait()


async def test_a_call_as_a_file(tmp_path: Path, thread: DiskThread) -> None:
    clock = Clock()
    made = Recordings(thread, clock=clock).open(CALL, contract.Recording(path=str(tmp_path / "calls")))
    made.caller(FRAME)
    made.agent(FRAME)
    made.start()
    talk(made, clock, 3)
    recorded = await made.close()
    assert recorded == contract.Recorded(call=CALL, path=str(tmp_path / "calls" / f"{CALL}.wav"), seconds=3.0)
    with wave.open(recorded.path) as file:
        stereo = np.frombuffer(file.readframes(RATE * 4), "<i2").reshape(-1, 2)
    assert len(stereo) == 3 * RATE
    assert (stereo[:, 0] == 100).all()
    assert (stereo[480:, 1] == 100).all()
    assert not stereo[:480, 1].any(), "nothing was handed over in the first tick's time"


async def test_what_another_worker_recorded_of_the_call_is_left_alone(tmp_path: Path, thread: DiskThread) -> None:
    for name in (f"{CALL}.wav", f"{CALL}-2.wav"):
        (tmp_path / name).write_bytes(b"an earlier part")
    clock = Clock()
    made = Recordings(thread, clock=clock).open(CALL, contract.Recording(path=str(tmp_path)))
    made.start()
    talk(made, clock, 1)
    recorded = await made.close()
    assert recorded == contract.Recorded(call=CALL, path=str(tmp_path / f"{CALL}-3.wav"), seconds=1.0)
    assert (tmp_path / f"{CALL}-2.wav").read_bytes() == b"an earlier part"


async def test_a_call_that_never_had_a_media_leg_has_no_file(tmp_path: Path, thread: DiskThread) -> None:
    made = Recordings(thread).open(CALL, contract.Recording(path=str(tmp_path / "calls")))
    assert await made.close() is None
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("call", ["../../etc/passwd", "a/b", "", f"{CALL}/..", "call"])
def test_only_a_uuid_names_a_file(thread: DiskThread, call: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        Recordings(thread).open(call, contract.Recording(path="/nowhere"))


async def test_a_stalled_disk_costs_sound_but_no_time(thread: DiskThread) -> None:
    clock, disk = Clock(), Disk()
    made = Recordings(thread, create=disk.create, limit=50, clock=clock).open(CALL, contract.Recording(path="/calls"))
    made.start()
    talk(made, clock, 2)
    disk.goes.clear()
    with capture_logs() as logs:
        talk(made, clock, 20)
        assert [line["event"] for line in logs] == ["the disk does not keep up, recordings have holes"]
        disk.goes.set()
        await idle(thread)
        talk(made, clock, 2)
        recorded = await made.close()
    assert recorded is not None
    assert recorded.seconds == 24.0
    (holes,) = [line for line in logs if line["event"] == "recording has holes"]
    assert holes["log_level"] == "warning"
    (stereo,) = (np.frombuffer(each, "<i2").reshape(-1, 2) for each in disk.written.values())
    assert len(stereo) == 24 * RATE, "what comes after the hole is at its time"
    assert int((stereo[:, 0] == 0).sum()) * 1000 // RATE == holes["dropped_ms"]
    assert holes["dropped_ms"] > 9_000
    assert (stereo[-RATE:, 0] == 100).all()


async def test_a_full_disk_ends_the_recording_with_one_error(thread: DiskThread) -> None:
    clock, disk = Clock(), Disk()
    made = Recordings(thread, create=disk.create, clock=clock).open(CALL, contract.Recording(path="/calls"))
    made.start()
    with capture_logs() as logs:
        talk(made, clock, 2)
        await idle(thread)
        disk.full = True
        talk(made, clock, 5)
        assert await made.close() is None
    assert [(line["event"], line["call"]) for line in logs] == [("recording stopped, the call goes on", CALL)]
    assert disk.closed == list(disk.written)


async def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path, thread: DiskThread) -> None:
    (tmp_path / "file").touch()
    clock = Clock()
    made = Recordings(thread, clock=clock).open(CALL, contract.Recording(path=str(tmp_path / "file" / "calls")))
    made.start()
    with capture_logs() as logs:
        talk(made, clock, 3)
        assert await made.close() is None
    assert len(logs) == 1


async def test_the_end_of_a_call_does_not_wait_for_a_dead_disk(
    thread: DiskThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "CLOSE_SECONDS", 0.01)
    clock, disk = Clock(), Disk()
    made = Recordings(thread, create=disk.create, clock=clock).open(CALL, contract.Recording(path="/calls"))
    made.start()
    disk.goes.clear()
    talk(made, clock, 2)
    with capture_logs() as logs:
        assert await made.close() is None
    assert [line["event"] for line in logs] == ["recording is not on the disk yet"]
    disk.goes.set()
    thread.close(5)
    (stereo,) = disk.written.values()
    assert len(stereo) == 2 * RATE * 4, "the file is completed all the same"
    assert disk.closed == list(disk.written)


def test_a_fault_in_one_job_does_not_end_the_thread(thread: DiskThread) -> None:
    done = threading.Event()

    def fault() -> None:
        raise RuntimeError("an internal error")

    with capture_logs() as logs:
        thread.put(fault)
        thread.put(done.set)
        assert done.wait(5)
    assert len(logs) == 1
