"""`deploy/install`, `rollback`, `uninstall` (`make install`, …): what they refuse, and which files they leave.

Whole installations need PyPI: here a stand-in for Python makes environments without packages.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


PYTHON = """#!/bin/sh
case "$*" in
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; printf '#!/bin/sh\necho voiceai 0\n' >"$3/bin/voiceai"
        chmod +x "$3/bin/voiceai" ;;
    "-m pip "*) ;;
    *) exec {real} "$@" ;;
esac
"""
"""A stand-in for Python: its environments are empty, and its pip installs nothing."""


def run(script: str, *arguments: str | Path) -> tuple[int, str]:
    """Exit status, and what it printed."""
    command = [str(ROOT / "deploy" / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr + done.stdout


def install(*arguments: str | Path) -> tuple[int, str]:
    return run("install", *arguments)


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


@pytest.fixture
def python(tmp_path: Path) -> Path:
    made = tmp_path / "python3"
    made.write_text(PYTHON.format(real=sys.executable))
    made.chmod(0o755)
    return made


def releases(prefix: Path) -> list[str]:
    """The oldest first."""
    return sorted(each.name for each in (prefix / "releases").iterdir())


def installed(prefix: Path, python: Path) -> str:
    """One more release: its name. The clock's second is part of it."""
    status, told = install(prefix, python)
    while "try again in a second" in told:
        time.sleep(0.1)
        status, told = install(prefix, python)
    assert status == 0, told
    return (prefix / "current").readlink().name


def test_an_upgrade_keeps_what_was_changed_and_the_release_before(tmp_path: Path, python: Path) -> None:
    prefix = tmp_path / "voiceai"
    first = installed(prefix, python)
    assert (prefix / "bin/voiceai").resolve() == prefix / "releases" / first / "bin/voiceai"
    config, unit = prefix / "share/voiceai/config.yaml", prefix / "share/voiceai/systemd/voiceai.service"
    config.write_text("mine: true\n")
    (prefix / "releases" / first / "share/voiceai/systemd/voiceai.service").write_text("old")
    unit.write_text("old")
    second = installed(prefix, python)
    assert releases(prefix) == [first, second]
    assert config.read_text() == "mine: true\n"
    assert config.with_name("config.yaml.new").read_text() == (ROOT / "config.yaml").read_text()
    assert f"ExecStart={prefix}/bin/voiceai serve" in unit.read_text()

    status, told = run("rollback", prefix)
    assert (status, f"release {first}, is in use; it was {second}" in told) == (0, True), told
    assert ((prefix / "current").readlink().name, unit.read_text(), config.read_text()) == (
        first,
        "old",
        "mine: true\n",
    )
    assert run("rollback", prefix) == (1, f"rollback: no release was installed before {first}\n")
    assert run("rollback", prefix, "0.0.1")[1].startswith("rollback: there is no release 0.0.1 in ")
    assert run("rollback", prefix, second)[0] == 0
    assert (prefix / "current").readlink().name == second


def test_uninstall_removes_what_was_installed_and_nothing_else(tmp_path: Path, python: Path) -> None:
    prefix = tmp_path / "voiceai"
    installed(prefix, python)
    (prefix / "share/voiceai/config.yaml").write_text("mine: true\n")
    (prefix / "notes").touch()
    status, told = run("uninstall", prefix)
    assert (status, "config.yaml was changed and stays" in told) == (0, True), told
    left = {each.relative_to(prefix).as_posix() for each in prefix.rglob("*") if each.is_file()}
    assert left == {"notes", "share/voiceai/config.yaml"}
    assert run("uninstall", prefix) == (1, f"uninstall: there is no installation in {prefix}\n")


def test_what_runs_is_not_removed(tmp_path: Path, python: Path) -> None:
    prefix = tmp_path / "voiceai"
    name = installed(prefix, python)
    program = prefix / "releases" / name / "bin/sleep"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as running:
        status, told = run("uninstall", prefix)
        assert (status, f"in use by process {running.pid}" in told) == (1, True), told
        assert program.exists()
        running.kill()
    assert run("uninstall", prefix) == (0, "uninstall: ok\n")
    assert not prefix.exists()


@pytest.mark.parametrize("folder", ["/", "/usr", "/nowhere"])
def test_what_is_no_installation_is_not_touched(folder: str) -> None:
    for script in ("uninstall", "rollback"):
        status, told = run(script, folder)
        assert (status, "there is no installation in" in told) == (1, True)
