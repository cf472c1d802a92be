"""Which ids a node asks for, beat by beat."""

from controller.cluster import sampling
from controller.cluster.port import Samples
from controller.cluster.sampling import AT_ONCE, Sampler
from controller.cluster.slots import SlotBook


def test_of_each_scope_the_oldest_id_that_the_backend_was_told() -> None:
    book = SlotBook()
    for id_ in ("a", "b"):
        book.hold("n:1", id_, ("total", f"caller:{id_}"))
    sampler = Sampler(book)
    assert set(sampler.next((), 0.0).slots) == {("total", "a"), ("caller:a", "a"), ("caller:b", "b")}
    assert set(sampler.next({"a"}, 0.0).slots) == {("caller:b", "b")}
    book.release("n:1", ["a"])
    assert set(sampler.next((), 0.0).slots) == {("total", "b"), ("caller:b", "b")}


def test_of_rates_the_first_id_that_counts_for_a_while_still() -> None:
    book = SlotBook()
    for id_, at in (("a", 0.0), ("b", 5.0), ("c", 50.0)):
        book.count("minute", id_, at, 60.0)
        book.count("second", id_, at, 1.0)
    sampler = Sampler(book)
    for now, id_ in ((50.0, "a"), (60.0 - sampling.LEFT_S, "b"), (62.5, "c")):
        assert sampler.next((), now) == Samples(rates=(("minute", id_),))
    assert sampler.next((), 1000.0) == Samples()


def test_scopes_take_turns() -> None:
    book = SlotBook()
    for number in range(AT_ONCE + 50):
        book.hold("n:1", f"call{number}", (f"caller:{number}",))
    sampler = Sampler(book)
    beats = [sampler.next((), 0.0).slots for _ in range(4)]
    assert [len(each) for each in beats] == [AT_ONCE, 50] * 2
    assert len({*beats[0], *beats[1]}) == AT_ONCE + 50
