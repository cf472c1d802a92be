"""The release before this one, as it was: its controller and workers run beside those of today.

Owns `voiceai.tar.xz`, which is what `git archive` makes of the commit in `COMMIT`, without the console's parts: a clone
may be shallow, or no clone at all. `make previous-release COMMIT=…` makes both anew once a release has landed. The
programs run with the packages of today.
"""

import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
ARCHIVE, COMMIT = FOLDER / "voiceai.tar.xz", FOLDER / "COMMIT"
UNPACKED = FOLDER.parents[1] / ".cache" / "previous-release"


def commit() -> str:
    """Which one it is."""
    return COMMIT.read_text().strip()


def unpacked() -> Path:
    """The folder with its packages `bridge` and `controller`. Several processes may ask at once."""
    there = UNPACKED / commit()
    if not there.exists():
        UNPACKED.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=UNPACKED))
        with tarfile.open(ARCHIVE) as archive:
            archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python may lack it
            archive.extractall(fresh)
        try:
            fresh.rename(there)
        except OSError:  # another process was faster
            shutil.rmtree(fresh)
    return there


def environment() -> dict[str, str]:
    """Added to that of a program, it makes `voiceai` and `python -m bridge.worker` those of that release, whatever
    folder they are started in."""
    return {"PYTHONPATH": str(unpacked()), "PYTHONSAFEPATH": "1"}


def program() -> Path:
    """`voiceai`; its packages are found by the environment."""
    return Path(sys.executable).with_name("voiceai")
