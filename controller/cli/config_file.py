"""The config file of a command: its option, and how it is read. Errors in it end the command with status 2."""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from controller import config as configs
from controller.config import files
from controller.config.errors import ConfigError

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The config file.", envvar="VOICEAI_CONFIG")]

DEFAULT_CONFIG = Path("config.yaml")


def load(path: Path) -> configs.ConfigFile:
    """Ends the command if there is any error."""
    try:
        return _read(path)
    except configs.ConfigErrors as errors:
        refuse(errors)


def read_again(path: Path) -> configs.ConfigFile:
    """For a reload. A pipe is refused: to read it could block for ever. Raises ConfigErrors."""
    if path.exists() and not path.is_file():
        hint = "SIGHUP needs a config in a file of its own; one from a pipe is read at the start only"
        raise configs.ConfigErrors([ConfigError("", "", "is not a regular file", hint)], str(path))
    return _read(path)


def warnings(config: configs.Config) -> list[str]:
    """What is allowed and most likely not meant."""
    if config.cluster.url is None or not config.store.url.get_secret_value().startswith("sqlite"):
        return []
    return ["`cluster.url` is set and `store.url` is SQLite: several nodes need one PostgreSQL (docs/scaling.md)"]


def refuse(errors: configs.ConfigErrors) -> NoReturn:
    """Prints them and ends the command."""
    typer.echo(configs.render(errors), err=True)
    raise typer.Exit(2) from None


def _read(path: Path) -> configs.ConfigFile:
    """Raises ConfigErrors."""
    loaded = configs.load_file(path, os.environ)
    if found := files.wrong(loaded.config):
        raise configs.ConfigErrors(found)
    return loaded
