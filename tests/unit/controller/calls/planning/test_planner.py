"""What the config makes of a trunk's name, and of whoever a call is transferred to."""

import pytest

from controller.calls import errors
from controller.calls.planning import planner
from controller.dialing.numbers import NotAllowed
from tests.unit.controller.configs import FULL, SMALL, config, with_

REFER = {"trunks__desk__refer": "sip:{number}@pbx.test"}


@pytest.mark.parametrize(
    ("base", "trunk", "words"), [(FULL, "nowhere", "no trunk of that name"), (SMALL, None, "No trunk is configured")]
)
def test_a_trunk_that_there_is_not(base: dict[str, object], trunk: str | None, words: str) -> None:
    with pytest.raises(errors.UnknownName, match=words):
        planner.trunk_named(config(base), trunk)


@pytest.mark.parametrize(("asked_s", "rings_s"), [(5.0, 5.0), (500.0, 60.0)])
def test_how_long_the_target_of_a_transfer_rings(asked_s: float, rings_s: float) -> None:
    target = planner.transfer_target(config(), "night", "sales", "main", timeout=asked_s, longest=60.0)
    assert target.timeout == rings_s


def test_a_transfer_that_can_not_be_done_by_refer() -> None:
    """As the agent's usual way it is done otherwise; asked for as such it is refused."""
    made = config(with_(FULL, **REFER, agents__night__transfer_kind="refer"))
    assert planner.transfer_target(made, "night", "sales", "main").kind == "blind"
    assert planner.transfer_target(made, "night", "1234", "desk").dial == "PJSIP/sip:1234@pbx.test"
    assert planner.transfer_target(made, "night", "sip:ann@pbx.test", "desk").dial == "PJSIP/sip:ann@pbx.test"
    with pytest.raises(NotAllowed):
        planner.transfer_target(made, "night", "sales", "main", kind="refer")


def test_a_key_transfers_as_its_agent_does() -> None:
    made = config(
        with_(
            FULL, agents__night={"instructions": "x", "transfer_kind": "attended", "dtmf": {"1": {"transfer": "sales"}}}
        )
    )
    target = planner.agent_plan(made, "night", {}, "main").digits["1"]
    assert target is not None
    assert target.kind == "attended"
