"""The commands of `voiceai workers`: list them, drain one, replace all of a machine."""

from typing import Annotated

import typer
from rich.table import Table

from controller.api.models.system import WorkerAnswer, WorkerPage
from controller.cli.connection import LOCAL, Json, Token, Url, connected, tell

workers = typer.Typer(help="Bridge workers: list, drain, replace.", invoke_without_command=True)


@workers.command("list")
@workers.callback()
def workers_list(context: typer.Context, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """List bridge workers and their load."""
    if context.invoked_subcommand is not None:
        return
    with connected(url, token) as client:
        tell(client.list_workers(), as_json, _table)


@workers.command()
def drain(
    name: str,
    token: Token,
    url: Url = LOCAL,
    seconds: Annotated[
        float | None, typer.Option(help="Seconds for its calls; then other workers take them over.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Drain a worker: it ends after its calls, and controller, systemd or compose starts the next one."""
    with connected(url, token) as client:
        done = client.drain_worker(name, seconds=seconds)
        tell(done, as_json, lambda found: _table(WorkerPage(workers=(found,))))


@workers.command()
def replace(token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Replace the workers of the controller's machine one by one, as after an upgrade. No call is lost."""
    with connected(url, token) as client:
        tell(client.replace_workers(), as_json, _table)


def _table(page: WorkerPage) -> Table:
    table = Table("worker", "pid", "media", "state", "calls", "late ms", "link", "used by", box=None)
    for each in page.workers:
        table.add_row(*_row(each))
    reasons = [f"{each.name}: {each.reason}" for each in page.workers if each.reason]
    reasons += [f"{each.name} at {each.remote} is refused: {each.reason}" for each in page.refused]
    table.caption = "\n".join(reasons) or None
    return table


def _row(each: WorkerAnswer) -> tuple[str, ...]:
    load = f"{each.calls}/{each.capacity}"
    late, link = f"{each.late_ms:.1f}", str(each.link_version)
    return each.name, str(each.pid), each.media, each.state, load, late, link, _users(each)


def _users(each: WorkerAnswer) -> str:
    """Such as "berlin1* 3, berlin2 1": the star is at the node that it belongs to, if that is another one."""
    return ", ".join(f"{user.node}{'*' if user.node == each.home else ''} {user.calls}" for user in each.users)
