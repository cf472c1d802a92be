"""One of the project's scripts (`asterisk/asterisk`, `deploy/kamailio/kamailio`), run to its end by a test."""

import os
import subprocess
from pathlib import Path


def run(script: Path, *arguments: str, timeout: float, **environment: str) -> str:
    """What it printed; it must succeed."""
    done = subprocess.run(
        [str(script), *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, f"{script.name} {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout
