"""`voiceai statistics`: figures of ended calls, as a table."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from controller.api.models.statistics import DistributionAnswer, FiguresAnswer, StatisticsAnswer, StatisticsGroup
from controller.cli.connection import CALLS, LOCAL, Json, Token, Trunk, Url, connected, tell
from controller.cli.history import Since, Until, times

statistics = typer.Typer()

Zone = Annotated[str | None, typer.Option(help="Time zone of the days, such as Europe/Berlin; default: UTC.")]


@statistics.command("statistics", rich_help_panel=CALLS)
def show(
    token: Token,
    url: Url = LOCAL,
    since: Since = None,
    until: Until = None,
    group: Annotated[str, typer.Option(help="day, agent or trunk")] = "day",
    zone: Zone = None,
    direction: Annotated[str | None, typer.Option(help="inbound or outbound")] = None,
    agent: Annotated[str | None, typer.Option(help="Only calls of this agent.")] = None,
    trunk: Trunk = None,
    as_json: Json = False,
) -> None:
    """Figures of ended calls by day, agent or trunk: outcomes, durations, response time, cost. Default: 30 days."""
    with connected(url, token) as client:
        found = client.show_statistics(
            **times(since, until), group=group, zone=zone, direction=direction, agent=agent, trunk=trunk
        )
        tell(found, as_json, _table)


def _table(found: StatisticsAnswer) -> Table:
    right = ("calls", "answered", "talked mean", "median", "p95", "response median", "p95", "interruptions", "cost")
    table = Table(found.group, box=None, pad_edge=False)
    for name in right:
        table.add_column(name, justify="right")
    for each in found.groups:
        table.add_row(Text(_name(each)), *_cells(each))
    table.add_section()
    table.add_row("total", *_cells(found.total))
    outcomes = ", ".join(f"{name} {count}" for name, count in found.total.outcomes.items())
    table.caption = f"Outcomes: {outcomes or 'no calls'}. Days in {found.zone}; response in ms, cost in US dollars."
    return table


def _name(group: StatisticsGroup) -> str:
    return f"{group.day:%F}" if group.day is not None else group.name or "(none)"


def _cells(found: FiguresAnswer) -> tuple[str, ...]:
    talked, response = found.talked_s, found.response_ms
    return (
        str(found.calls),
        str(found.answered),
        *map(_clock, (talked.mean, talked.median, talked.p95)),
        *_milliseconds(response),
        str(found.interruptions),
        f"{found.cost:.2f}",
    )


def _clock(seconds: float | None) -> str:
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _milliseconds(found: DistributionAnswer) -> tuple[str, ...]:
    return tuple("" if each is None else f"{each:.0f}" for each in (found.median, found.p95))
