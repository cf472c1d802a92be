"""The `voiceai` command: parses arguments, calls the part that does the work, prints."""

import asyncio
import hashlib
import io
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated, NoReturn, get_args

import typer
from rich.console import Console

from bridge.common.event_loop import run as run_loop
from bridge.common.logs import set_up as set_up_log
from controller import config as configs
from controller.cli import agent_tests, calls, configuration, try_agent
from controller.cli.doctor import command
from controller.config import files
from controller.config.errors import ConfigError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An AI call controller for Asterisk.",
)
app.add_typer(calls.app)
app.add_typer(try_agent.app)
app.add_typer(configuration.app)
app.add_typer(agent_tests.app)
app.add_typer(command.app)
out, err = Console(), Console(stderr=True)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The config file.", envvar="VOICEAI_CONFIG")]

DEFAULT_CONFIG = Path("config.yaml")


def _read(path: Path) -> configs.ConfigFile:
    """Raises ConfigErrors."""
    loaded = configs.load_file(path, os.environ)
    if found := files.wrong(loaded.config):
        raise configs.ConfigErrors(found)
    return loaded


def _read_for_reload(path: Path) -> configs.ConfigFile:
    """For a reload. A pipe is refused: to read it could block for ever. Raises ConfigErrors."""
    if path.exists() and not path.is_file():
        hint = "SIGHUP needs a config in a file of its own; one from a pipe is read at the start only"
        raise configs.ConfigErrors([ConfigError("", "", "is not a regular file", hint)], str(path))
    return _read(path)


def _load(path: Path) -> configs.ConfigFile:
    try:
        return _read(path)
    except configs.ConfigErrors as errors:
        _refuse(errors)


def _refuse(errors: configs.ConfigErrors) -> NoReturn:
    err.print(configs.render(errors), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2) from None


@app.command()
def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    workers: Annotated[bool, typer.Option(help="Start bridge workers on this machine.")] = True,
    takeover: Annotated[bool, typer.Option(help="Take our Stasis app from the controller that serves it.")] = False,
) -> None:
    """Run the controller and, by default, its bridge workers.

    Exit status 4: another controller runs on the same store or serves the same Stasis app; nothing was touched.
    """
    from controller.api.listening import CantListen
    from controller.app import EXIT_RUNNING
    from controller.cli.serve import serve as run
    from controller.store.database import StoreError
    from controller.store.instance import AlreadyRunning

    loaded = _load(config)
    set_up_log()
    try:
        status = run_loop(run(loaded, own_workers=workers, takeover=takeover, read=lambda: _read_for_reload(config)))
    except AlreadyRunning as other:
        err.print(f"voiceai can't start: {other}", markup=False, highlight=False, soft_wrap=True)
        status = EXIT_RUNNING
    except StoreError as error:
        err.print(f"voiceai can't start: {error}", markup=False, highlight=False, soft_wrap=True)
        status = 1
    except CantListen as error:
        text = f"voiceai can't listen on {loaded.config.api.listen}: {error.strerror}. Change `api.listen`."
        err.print(text, markup=False, highlight=False, soft_wrap=True)
        status = 1
    except configs.ConfigErrors as errors:  # of what the store has
        _refuse(errors)
    except OSError as error:
        err.print(f"voiceai can't start: {error}", markup=False, highlight=False, soft_wrap=True)
        status = 1
    raise typer.Exit(status)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
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


@app.command("check-config")
def check_config(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Check the config file and list everything that is wrong with it."""
    file = _load(config)
    loaded, stored = file.config, "agents and routes in the store"
    agents = stored if file.from_store else f"{len(loaded.agents)} agents, {len(loaded.routes)} routes"
    out.print(f"{config}: ok ({agents}, {len(loaded.trunks)} trunks)", highlight=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the config file, for editors."""
    sys.stdout.write(configs.json_schema() + "\n")


@app.command()
def demo(keep: Annotated[bool, typer.Option(help="Keep running, so that a softphone can call.")] = False) -> None:
    """Place a real SIP call through a real Asterisk and let a caller and an agent talk."""
    from demo.run import run

    raise typer.Exit(asyncio.run(run(keep)))


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Who it is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(get_args(configs.Scope))}; may be repeated.")
    ] = None,
) -> None:
    """Make an API token. It is shown once; the config holds only its hash."""
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


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # no traceback on a terminal that lacks a character
    app()
