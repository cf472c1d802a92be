"""deploy/systemd: what the units say fits the programs and the config, and systemd understands it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.worker import process
from controller.app import EXIT_REPLACED
from controller.config.models.shutdown import Shutdown

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))


def settings(unit: str) -> dict[str, str]:
    """The last value of each; comments must stand on lines of their own."""
    lines = (FOLDER / unit).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_the_controller_may_drain_before_it_is_killed() -> None:
    unit = settings("voiceai.service")
    assert float(unit["TimeoutStopSec"]) > Shutdown().drain_s + 30
    assert unit["KillMode"] == "process"
    assert str(EXIT_REPLACED) in unit["RestartPreventExitStatus"].split()


def test_the_worker_s_command_line_is_understood() -> None:
    unit = settings("voiceai-bridge@.service")
    program, verb, *words = unit["ExecStart"].split()
    assert (program.rsplit("/", 1)[1], verb) == ("voiceai", "bridge")
    given = {
        "${VOICEAI_CONTROLLER}": "ws://127.0.0.1:8080/link",
        "%H-%i": "voice.example-1",
    }  # as systemd fills them in
    options = process.parse([given.get(word, word) for word in words])
    assert options.drain < float(unit["TimeoutStopSec"])
    assert float(unit["WatchdogSec"]) <= 2


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_hardened(unit: Path) -> None:
    found = settings(unit.name)
    assert (found["NoNewPrivileges"], found["ProtectSystem"], found["CapabilityBoundingSet"]) == ("yes", "strict", "")
    assert (found["Type"], found["WatchdogSignal"], found["User"]) == ("notify", "SIGKILL", "voiceai")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_understands_them(tmp_path: Path) -> None:
    """With programs that are there, and a user who is: both are checked as well."""
    made = []
    for unit in UNITS:
        text = unit.read_text().replace("/opt/voiceai/bin/voiceai", sys.executable)
        text = re.sub(r"^(User|Group)=.*", r"\1=root", text, flags=re.MULTILINE)
        made.append(tmp_path / unit.name.replace("@", "@1"))
        made[-1].write_text(text.replace("After=network-online.target asterisk.service", "After=network-online.target"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, made)], capture_output=True, text=True, timeout=60
    )
    ours = [line for line in done.stderr.splitlines() if "voiceai" in line]
    assert not ours, done.stderr
