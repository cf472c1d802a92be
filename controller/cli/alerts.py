"""`voiceai alerts`: what needs attention now, and what to do."""

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from controller.api.models.alerts import AlertAnswer, AlertList
from controller.cli.connection import LOCAL, SET_UP, Json, Token, Url, connected, tell

alerts = typer.Typer()

_COLOURS = {"critical": "bold red", "warning": "yellow", "info": "dim"}


@alerts.command("alerts", rich_help_panel=SET_UP)
def list_alerts(token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """List what needs attention now, and what to do. Exit status 3 if something is critical."""
    with connected(url, token) as client:
        found = client.list_alerts()
    tell(found, as_json, _shown)
    if any(each.severity == "critical" for each in found.alerts):
        raise typer.Exit(3)


def _shown(found: AlertList) -> RenderableType:
    if not found.alerts:
        return "No alerts."
    return Group(*(line for each in found.alerts for line in _lines(each)))


def _lines(alert: AlertAnswer) -> tuple[Text, Text]:
    head = Text(f"{alert.severity}: ", style=_COLOURS[alert.severity])
    return head.append(alert.message, style="default"), Text(f"    {alert.action}")
