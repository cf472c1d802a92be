"""`python -m tests.fuzz [--seconds 60] [TARGET ...]`: fuzz the targets one after the other, and keep what is new.

Exit status 1: something was found. It is in `corpus/<target>.found` then, and `tests/fuzz/test_corpus.py` shows it with
its traceback.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS, words

ONE_INPUT_SECONDS = 10
MEGABYTES = 2048


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (%(default)s)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    defects = [name for name in given.targets or TARGETS if not _fuzzed(name, given.seconds)]
    print(f"fuzz: defects in {', '.join(defects)}" if defects else "fuzz: nothing found")  # noqa: T201
    return 1 if defects else 0


def _fuzzed(name: str, seconds: int) -> bool:
    """False: something was found."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for each in ("working", "least", "found"):
            (base / each).mkdir()
        _fill(base / "working", [*TARGETS[name].seeds(), *corpus.kept(name)])
        (base / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in words(name)))
        limits = (f"-timeout={ONE_INPUT_SECONDS}", f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={base}/found/")
        told = _engine(name, *limits, f"-max_total_time={seconds}", f"-dict={base}/words", base / "working")
        found = [each.read_bytes() for each in (base / "found").iterdir() if not each.name.startswith("slow-unit")]
        if found or told.returncode:
            print(told.stderr[-4000:])  # noqa: T201
            corpus.keep_found(name, found)
            return False
        _engine(name, "-merge=1", *limits, base / "least", base / "working")
        least = corpus.keep(name, [each.read_bytes() for each in (base / "least").iterdir()])
        runs = [line for line in told.stderr.splitlines() if line.startswith("Done")]
        print(f"fuzz: {name}: {' '.join(runs)}, {least} inputs kept", flush=True)  # noqa: T201
        return True


def _engine(name: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz.engine", name, *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def _fill(folder: Path, inputs: Iterable[bytes]) -> None:
    for each in inputs:
        (folder / hashlib.sha256(each).hexdigest()).write_bytes(each)


def _escaped(word: bytes) -> str:
    return "".join(chr(sign) if sign < 128 and chr(sign).isalnum() else f"\\x{sign:02x}" for sign in word)


if __name__ == "__main__":
    sys.exit(main())
