"""The benchmark of several nodes, small: each figure is told, limits hold, nothing is left."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from bench.cluster import counts


async def measured(rig: str, folder: Path, *options: str) -> dict[str, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.cluster", rig, "--out", str(folder), *options),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return {each["stage"]: each for each in json.loads((folder / f"{rig}.json").read_text())}


async def test_slots_on_a_server_that_is_emptied(tmp_path: Path) -> None:
    size = ("--calls", "80", "--nodes", "4", "--processes", "2", "--rates", "40", "--seconds", "1")
    stages = await measured("healthy", tmp_path, *size, "--before", "0.2", "--after", "0.3", "--emptied", "1")
    assert list(stages) == ["fill", "40 starts/s", "emptied, 1", "end"]
    assert (stages["fill"]["calls"], stages["end"]["calls"], stages["end"]["slots_left"]) == (80, 0, 0)
    rate = stages["40 starts/s"]
    assert rate["take_ms"]["p50"] > 0 < rate["release_ms"]["p50"]
    assert rate["server_cpu_pct"] >= 0 < rate["step_us"]
    assert (rate["over"], rate["by_share"]) == (0, 0)
    emptied = stages["emptied, 1"]
    assert emptied["exact"]
    assert 0 < emptied["up_again_s"] < 10
    assert emptied["over"] <= emptied["over_bound"]


async def test_real_controllers(tmp_path: Path) -> None:
    size = ("--controllers", "2", "--held", "8", "--rate", "10", "--seconds", "0.5", "--no-death")
    stages = await measured("control", tmp_path, *size)
    come = stages["callers come"]
    assert (come["answered"], come["slots"], come["refused"]) == (8, 8, 2)
    verbs = stages["verbs through a random node"]
    assert verbs["verbs_per_second"] > 0 < verbs["own_ms"]["p50"]
    assert verbs["spoken"] > 0
    assert stages["end"]["slots_left"] == 0


def test_what_was_above_a_limit_and_for_how_long() -> None:
    changes = [(1.0, 1, "a", "0"), (2.0, 1, "b", "0"), (3.0, 1, "a", "1"), (5.0, -1, "a", "1"), (6.0, -1, "b", "0")]
    assert counts.over(changes, 3, 2, 0.0, 9.0) == {"at_once": 3, "over": 0, "over_s": 0.0}
    assert counts.over(changes, 2, 2, 0.0, 9.0) == {"at_once": 3, "over": 1, "over_s": 2.0}
    assert counts.over(changes, 9, 1, 0.0, 4.0) == {"at_once": 3, "over": 1, "over_s": 2.0}
    assert counts.over(changes, 2, 2, 4.0, 4.5) == {"at_once": 3, "over": 1, "over_s": 0.5}
    assert counts.over(changes, 2, 2, 5.5, 9.0) == {"at_once": 2, "over": 0, "over_s": 0.0}


def test_what_nodes_have_above_their_share() -> None:
    changes = [(float(at), 1, "a", "0") for at in range(5)] + [(9.0, 1, "b", "0"), (9.5, -1, "a", "0")]
    assert counts.above_share(changes, ["a", "b"], {"0": 5}, 8.0) == 2, "3 and 2"
    assert counts.above_share(changes, ["a", "b"], {"0": 5}, 9.5) == 1
