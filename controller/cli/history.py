"""The commands of `voiceai history`: show, export and delete ended calls."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controller.api.models.history import HistoryPage, PastCall, PastCallDetail
from controller.cli.connection import (
    LOCAL,
    CallId,
    Json,
    Limit,
    MetadataFilter,
    Token,
    Trunk,
    Url,
    connected,
    err,
    full_past_id,
    tell,
)
from controller.cli.tables import id_column, spoken

history = typer.Typer(invoke_without_command=True, help="Past calls: list, show, recordings, export, delete.")

Since = Annotated[datetime | None, typer.Option(help="Entries at this time or later, in local time.")]
Until = Annotated[datetime | None, typer.Option(help="Entries before this time.")]
Agent = Annotated[str | None, typer.Option(help="Only calls of this agent.")]
Outcome = Annotated[str | None, typer.Option(help="answered, busy, failed, …")]
Number = Annotated[str | None, typer.Option(help="The number of the caller or callee.")]
Attempt = Annotated[int | None, typer.Option(help="The attempt to place the call; default: the latest one.")]


def _query(since: datetime | None, until: datetime | None, **others: Any) -> dict[str, Any]:
    return times(since, until) | others


def times(since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """As the API reads them."""
    return {"since": since and since.astimezone().isoformat(), "until": until and until.astimezone().isoformat()}


@history.command("list")
@history.callback()
def list_calls(
    context: typer.Context,
    token: Token,
    url: Url = LOCAL,
    since: Since = None,
    until: Until = None,
    agent: Agent = None,
    trunk: Trunk = None,
    outcome: Outcome = None,
    number: Number = None,
    text: Annotated[str | None, typer.Option(help="A text in the transcript.")] = None,
    metadata: MetadataFilter = None,
    direction: Annotated[str | None, typer.Option(help="inbound or outbound")] = None,
    longer: Annotated[float | None, typer.Option(help="Talked for at least so many seconds.")] = None,
    shorter: Annotated[float | None, typer.Option(help="Talked for at most so many seconds.")] = None,
    sort: Annotated[str, typer.Option(help="started_at, talked_s, cost or first_frame_ms")] = "started_at",
    ascending: Annotated[bool, typer.Option("--ascending", help="Oldest, shortest or cheapest first.")] = False,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List past calls, newest first, and how many there are in all."""
    if context.invoked_subcommand is not None:
        return
    asked = {"agent": agent, "trunk": trunk, "outcome": outcome, "number": number, "text": text}
    query = _query(since, until, **asked, metadata=metadata or ())
    query |= {"direction": direction, "least_talked_s": longer, "most_talked_s": shorter}
    query |= {"sort": sort, "order": "asc" if ascending else "desc", "totals": True}
    with connected(url, token) as client:
        tell(client.list_history(**query, limit=limit), as_json, _table)


@history.command()
def show(call: CallId, token: Token, url: Url = LOCAL, attempt: Attempt = None, as_json: Json = False) -> None:
    """Show a call with everything that is stored about it."""
    with connected(url, token) as client:
        tell(client.show_past_call(full_past_id(client, call), attempt), as_json, _detail)


@history.command()
def recording(
    call: CallId,
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    token: Token,
    url: Url = LOCAL,
    number: Annotated[int, typer.Option(help="The number of the recording.")] = 1,
    attempt: Attempt = None,
) -> None:
    """Download the recording of a call."""
    with connected(url, token) as client:
        pieces = client.get_recording(full_past_id(client, call), number, attempt)
        first = next(pieces, b"")  # a problem is raised here, before there is a file
        with file.open("wb") as out:
            out.write(first)
            for piece in pieces:
                out.write(piece)


@history.command()
def export(
    token: Token,
    url: Url = LOCAL,
    form: Annotated[str, typer.Option("--format", help="csv, json, or cdr as in Asterisk's Master.csv.")] = "csv",
    since: Since = None,
    until: Until = None,
    agent: Agent = None,
    trunk: Trunk = None,
    metadata: MetadataFilter = None,
) -> None:
    """Write calls to standard output."""
    out = typer.get_binary_stream("stdout")
    query = _query(since, until, agent=agent, trunk=trunk, metadata=metadata or ())
    with connected(url, token) as client:
        for piece in client.export_history(**query, format=form):
            out.write(piece)


@history.command()
def forget(
    number: Annotated[str, typer.Argument(help="As `voiceai history` shows it.")],
    token: Token,
    url: Url = LOCAL,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete everything that is stored about calls from and to a number. This cannot be undone."""
    if not yes:
        typer.confirm("All calls of this number will be deleted, with transcripts and recordings. Continue?")
    shown = "{0.calls} calls and {0.recordings} recordings deleted".format
    with connected(url, token) as client:
        done = client.forget_caller(number)
        tell(done, as_json, lambda _: shown(done))
    if done.recordings_elsewhere:
        err.print(f"{done.recordings_elsewhere} recordings are not on that machine: its log says where", style="yellow")
        raise typer.Exit(1)


def _plain(value: object) -> Text:
    """Text that is not read as rich's markup."""
    return Text("" if value is None else str(value))


def _clock(seconds: float | None) -> str:
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _table(page: HistoryPage) -> RenderableType:
    totals = page.totals
    if totals is None:
        return _rows(page.calls)
    shown = "" if totals.calls == len(page.calls) else f", {len(page.calls)} shown"
    sums = f"{totals.calls} calls{shown}; talked {_clock(totals.talked_s)}; cost {totals.cost:.3f}"
    return Group(_rows(page.calls), Text(), Text(sums, style="dim"))


def _rows(calls: tuple[PastCall, ...]) -> Table:
    table = Table("began (UTC)", id_column("call"), "", "agent", "from", "to", "talked", "outcome", "cost", box=None)
    for each in calls:
        arrow = "→" if each.direction == "outbound" else "←"
        parties = map(_plain, (each.agent, each.caller, each.callee))
        result = (_clock(each.talked_s), _plain(each.outcome), f"{each.cost:.3f}")
        table.add_row(f"{each.started_at:%F %T}", each.id, arrow, *parties, *result)
    return table


def _detail(call: PastCallDetail) -> RenderableType:
    words = [(each.started_at or each.at, spoken(each).lstrip()) for each in call.transcript or ()]
    events = [(each.at, f"{each.type} {_fields(each.data)}") for each in call.events]
    tools = [(each.at, f"tool {each.tool}: {'ok' if each.ok else 'failed'}") for each in call.tools]
    timeline = sorted([*words, *events, *tools], key=lambda each: each[0])
    return Group(_rows((call,)), Text(), *(Text(f"{at:%T} {text}") for at, text in timeline))


def _fields(data: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in data.items() if not isinstance(value, dict | list))
