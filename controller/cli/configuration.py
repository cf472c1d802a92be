"""The commands that change the configuration of a running controller: read its file again."""

import typer

from controller.api.models.system import ReloadAnswer
from controller.cli.connection import LOCAL, Json, Token, Url, connected, tell

app = typer.Typer()


@app.command()
def reload(token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Have the controller read its config file again; with any error nothing changes."""
    with connected(url, token) as client:
        tell(client.reload_config(), as_json, _reloaded)


def _reloaded(told: ReloadAnswer) -> str:
    lines = [f"changed: {', '.join(told.changed)}" if told.changed else "nothing has changed"]
    if told.restart:
        lines.append(f"after a restart only: {', '.join(told.restart)}")
    if told.ignored:
        lines.append(f"ignored, because the store has it: {', '.join(told.ignored)}")
    return "\n".join(lines)
