"""When a node whose lease has expired is dead."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.cluster.node import Node, NodeId
from controller.cluster.reaping import STALE_S, step

US = Node(NodeId("paris", 1), "1", "", datetime(2026, 11, 30, tzinfo=UTC), 1.0, stopped=False, lost=False)
SILENT = replace(US, id=NodeId("berlin", 2), silent_s=STALE_S)
BERLIN = SILENT.id


@pytest.mark.parametrize(
    ("known", "us", "what"),
    [
        (SILENT, US, "end"),
        (replace(SILENT, lost=True), US, "end"),  # its slots, or rows that it wrote before it died for good
        (replace(SILENT, silent_s=STALE_S - 0.1), US, "wait"),  # a sign of life
        (replace(SILENT, stopped=True), US, "free"),  # it has ended in order, and could not free its slots
        (replace(SILENT, id=NodeId("berlin", 3)), US, "end"),  # started again, and dead before it had a lease
        (replace(SILENT, id=NodeId("berlin", 3), silent_s=0), US, "wait"),  # started again
        (replace(SILENT, id=NodeId("berlin", 1)), US, "wait"),  # not a node of this store
        (None, US, "wait"),
        (SILENT, replace(US, silent_s=STALE_S), "wait"),  # the store was away
        (SILENT, None, "wait"),
        (SILENT, replace(SILENT, silent_s=0), "wait"),  # nobody ends itself
    ],
)
def test_a_node_is_dead_if_the_store_has_not_heard_of_it_either(known: Node | None, us: Node | None, what: str) -> None:
    assert step(BERLIN, known, us) == what
