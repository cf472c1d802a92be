"""`deploy/install` (`make install`): what it refuses before it changes anything. Whole installations need PyPI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def install(*arguments: str | Path) -> tuple[int, str]:
    command = [str(ROOT / "deploy/install"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("/", "a folder of its own"),
        ("voiceai", "must be an absolute path: voiceai"),
        ("/tmp/with space", "must not contain spaces"),
        ("/proc/voiceai", "can't be written"),
    ],
)
def test_a_prefix_that_can_not_be_used(prefix: str, said: str) -> None:
    status, told = install(prefix, sys.executable)
    assert status == 1
    assert said in told


def test_a_python_that_can_not_be_used(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert install(tmp_path / "voiceai", old) == (
        1,
        f"install: {old} is older than 3.11; name another one with PYTHON=python3.12\n",
    )
    status, told = install(tmp_path / "voiceai", "python-that-is-not-there")
    assert (status, "not found" in told) == (1, True)
    assert not (tmp_path / "voiceai").exists()


def test_an_environment_of_former_instructions_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").touch()
    status, told = install(tmp_path, sys.executable)
    assert status == 1
    assert "is a virtual environment itself" in told
    assert os.listdir(tmp_path) == ["pyvenv.cfg"]
