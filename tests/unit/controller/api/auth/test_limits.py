"""controller.api.auth.limits: what a key reaches, and which key reaches more than another."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, strategies as st

from controller.api.auth.limits import Limits, network

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("limits", "agent", "trunk", "reached"),
    [
        (Limits(), None, None, True),
        (Limits(agents=frozenset({"a"})), "a", None, True),
        (Limits(agents=frozenset({"a"})), "b", "t", False),
        (Limits(agents=frozenset({"a"})), None, "t", False),
        (Limits(trunks=frozenset({"t"})), "a", "t", True),
        (Limits(trunks=frozenset({"t"})), "a", None, False),
        (Limits(agents=frozenset({"a"}), trunks=frozenset({"t"})), "a", "u", False),
        (Limits(agents=frozenset()), "a", "t", False),
    ],
)
def test_which_calls_are_reached(limits: Limits, agent: str | None, trunk: str | None, reached: bool) -> None:
    assert limits.reaches(agent, trunk) is reached


@pytest.mark.parametrize(
    ("sources", "address", "admitted"),
    [
        (None, None, True),
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", False),
        (["10.0.0.0/8"], "::a01:203", False),
        (["0.0.0.0/0"], "::1", False),
        (["::/0"], "10.0.0.1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["10.0.0.0/8"], None, False),
        (["10.0.0.0/8"], "10.1.2.3, 10.1.2.4", False),
        (["10.0.0.0/8"], "unix:", False),
        ([], "10.1.2.3", False),
    ],
)
def test_from_where_a_key_may_be_used(sources: list[str] | None, address: str | None, admitted: bool) -> None:
    limits = Limits(sources=tuple(map(network, sources)) if sources is not None else None)
    assert limits.admits(address) is admitted


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0", "::1/", "10.0.0.0/8/8", "٣.0.0.0"]
)
def test_what_is_no_network_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(must be an address|has bits beyond)"):
        network(text)


LIMITS = st.builds(
    Limits,
    agents=st.none() | st.frozensets(st.sampled_from("abc")),
    trunks=st.none() | st.frozensets(st.sampled_from("tu")),
    sources=st.none()
    | st.lists(st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "::1", "::/0"]).map(network), max_size=2).map(
        tuple
    ),
    expires_at=st.none() | st.sampled_from([NOW, NOW + timedelta(days=1)]),
)


@given(LIMITS, LIMITS)
def test_what_is_not_beyond_another_reaches_nothing_that_the_other_does_not(one: Limits, own: Limits) -> None:
    beyond: Any = one.beyond(own)
    assert own.beyond(own) == []
    assert one.beyond(Limits()) == []
    if beyond:
        return
    for agent in (None, "a", "b", "c"):
        for trunk in (None, "t", "u"):
            assert own.reaches(agent, trunk) or not one.reaches(agent, trunk)
    for address in ("10.1.0.1", "10.2.0.1", "11.0.0.1", "::1", "::2"):
        assert ip_address(address)
        assert own.admits(address) or not one.admits(address)
    for moment in (NOW, NOW + timedelta(days=1), NOW + timedelta(days=9)):
        assert one.expired(moment) or not own.expired(moment)
