"""What a node may use of a limit by itself, and that the book of slots has no leak."""

from hypothesis import given, strategies as st

from controller.cluster.port import Claim, RateLimit, SlotLimit
from controller.cluster.slots import SlotBook, divided, share_of


@given(st.integers(0, 10_000), st.integers(1, 100))
def test_shares_add_up_to_the_limit_and_none_is_without(most: int, nodes: int) -> None:
    shares = [share_of(most, nodes, position) for position in range(nodes)]
    assert sum(shares) == (max(most, nodes) if most else 0)
    assert min(shares) >= min(most, 1)
    assert max(shares) - min(shares) <= 1


def test_a_share_is_of_each_limit_and_what_has_none_stays_without() -> None:
    claim = Claim("a", (SlotLimit("calls"), SlotLimit("total", 10, "full")), (RateLimit("total", 5, 1.0, "fast"),))
    share = divided(claim, 3, 2)
    assert share == Claim("a", (SlotLimit("calls"), SlotLimit("total", 3)), (RateLimit("total", 1, 1.0),))
    assert [share.slots[1].why, share.rates[0].why] == ["full", "fast"]


def test_what_was_counted_late_is_over_in_its_time() -> None:
    book, rate = SlotBook(), RateLimit("total", 2, 10.0)
    book.count("total", "new", 100.0, 10.0)
    book.count("total", "old", 91.0, 10.0)
    assert book.full(Claim("c", (), (rate,)), 100.5) == rate
    assert book.full(Claim("c", (), (rate,)), 101.5) is None
    assert [each.id for each in book.holdings("us", 101.5).rates] == ["new"]
    assert book.holdings("us", 120.0).rates == ()


CALLS, OWNERS, SCOPES = st.sampled_from("abcde"), st.sampled_from(["one", "two"]), st.sampled_from(["x", "y", "z"])


@given(st.lists(st.tuples(st.booleans(), OWNERS, CALLS, st.lists(SCOPES, max_size=3)), max_size=40))
def test_nothing_is_left_when_all_is_released(steps: list[tuple[bool, str, str, list[str]]]) -> None:
    """And each id in a scope has one owner, who knows of it."""
    book = SlotBook()
    for taken, owner, call, scopes in steps:
        if taken:
            book.hold(owner, call, scopes)
        else:
            book.release(owner, [call])
        held = [(scope, id_) for each in ("one", "two") for id_, of in book.held(each).items() for scope in of]
        assert len(held) == len(set(held)) == sum(book.scopes().values())
        assert all(book.owner(scope, id_) for scope, id_ in held)
    book.free("one")
    book.free("two")
    assert (book.scopes(), book.held("one"), book.held("two")) == ({}, {}, {})
