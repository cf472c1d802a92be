"""bridge.recording.files: readable at any moment, also by others; nobody else's to read."""

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.recording.files import Format, create
from bridge.recording.mixer import RATE

BLOCK = RATE // 5

WRITER = """
import os, sys
from pathlib import Path
import numpy as np
from bridge.recording.files import create
from bridge.recording.mixer import RATE
file = create(Path(sys.argv[1]), sys.argv[2])
at = np.arange(int(sys.argv[3]) * RATE // 5)
tone = (9000 * np.sin(2 * np.pi * 440 * at / RATE)).astype("<i2")
stereo = np.stack([tone, 0 * tone], axis=1)
for n in range(0, len(stereo), RATE // 5):
    file.write(stereo[n : n + RATE // 5].tobytes())
os.kill(os.getpid(), 9)
"""


def block(left: int, right: int) -> bytes:
    return np.tile(np.array([left, right], "<i2"), BLOCK).tobytes()


def test_wav_is_complete_after_every_block(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    file = create(path, "wav")
    for n in (1, 2, 3):
        file.write(block(n, -n))
        with wave.open(str(path)) as found:
            assert (found.getnchannels(), found.getframerate(), found.getsampwidth()) == (2, RATE, 2)
            assert found.getnframes() == n * BLOCK
            frames = np.frombuffer(found.readframes(n * BLOCK), "<i2").reshape(-1, 2)
            assert frames[-1].tolist() == [n, -n]
    file.close()


def test_ogg_holds_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    file = create(path, "ogg")
    at = np.arange(2 * RATE)
    left, right = ((9000 * np.sin(2 * np.pi * hz * at / RATE)).astype("<i2") for hz in (440, 880))
    file.write(np.stack([left, right], axis=1).tobytes())
    file.close()
    sound, rate = soundfile.read(path)
    assert (rate, sound.shape) == (RATE, (2 * RATE, 2))
    spectrum = np.abs(np.fft.rfft(sound, axis=0))
    assert (spectrum.argmax(axis=0) / 2).tolist() == [440, 880]


@pytest.mark.parametrize(("format", "lost_s"), [("wav", 0.0), ("ogg", 0.4)])
@pytest.mark.parametrize("blocks", [9, 13])
def test_a_killed_writer_leaves_what_it_wrote(tmp_path: Path, format: Format, lost_s: float, blocks: int) -> None:
    path = tmp_path / f"a.{format}"
    done = subprocess.run([sys.executable, "-c", WRITER, str(path), format, str(blocks)], timeout=30, check=False)
    assert done.returncode == -9
    sound, rate = soundfile.read(path)
    assert len(sound) / rate >= blocks / 5 - lost_s
    assert np.abs(sound[-rate // 5 :, 0]).max() > 0.2


@pytest.mark.parametrize("format", ["wav", "ogg"])
def test_only_the_owner_may_read_and_an_existing_file_is_left_alone(tmp_path: Path, format: Format) -> None:
    path = tmp_path / "new" / f"a.{format}"
    file = create(path, format)
    file.write(block(1, 1))
    file.close()
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(path.parent).st_mode & 0o777 == 0o700
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        create(path, format)
    assert path.read_bytes() == before
    link = tmp_path / f"link.{format}"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        create(link, format)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("format", ["wav", "ogg"])
def test_a_full_disk_is_an_error_and_the_file_stays_readable(tmp_path: Path, format: Format) -> None:
    """A limit on the size of files stands for the disk."""
    path = tmp_path / f"a.{format}"
    script = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))\n{WRITER}"
    script = script.replace("    file.write", "    try: file.write").replace(
        "\nos.kill", "\n    except Exception as error: print(type(error).__name__); break\nos.kill"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), format, "100"],
        timeout=30,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() in ("OSError", "LibsndfileError"), done
    sound, rate = soundfile.read(path)
    assert 0.1 < len(sound) / rate < 19
