"""Lines over trunks: as many as there are legs, whatever the order of what happens, and none when the call is over."""

import pytest
from hypothesis import given, strategies as st

from controller.calls.admission.trunk_usage import TrunkUsage
from controller.calls.errors import Busy
from controller.calls.machine import commands, inputs
from controller.calls.machine.types import Target

OWN, OTHERS = "own", ("one", "two", "three")
MOST = 2


class Trunk:
    """`Lines` with room for MOST legs beside the calls' own."""

    def __init__(self) -> None:
        self.up: dict[str, bool] = {}
        self.talking: set[str] = set()

    def dial(self, channel: str, trunk: str, *, own: bool) -> None:
        assert channel not in self.up, "counted twice"
        if not own and sum(not each for each in self.up.values()) >= MOST:
            raise Busy("full")
        self.up[channel] = own

    def answered(self, channel: str) -> None:
        assert channel in self.up
        self.talking.add(channel)

    def over(self, channel: str) -> None:
        del self.up[channel]  # once
        self.talking.discard(channel)


def target(trunk: str | None = "main") -> Target:
    return Target("PJSIP/1@trunk", "1", trunk=trunk)


STEPS = st.lists(
    st.tuples(st.sampled_from(["dial", "enter", "dialplan", "gone", "removed"]), st.sampled_from([OWN, *OTHERS])),
    max_size=60,
)


@given(STEPS)
def test_a_line_is_as_long_taken_as_its_leg_may_live(steps: list[tuple[str, str]]) -> None:
    trunk = Trunk()
    legs = TrunkUsage(OWN, trunk)
    alive: set[str] = set()
    for step, channel in steps:
        match step:
            case "dial":
                try:
                    legs.dial(channel, target())
                    alive.add(channel)
                except Busy:
                    assert len(alive - {OWN}) >= MOST
            case "enter":
                legs.happened(inputs.LegEntered(channel))
            case "dialplan":
                legs.happened(inputs.LegGone(channel, in_dialplan=True))
            case "gone":
                legs.happened(inputs.LegGone(channel, 16))
                alive.discard(channel)
            case "removed":
                legs.over(channel)
                alive.discard(channel)
        assert trunk.up.keys() == alive
        assert len(list(legs.others())) == len(alive - {OWN}) <= MOST
    legs.all_over()
    assert trunk.up == {}
    assert list(legs.others()) == []


def test_a_place_in_the_dialplan_takes_no_line() -> None:
    legs = TrunkUsage(OWN, trunk := Trunk())
    legs.dial("one", target(None))
    assert trunk.up == {}


def test_a_leg_that_is_refused_takes_no_line() -> None:
    legs = TrunkUsage(OWN, trunk := Trunk())
    for channel in OTHERS[:MOST]:
        legs.dial(channel, target())
    with pytest.raises(Busy):
        legs.dial(OTHERS[MOST], target())
    assert len(trunk.up) == MOST
    legs.dial(OWN, target())


def test_a_leg_of_an_earlier_controller_takes_its_line_again() -> None:
    legs = TrunkUsage(OWN, trunk := Trunk())
    legs.recover("one", "main")
    assert (set(trunk.up), trunk.talking, dict(legs.up())) == ({"one"}, {"one"}, {"one": "main"})
    legs.all_over()
    assert trunk.up == {}


def test_who_is_referred_takes_a_line_until_the_far_end_has_said_what_became_of_it() -> None:
    for end in (
        inputs.LegReturned("own", "FAILURE", 486),
        inputs.CommandFailed(commands.Refer("own", "x"), "no such context"),
    ):
        legs = TrunkUsage(OWN, trunk := Trunk())
        legs.dial("boss", target())
        legs.refer("one", "main")
        assert set(trunk.up) == {"boss", "one"}
        with pytest.raises(Busy):
            legs.refer("two", "main")
        legs.happened(end)
        assert set(trunk.up) == {"boss"}
