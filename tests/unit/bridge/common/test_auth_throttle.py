"""Who guesses tokens: slowed down by address, in a bounded table, without keeping out who is at work."""

import pytest

from bridge.common import auth_throttle
from bridge.common.auth_throttle import AuthThrottle


def test_guesses_are_slowed_down_and_let_in_again_later() -> None:
    them = AuthThrottle(per_second=0.5, at_once=3)
    assert [them.wait("192.0.2.1", None, 0.0) for _ in range(3)] == [0.0] * 3
    assert them.wait("192.0.2.1", None, 0.0) == 2.0
    assert them.wait("192.0.2.2", None, 0.0) == 0.0
    assert them.wait("192.0.2.1", None, 2.0) == 0.0
    assert them.wait("192.0.2.1", None, 2.0) > 0


def test_a_right_token_is_no_guess_and_stays_let_in_while_others_guess() -> None:
    them = AuthThrottle(per_second=0.5, at_once=3)
    assert [them.wait("192.0.2.1", "ops", 0.0) for _ in range(50)] == [0.0] * 50
    while not them.wait("192.0.2.1", None, 0.0):
        pass
    assert them.wait("192.0.2.1", "ops", 0.0) == 0.0
    assert them.wait("192.0.2.1", "crm", 0.0) > 0, "whose token might have been guessed"
    assert them.wait("192.0.2.1", "crm", 60.0) == 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        (None, "", True),
        ("x" * 1000, "x" * 999, True),
    ],
)
def test_what_counts_as_one_address(one: str | None, other: str, same: bool) -> None:
    them = AuthThrottle(per_second=0.5, at_once=1)
    them.wait(one, None, 0.0)
    assert (them.wait(other, None, 0.0) > 0) is same


def test_the_table_is_bounded() -> None:
    them = AuthThrottle()
    for number in range(auth_throttle.MOST_ADDRESSES + 50):
        them.wait(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", None, 0.0)
    for number in range(200):
        them.wait("192.0.2.1", f"user-{number}", 0.0)
    assert len(them) == auth_throttle.MOST_ADDRESSES
