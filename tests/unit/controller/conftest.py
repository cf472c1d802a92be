"""The recorder of the call's state machine.

`RECORD_EFFECTS=file pytest -n0 --hypothesis-profile explore --hypothesis-seed 7 tests/unit/controller` writes, for each
call of `table.start` and `table.handle`, one line: the input, the state before and after, the commands. Files of two
commits, sorted by test (`sort -s -t: -k1,1`), differ where the machine does. (Without a seed, the examples of a
property depend on the text of its test.) Ids that a test makes up are numbered.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.calls.machine import table

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _shown(value: Any) -> str:
    """With the fields that `repr` leaves out, since they are personal."""
    if is_dataclass(value):
        inner = ", ".join(f"{each.name}={_shown(getattr(value, each.name))}" for each in fields(value))
        return f"{type(value).__name__}({inner})"
    return f"[{', '.join(map(_shown, value))}]" if isinstance(value, list | tuple) else repr(value)


@pytest.fixture(autouse=True)
def _recorded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path = os.environ.get("RECORD_EFFECTS")
    if path is None:
        yield
        return
    lines: list[str] = []

    def record(name: str) -> None:
        inner = getattr(table, name)

        def recorded(call: Any, *arguments: Any) -> Any:
            before = call.state
            commands = inner(call, *arguments)
            lines.append(f"{name} {_shown(list(arguments[:1]))} {before}->{call.state} {_shown(commands)}")
            return commands

        monkeypatch.setattr(table, name, recorded)

    record("start")
    record("handle")
    yield
    if lines:
        name = request.node.name.partition("[")[0]
        seen: dict[str, str] = {}
        told = (_UUID.sub(lambda found: seen.setdefault(found[0], f"id{len(seen)}"), line) for line in lines)
        with Path(path).open("a") as file:
            file.writelines(f"{name}: {line}\n" for line in told)
