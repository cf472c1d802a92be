"""python -m tests.previous_release COMMIT: the release before this one is that commit from now on.

Also records the version of the link that it speaks.
"""

import lzma
import os
import subprocess
import sys

from tests.previous_release import ARCHIVE, COMMIT, FOLDER, environment

PATHS = ("bridge", "controller", ":(exclude,glob)controller/api/console/static/*/**")


def main(named: str) -> None:
    """Raises CalledProcessError: there is no such commit here."""
    git = ("git", "-C", str(FOLDER))
    root = subprocess.run((*git, "rev-parse", "--show-toplevel"), check=True, capture_output=True, text=True).stdout
    git = ("git", "-C", root.strip())
    name = subprocess.run((*git, "rev-parse", f"{named}^{{commit}}"), check=True, capture_output=True, text=True).stdout
    tar = subprocess.run((*git, "archive", name.strip(), "--", *PATHS), check=True, capture_output=True).stdout
    ARCHIVE.write_bytes(lzma.compress(tar, preset=9 | lzma.PRESET_EXTREME))
    COMMIT.write_text(name)
    there = environment()
    there["PYTHONPATH"] += f"{os.pathsep}{root.strip()}"
    code = "from tests.unit.bridge.contract import test_versions; test_versions.record()"
    subprocess.run((sys.executable, "-c", code), check=True, env=os.environ | there)
    sys.stdout.write(f"{name.strip()}: {ARCHIVE.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    main(sys.argv[1])
