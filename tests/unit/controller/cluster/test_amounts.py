"""What others have used of a day."""

from controller.cluster.amounts import Amounts


def test_the_greatest_that_was_heard_of_each_other_node_counts_for_its_day() -> None:
    amounts = Amounts("a")
    assert amounts.heard("d1", {"dollars": {"a": 9.0, "b": 2.0, "c": 1.0}}) == {"dollars": 3.0}
    assert amounts.heard("d1", {"dollars": {"b": 1.0}, "seconds": {"a": 5.0}}) == {"dollars": 3.0, "seconds": 0.0}
    assert amounts.heard("d2", {"dollars": {"b": 1.0}}) == {"dollars": 1.0}
