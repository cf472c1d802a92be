"""Which run of which node owns a row: the columns `node` and `epoch`, and conditions on them. [pure]

A row without a node is nobody's: it is free to be claimed, or was written by a release before there were nodes.
"""

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, or_

from controller.cluster.node import NodeId

NOBODY: dict[str, Any] = {"node": None, "epoch": None}


def owner(node: NodeId) -> dict[str, Any]:
    return {"node": node.name, "epoch": node.epoch}


def owned_by(table: Table, node: NodeId) -> ColumnElement[bool]:
    return and_(table.c.node == node.name, table.c.epoch == node.epoch)


def owned_up_to(table: Table, node: NodeId) -> ColumnElement[bool]:
    """By this run of the node, or by an earlier one."""
    return and_(table.c.node == node.name, table.c.epoch <= node.epoch)


def left_to(table: Table, node: NodeId) -> ColumnElement[bool]:
    """What a starting node finds: rows of its earlier runs, and of releases before there were nodes."""
    return or_(table.c.node.is_(None), and_(table.c.node == node.name, table.c.epoch < node.epoch))


def free_or_of(table: Table, node: NodeId) -> ColumnElement[bool]:
    return or_(table.c.node.is_(None), owned_by(table, node))


def lost_to(table: Table, node: NodeId) -> ColumnElement[bool]:
    """Calls that ended with another node, of which this one has to tell; also those that an earlier run of it found."""
    return and_(table.c.node == node.name, table.c.lost_at.is_not(None))
