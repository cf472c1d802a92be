"""Checks that trunks and targets support the configured kinds of transfers. [pure]

Works on plain data, as `rules` does. A transfer by REFER that is impossible for every call is an error. If it is
possible for some calls only (their trunk has `refer`), the transfer is blind for the others.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from controller.config.errors import Path, shown
from controller.config.source import Source


def check_transfers(top: Mapping[str, Any], source: Source) -> None:
    """Adds to the errors of `source`. Values of the wrong kind are skipped: pydantic names them."""
    transfer = _mapping(top.get("transfer"))
    targets = {str(name): to for name, to in _mapping(transfer.get("targets")).items()}
    for name in map(str, _mapping(transfer.get("kinds"))):
        if name not in targets:
            near = get_close_matches(name, targets, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "name it under transfer.targets"
            source.add(("transfer", "kinds", name), "is no target", hint)
    _check_contexts(transfer.get("contexts"), _mapping(top.get("trunks")), source)
    trunks = _mapping(top.get("trunks")).values()
    possible = any(isinstance(trunk, dict) and trunk.get("refer") is not None for trunk in trunks)
    for path, target in _by_refer(top):
        if path in source.unset:
            continue
        if not possible:
            hint = "set `refer` for the trunk of these calls, such as sip:{number}@carrier.example, or choose blind"
            source.add(path, "needs `trunks.*.refer`, which no trunk has", hint, shown(path, "refer"))
        elif isinstance(to := targets.get(target), str) and (_in_dialplan(to) or to.startswith("softphone:")):
            hint = "choose blind or attended, or give the target as a number"
            where = "in our dialplan" if _in_dialplan(to) else "a browser"
            message = f"can't be done: transfer.targets.{target} is {where}, and a carrier can't go there"
            source.add(path, message, hint, shown(path, "refer"))


def _check_contexts(contexts: Any, trunks: Mapping[str, Any], source: Source) -> None:
    for name, context in _mapping(contexts).items():
        trunk, path = _mapping(context).get("trunk"), ("transfer", "contexts", str(name), "trunk")
        if isinstance(trunk, str) and trunk not in trunks and path not in source.unset:
            near = get_close_matches(trunk, [str(each) for each in trunks], n=1)
            source.add(path, "no such trunk", f"did you mean `{near[0]}`?" if near else "", shown(path, trunk))


def _by_refer(top: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The places that configure REFER, each with the name of its target; empty: all targets of an agent."""
    for name, kind in _mapping(_mapping(top.get("transfer")).get("kinds")).items():
        if kind == "refer":
            yield ("transfer", "kinds", str(name)), str(name)
    for name, agent in _mapping(top.get("agents")).items():
        if _mapping(agent).get("transfer_kind") == "refer":
            yield ("agents", str(name), "transfer_kind"), ""


def _in_dialplan(to: str) -> bool:
    return "@" in to and not to.startswith(("sip:", "sips:", "softphone:"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
