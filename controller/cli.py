"""The `voiceai` command. Parses arguments, calls the part that does the work, prints; knows nothing else."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from bridge.log import set_up as set_up_log
from controller import config as configs

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An AI call controller for Asterisk.",
)
out, err = Console(), Console(stderr=True)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The config file.", envvar="VOICEAI_CONFIG")]
ApiUrl = Annotated[str, typer.Option("--url", help="Where the controller's API is.", envvar="VOICEAI_URL")]
ApiToken = Annotated[str, typer.Option("--token", help="An API token.", envvar="VOICEAI_API_TOKEN")]

DEFAULT_CONFIG = Path("config.yaml")
DEFAULT_URL = "http://127.0.0.1:8080"


def _load(path: Path) -> configs.Config:
    try:
        return configs.load(path, os.environ)
    except configs.ConfigErrors as errors:
        err.print(configs.render(errors), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None


@app.command()
def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    workers: Annotated[bool, typer.Option(help="Start bridge workers on this machine.")] = True,
) -> None:
    """Run the controller, and its bridge workers unless told otherwise."""
    from controller.app import serve as run
    from controller.store.database import StoreError

    loaded = _load(config)
    set_up_log()
    try:
        status = asyncio.run(run(loaded, own_workers=workers))
    except StoreError as error:
        err.print(f"voiceai can't start: {error}", markup=False, highlight=False, soft_wrap=True)
        status = 1
    except OSError as error:
        err.print(f"voiceai can't listen on {loaded.api.listen}: {error.strerror}. Change `api.listen`.")
        status = 1
    raise typer.Exit(status)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def bridge(context: typer.Context) -> None:
    """Run one bridge worker (see `voiceai bridge --help` for its options)."""
    argv = [sys.executable, "-m", "bridge.worker", *context.args]
    if os.name == "posix":
        os.execv(sys.executable, argv)
    import subprocess

    raise typer.Exit(subprocess.call(argv))


@app.command("check-config")
def check_config(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Check the config file and list everything that is wrong with it."""
    loaded = _load(config)
    agents, routes = len(loaded.agents), len(loaded.routes)
    out.print(f"{config}: ok ({agents} agents, {routes} routes, {len(loaded.trunks)} trunks)", highlight=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the config file, for editors."""
    sys.stdout.write(configs.json_schema() + "\n")


@app.command()
def demo(keep: Annotated[bool, typer.Option(help="Stay up so that a softphone can call.")] = False) -> None:
    """Place a real SIP call through a real Asterisk and let a caller and an agent talk."""
    from demo.run import run

    raise typer.Exit(asyncio.run(run(keep)))


# ---------------------------------------------------------------- the API from the shell


def _ask(method: str, url: str, token: str, path: str, body: dict[str, Any] | None = None) -> Any:
    try:
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.request(method, url.rstrip("/") + path, json=body, headers=headers, timeout=10)
    except httpx.HTTPError as error:
        err.print(f"voiceai is not answering at {url}: {error}. Is `voiceai serve` running there?")
        raise typer.Exit(1) from None
    if answer.is_error:
        problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        err.print(f"{problem.get('title', answer.reason_phrase)}: {problem.get('detail', answer.text)}", markup=False)
        raise typer.Exit(1)
    return answer.json()


@app.command()
def call(
    to: Annotated[str, typer.Argument(help="The number to call.")],
    token: ApiToken,
    url: ApiUrl = DEFAULT_URL,
    trunk: Annotated[str | None, typer.Option(help="Which trunk; the first one if not given.")] = None,
    agent: Annotated[str | None, typer.Option(help="Which agent talks.")] = None,
) -> None:
    """Place a call."""
    body = {"to": to, "trunk": trunk, "agent": agent}
    placed = _ask("POST", url, token, "/v1/calls", {key: value for key, value in body.items() if value is not None})
    out.print(placed["id"], highlight=False)


@app.command()
def calls(token: ApiToken, url: ApiUrl = DEFAULT_URL) -> None:
    """List the calls, live ones first."""
    table = Table("call", "direction", "state", "agent", "from", "to", "outcome")
    for each in _ask("GET", url, token, "/v1/calls")["calls"]:
        columns = ("id", "direction", "state", "agent", "caller", "callee", "outcome")
        table.add_row(*(str(each[key] or "") for key in columns))
    out.print(table)


@app.command()
def hangup(call: str, token: ApiToken, url: ApiUrl = DEFAULT_URL) -> None:
    """End a call."""
    out.print(_ask("POST", url, token, f"/v1/calls/{call}/hangup")["state"])


@app.command()
def transfer(call: str, to: str, token: ApiToken, url: ApiUrl = DEFAULT_URL) -> None:
    """Connect a caller to another number or dialplan extension; the caller is kept until it answers."""
    out.print(_ask("POST", url, token, f"/v1/calls/{call}/transfer", {"to": to})["state"])


def main() -> None:
    app()
