"""The benchmark itself: a few calls on a real worker; every figure is reported, nothing is lost, nothing is left."""

import asyncio
import json
import sys
from pathlib import Path

LINE = {
    *("calls", "cpu_pct_per_call", "cpu_ratio_to_echo", "gap_ms", "frames_per_second", "lost", "burst_max"),
    *("first_audio_ms", "barge_in_ms", "truncation_error_ms", "rss_mb"),
}
"""What those who read the line by program rely on, and nothing else."""


async def test_a_small_point(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", "--calls", "3", "--seconds", "4", "--again", "0", "--out", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    remark, line = output.splitlines()[-2].decode(), json.loads(output.splitlines()[-1])
    assert set(line) == LINE
    assert "× the leanest bridge" in remark
    assert "service level" in remark
    assert line["calls"] == 3
    assert line["lost"] == 0
    assert line["cpu_pct_per_call"]["worker"] > 0
    assert set(line["cpu_pct_per_call"]) == {"worker", "load", "limit", "echo"}
    assert line["cpu_ratio_to_echo"] > 1
    assert line["truncation_error_ms"] <= 20
    whole = json.loads((tmp_path / "point.json").read_text())
    assert whole["frames"]["up"] > 3 * 45 * 4
    assert whole["interruptions"] >= 1
    assert whole["crossed"] == whole["refused"] == whole["doubled"] == 0
    assert whole["limit"]["lost"] == whole["limit"]["crossed"] == whole["limit"]["refused"] == 0
    assert whole["limit"]["frames"]["down"] > 0 < whole["limit"]["truncations"]
    assert whole["left"]["sessions"] == whole["left"]["legs"] == whole["left"]["files"] == 0
