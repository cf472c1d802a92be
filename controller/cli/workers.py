"""`voiceai workers`: which there are, and the end of one in order."""

from typing import Annotated

import typer
from rich.table import Table

from controller.api.models.system import WorkerAnswer, WorkerPage
from controller.cli.connection import LOCAL, Json, Token, Url, connected, tell

workers = typer.Typer(help="Bridge workers: list, drain.", invoke_without_command=True)


@workers.callback()
def workers_list(context: typer.Context, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Bridge workers, and how loaded they are."""
    if context.invoked_subcommand is not None:
        return
    with connected(url, token) as client:
        tell(client.list_workers(), as_json, _table)


@workers.command()
def drain(
    name: str,
    token: Token,
    url: Url = LOCAL,
    seconds: Annotated[float | None, typer.Option(help="For its calls; then other workers take them over.")] = None,
    as_json: Json = False,
) -> None:
    """Let one end as soon as its calls have; whoever started it starts the next."""
    with connected(url, token) as client:
        done = client.drain_worker(name, seconds=seconds)
        tell(done, as_json, lambda found: _table(WorkerPage(workers=(found,))))


def _table(page: WorkerPage) -> Table:
    table = Table("worker", "pid", "media", "state", "calls", "late ms", box=None)
    for each in page.workers:
        table.add_row(*_row(each))
    said = [f"{each.name}: {each.reason}" for each in page.workers if each.reason]
    table.caption = "\n".join(said) or None
    return table


def _row(each: WorkerAnswer) -> tuple[str, ...]:
    load = f"{each.calls}/{each.capacity}"
    return each.name, str(each.pid), each.media, each.state, load, f"{each.late_ms:.1f}"
