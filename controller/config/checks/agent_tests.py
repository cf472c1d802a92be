"""Checks the tests of agents: the names in them, and whether there is who plays callers and judges. [pure]

Works on plain data, as `rules` does.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from controller.config.errors import Path, shown
from controller.config.models.agents import BUILT_IN_TOOLS
from controller.config.source import Source

_ASKED = ("said", "not_said")


def check_agent_tests(top: Mapping[str, Any], source: Source) -> None:
    """Adds to the errors of `source`. Values of the wrong kind are skipped: pydantic names them."""
    models = _mapping(top.get("agent_tests"))
    for agent, entry in _mapping(top.get("agents")).items():
        for name, test in _mapping(_mapping(entry).get("tests")).items():
            path: Path = ("agents", str(agent), "tests", str(name))
            check_test(_mapping(test), path, top, models, source)


def check_test(
    test: Mapping[str, Any], path: Path, top: Mapping[str, Any], models: Mapping[str, Any], source: Source
) -> None:
    """One test."""
    if test.get("caller") is not None and models.get("caller") is None:
        source.add((*path, "caller"), "needs a model that plays callers", "set `agent_tests.caller`")
    known = [*BUILT_IN_TOOLS, *map(str, _mapping(top.get("http_tools")))]
    for name in _mapping(test.get("results")):
        _check_name((*path, "results", str(name)), name, known, source)
    checks = test.get("checks")
    for number, check in enumerate(checks if isinstance(checks, list) else []):
        place, keys = (*path, "checks", number), _mapping(check)
        for key, name in _tools(keys):
            _check_name((*place, key), name, known, source)
        if models.get("judge") is None:
            for judged in _judged(keys):
                source.add((*place, *judged), "needs a model that judges", "set `agent_tests.judge`")
        _check_target(keys, place, _mapping(top.get("transfer")), source)


def _check_target(keys: Mapping[str, Any], place: Path, transfer: Mapping[str, Any], source: Source) -> None:
    to, targets = keys.get("transferred_to"), list(map(str, _mapping(transfer.get("targets"))))
    if isinstance(to, str) and not transfer.get("any_number"):
        _check_name((*place, "transferred_to"), to, targets, source)


def _tools(keys: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    called = keys.get("tool_called")
    yield "tool_called", called.get("name") if isinstance(called, dict) else called
    yield "tool_not_called", keys.get("tool_not_called")


def _judged(keys: Mapping[str, Any]) -> Iterator[Path]:
    for key in _ASKED:
        if _mapping(keys.get(key)).get("question") is not None:
            yield (key, "question")
    if keys.get("language") is not None:
        yield ("language",)


def _check_name(path: Path, name: Any, known: list[str], source: Source) -> None:
    if not isinstance(name, str) or name in known or path in source.unset:
        return
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known) or 'none'}"
    source.add(path, "does not exist", hint, shown(path, name))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
