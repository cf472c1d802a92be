"""The doctor's look at realtime priorities: of processes that run, and of those that could."""

import os
import sys
from pathlib import Path

import pytest

from controller.cli.doctor import scheduling
from tests.unit.controller.configs import SMALL, config

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
NICE, NOTHING = f"{1 << 23:x}", "0"


def proc(folder: Path, capabilities: str, **processes: str) -> Path:
    """A /proc with these processes, by id: p7="asterisk"."""
    (folder / "self").mkdir()
    (folder / "self" / "status").write_text(f"Name:\tpython\nCapEff:\t{capabilities}\n")
    for name, command in processes.items():
        place = folder / name[1:]
        place.mkdir()
        (place / "comm").write_text(command.split()[0] + "\n")
        (place / "cmdline").write_text(command.replace(" ", "\0"))
    return folder


WORKER = "python -m bridge.worker --name w1"


@pytest.mark.parametrize(
    ("processes", "realtime", "capabilities", "verdicts"),
    [
        ({"p7": "asterisk", "p8": WORKER}, {7, 8}, NOTHING, ["ok", "ok"]),
        ({"p7": "asterisk", "p8": WORKER}, {8}, NOTHING, ["warning", "ok"]),
        ({"p7": "asterisk", "p8": WORKER}, {7}, NICE, ["ok", "warning"]),
        ({"p7": "asterisk", "p8": WORKER, "p9": WORKER}, {7, 9}, NICE, ["ok", "warning"]),
        ({}, set(), NICE, ["skipped", "ok"]),
        ({"p7": "sleep 9"}, set(), NOTHING, ["skipped", "warning"]),
    ],
)
def test_processes_and_rights(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    processes: dict[str, str],
    realtime: set[int],
    capabilities: str,
    verdicts: list[str],
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (0, 0))
    place = proc(tmp_path, capabilities, **processes)
    found = scheduling.priorities(config(SMALL), place, lambda pid: os.SCHED_RR if pid in realtime else os.SCHED_OTHER)
    assert [each.verdict for each in found] == verdicts
    assert all(bool(each.fix) == (each.verdict == "warning") for each in found)


def test_who_does_not_want_it_is_not_advised(tmp_path: Path) -> None:
    found = scheduling.priorities(config({**SMALL, "bridge": {"realtime": False}}), proc(tmp_path, NOTHING))
    assert [each.verdict for each in found] == ["skipped", "skipped"]


def test_a_limit_that_permits_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (10, 10))
    assert scheduling.priorities(config(SMALL), proc(tmp_path, NOTHING))[1].verdict == "ok"
