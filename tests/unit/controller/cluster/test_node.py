"""Names of nodes as text, and which start is the later one."""

from hypothesis import given, strategies as st

from controller.cluster.node import NodeId

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)


@given(NAMES, st.integers(1, 10**17))
def test_a_name_is_read_as_it_was_written(name: str, epoch: int) -> None:
    assert NodeId.parse(str(NodeId(name, epoch))) == NodeId(name, epoch)


@given(st.text(max_size=30))
def test_anything_else_is_no_name(text: str) -> None:
    found = NodeId.parse(text)
    assert found is None or str(found) == text


def test_a_later_start_is_greater() -> None:
    assert NodeId("a", 10) > NodeId("a", 9)
