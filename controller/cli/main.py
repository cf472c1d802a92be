"""The `voiceai` command: parses arguments, calls the part that does the work, prints."""

import asyncio
import hashlib
import json
import os
import secrets
import sys
from importlib import metadata
from typing import Annotated, get_args

import typer
from rich.console import Console

from controller import config as configs
from controller.cli import agent_tests, calls, configuration, serve_command, try_agent
from controller.cli.config_file import DEFAULT_CONFIG, ConfigPath, load, warnings
from controller.cli.connection import ADMINISTRATION, SET_UP
from controller.cli.doctor import command

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    help="An AI call controller for Asterisk.",
)
app.add_typer(calls.app)
app.add_typer(try_agent.app)
app.add_typer(configuration.app)
app.add_typer(agent_tests.app)
app.add_typer(command.app)
app.command(rich_help_panel=SET_UP)(serve_command.serve)
out, err = Console(), Console(stderr=True)


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """Options of `voiceai` itself."""
    if version:
        typer.echo(f"voiceai {metadata.version('voiceai')}")
        raise typer.Exit()


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
    rich_help_panel=SET_UP,
)
def bridge(context: typer.Context) -> None:
    """Run one bridge worker (see `voiceai bridge --help` for its options).

    `--guarded`: the worker is killed when it hangs, and started again, for machines without systemd.
    """
    module = "bridge.worker.watchdog" if "--guarded" in context.args else "bridge.worker"
    argv = [sys.executable, "-m", module, *(each for each in context.args if each != "--guarded")]
    if os.name == "posix":
        os.execv(sys.executable, argv)
    import subprocess

    raise typer.Exit(subprocess.call(argv))


@app.command("check-config", rich_help_panel=SET_UP)
def check_config(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Check the config file and list all its errors."""
    file = load(config)
    loaded, stored = file.config, "agents and routes in the store"
    agents = stored if file.from_store else f"{len(loaded.agents)} agents, {len(loaded.routes)} routes"
    for each in warnings(loaded):
        typer.echo(f"warning: {each}", err=True)
    out.print(f"{config}: ok ({agents}, {len(loaded.trunks)} trunks)", highlight=False)


@app.command(rich_help_panel=SET_UP)
def schema() -> None:
    """Print the JSON Schema of the config file, for editors."""
    sys.stdout.write(configs.json_schema() + "\n")


@app.command(rich_help_panel=SET_UP)
def demo(keep: Annotated[bool, typer.Option(help="Keep running, so that a softphone can call.")] = False) -> None:
    """Place a real SIP call through a real Asterisk and let a caller and an agent talk."""
    from demo.run import run

    raise typer.Exit(asyncio.run(run(keep)))


@app.command(rich_help_panel=ADMINISTRATION)
def token(
    name: Annotated[str, typer.Argument(help="The name of the token.")],
    scope: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(get_args(configs.Scope))}; may be repeated.")
    ] = None,
) -> None:
    """Create an API token. It is shown once; the configuration contains only its hash."""
    scopes = scope or ["read"]
    if unknown := set(scopes) - set(get_args(configs.Scope)):
        err.print(f"There is no scope {', '.join(sorted(unknown))}; there are: {', '.join(get_args(configs.Scope))}.")
        raise typer.Exit(2)
    secret = "vai_" + secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    err.print("The token, which is not shown again:", markup=False)
    typer.echo(secret)
    err.print("\nFor `api.tokens` in the config:", markup=False)
    entry = f"- name: {json.dumps(name)}\n  token_sha256: {digest}\n  scopes: [{', '.join(scopes)}]"
    err.print(entry, markup=False, highlight=False, soft_wrap=True)
