"""The stored corpus: one text file per target, one input per line in base64, shortest first.

`<target>.txt` is what reaches different places of the code, chosen anew after each run. `<target>.found` are inputs
that were defects once; they stay.
"""

import base64
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
MOST_BYTES = 60_000
"""Bytes per target, so that the repository stays small: the shortest inputs are kept."""


def kept(target: str) -> list[bytes]:
    return [*_read(FOLDER / f"{target}.txt"), *found(target)]


def found(target: str) -> list[bytes]:
    return _read(FOLDER / f"{target}.found")


def keep(target: str, inputs: Iterable[bytes]) -> int:
    """Replace the stored inputs; return how many there are now."""
    chosen, size = [], 0
    for each in sorted(set(inputs), key=lambda each: (len(each), each)):
        size += len(each)
        if size > MOST_BYTES:
            break
        chosen.append(each)
    _write(FOLDER / f"{target}.txt", chosen)
    return len(chosen)


def keep_found(target: str, inputs: Iterable[bytes]) -> None:
    """Add to the inputs that were found before."""
    _write(FOLDER / f"{target}.found", dict.fromkeys([*found(target), *inputs]))


def _read(path: Path) -> list[bytes]:
    return [base64.b64decode(line) for line in path.read_text().splitlines()] if path.exists() else []


def _write(path: Path, inputs: Iterable[bytes]) -> None:
    path.write_text("".join(base64.b64encode(each).decode() + "\n" for each in inputs))
