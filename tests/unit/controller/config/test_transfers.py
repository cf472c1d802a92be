"""How transfers are to be made: what no call could ever have is refused, with its place and what to do."""

from typing import Any

import pytest

from tests.unit.controller.config.test_loader import only_error_of
from tests.unit.controller.configs import FULL, config, with_

REFER = {"trunks__main__refer": "sip:{number}@carrier.example"}


@pytest.mark.parametrize(
    ("changes", "path", "says", "do"),
    [
        ({"transfer__kinds": {"sales": "refer"}}, "transfer.kinds.sales", "no trunk has", "set `refer` for the trunk"),
        ({"agents__night__transfer_kind": "refer"}, "agents.night.transfer_kind", "no trunk has", "or choose blind"),
        (REFER | {"transfer__kinds": {"support": "refer"}}, "transfer.kinds.support", "our dialplan", "as a number"),
        (
            REFER
            | {"softphone": {}, "transfer__targets": {"desk": "softphone:*"}, "transfer__kinds": {"desk": "refer"}},
            "transfer.kinds.desk",
            "is a browser",
            "choose blind",
        ),
        ({"transfer__targets": {"desk": "softphone:*"}}, "transfer.targets.desk", "has no `softphone`", ""),
        ({"softphone": {}, "transfer__targets": {"desk": "softphone:"}}, "transfer.targets.desk", "names nobody", ""),
        (
            {"softphone": {}, "supervisor__extensions": {"ada": "softphone:ada"}},
            "supervisor.extensions.ada",
            "only have calls transferred to it",
            "",
        ),
        ({"transfer__kinds": {"sails": "attended"}}, "transfer.kinds.sails", "no target", "did you mean `sales`?"),
        ({"transfer__kinds": {"warehouse": "blind"}}, "transfer.kinds.warehouse", "no target", "transfer.targets"),
    ],
)
def test_what_no_call_could_have_is_an_error(changes: dict[str, Any], path: str, says: str, do: str) -> None:
    error = only_error_of(with_(FULL, **changes))
    assert error.path == path
    assert says in error.message
    assert do in error.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"transfer__kinds": {"sales": "attended", "support": "blind"}},
        REFER | {"transfer__kinds": {"sales": "refer", "support": "attended"}},
        REFER
        | {"trunks__main__allow": [r"sip:[a-z]+@pbx\.test"], "transfer__targets": {"shop": "sip:shop@pbx.test"}}
        | {"transfer__kinds": {"shop": "refer"}},
        REFER | {"agents__night__transfer_kind": "refer"},
        {
            "softphone": {},
            "transfer__targets": {"desk": "softphone:*", "ada": "softphone:sso:ada@example.com"},
            "transfer__kinds": {"desk": "attended"},
        },
    ],
)
def test_what_a_trunk_can_do_is_taken(changes: dict[str, Any]) -> None:
    config(with_(FULL, **changes))


def test_of_values_of_the_wrong_kind_only_that_is_told() -> None:
    error = only_error_of(with_(FULL, transfer__kinds=["refer"]))
    assert (error.path, error.message) == ("transfer.kinds", "must be a mapping")
