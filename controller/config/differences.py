"""What differs between two versions of a resource: by dotted path, and as lines of YAML. [pure]"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from controller.config.errors import Path, dotted


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after`: None where there is nothing; `kind` tells that from a null."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


def changes(before: Any, after: Any) -> list[Change]:
    return list(_changes(before, after, ()))


def _changes(before: Any, after: Any, path: Path) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(each for each in after if each not in before)]:
            here = (*path, str(key))
            if key not in after:
                yield Change(dotted(here), "removed", before[key])
            elif key not in before:
                yield Change(dotted(here), "added", None, after[key])
            else:
                yield from _changes(before[key], after[key], here)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(before, after, path)
    elif type(before) is not type(after) or before != after:
        yield Change(dotted(path), "changed", before, after)


def _list_changes(before: list[Any], after: list[Any], path: Path) -> Iterator[Change]:
    """Entries that are the same stay out, wherever they stand now; of the others, those at the same place are
    compared."""
    same = difflib.SequenceMatcher(None, [_folded(each) for each in before], [_folded(each) for each in after], False)
    for tag, first, last, begin, end in same.get_opcodes():
        if tag == "equal":
            continue
        both = min(last - first, end - begin)
        for number in range(both):
            yield from _changes(before[first + number], after[begin + number], (*path, begin + number))
        for number in range(first + both, last):
            yield Change(dotted((*path, number)), "removed", before[number])
        for number in range(begin + both, end):
            yield Change(dotted((*path, number)), "added", None, after[number])


def _folded(value: Any) -> str:
    return repr(value)


def lines(before: Any, after: Any) -> list[str]:
    """A unified diff of both as YAML, without its head."""
    told = difflib.unified_diff(as_yaml(before).splitlines(), as_yaml(after).splitlines(), lineterm="", n=3)
    return [line for line in told if not line.startswith(("---", "+++"))]


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, so that a prompt can be read and its lines be compared."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(value: Any) -> str:
    if value is None:
        return ""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
