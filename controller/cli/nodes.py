"""The commands of `voiceai nodes`: list them, drain one, take it back."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from controller.api.models.nodes import NodeAnswer, NodePage
from controller.cli.connection import LOCAL, Json, Token, Url, connected, tell

nodes = typer.Typer(
    help="Nodes, each a controller with its Asterisk: list, drain, undrain.", invoke_without_command=True
)
NodeName = Annotated[
    str, typer.Argument(help="The name of the node: `cluster.node` in its configuration.", metavar="NAME")
]


@nodes.command("list")
@nodes.callback()
def nodes_list(context: typer.Context, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """List the nodes, their state and load."""
    if context.invoked_subcommand is not None:
        return
    with connected(url, token) as client:
        tell(client.list_nodes(), as_json, _table)


@nodes.command()
def drain(name: NodeName, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Drain a node: it accepts no new calls until `undrain` or its next start. Live calls continue."""
    with connected(url, token) as client:
        tell(client.drain_node(name), as_json, lambda found: _table(NodePage(nodes=(found,))))


@nodes.command()
def undrain(name: NodeName, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Undrain a node: it accepts calls again."""
    with connected(url, token) as client:
        tell(client.undrain_node(name), as_json, lambda found: _table(NodePage(nodes=(found,))))


def _table(page: NodePage) -> Table:
    table = Table("node", "start", "version", "state", "calls", "lease s", "silent s", "API for other nodes", box=None)
    for each in page.nodes:
        table.add_row(*map(Text, _row(each)))
    answers = ["* answers"] if any(each.this for each in page.nodes) else []
    troubles = [f"{each.name}: {each.trouble}" if each.this else each.trouble for each in page.nodes if each.trouble]
    table.caption, table.caption_justify = Text("\n".join([*answers, *dict.fromkeys(troubles)])) or None, "left"
    return table


def _row(each: NodeAnswer) -> tuple[str, ...]:
    load = "" if each.calls is None else f"{each.calls}/{each.capacity or '?'}"
    name = f"{each.name}*" if each.this else each.name
    heard = _seconds(each.lease_s), _seconds(each.silent_s)
    return name, str(each.epoch), each.version, each.state, load, *heard, each.api_url or ""


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
