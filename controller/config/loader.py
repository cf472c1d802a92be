"""Reads config.yaml into a frozen `Config`.

`load()` and `parse()` return a `Config` or raise `ConfigErrors` with all errors. `json_schema()` is the schema for
editors. The keys are in `models/`, the rules between them in `checks/`; `source` parses the file.
"""

import json
from collections.abc import Mapping
from pathlib import Path as FilePath

from pydantic import ValidationError

from controller.config import json_schema as schemas
from controller.config.checks.destinations import unreachable
from controller.config.checks.messages import problems_of
from controller.config.checks.rules import complete
from controller.config.errors import ConfigError, ConfigErrors, render
from controller.config.models.api import Scope, Token
from controller.config.models.root import Config
from controller.config.source import read

MOST_BYTES = 4 << 20
"""Of the config file. A longer one is a mistake, such as a device."""

__all__ = ["Config", "ConfigError", "ConfigErrors", "load", "parse", "json_schema", "render", "Scope", "Token"]


def parse(text: str, env: Mapping[str, str], source: str = "config") -> Config:
    """`text` is YAML; `env` fills its `${NAME}`. `source` is its name in ConfigErrors, which it raises."""
    document = read(text, env)
    if document.data is None:
        raise ConfigErrors(document.errors or [ConfigError("", "", "is empty")], source)
    invalid: ValidationError | None = None
    config: Config | None = None
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        invalid = error
    errors = [*document.errors, *problems_of(invalid, document, Config), *complete(document)]
    if config is not None:
        errors += unreachable(config, document)
    if errors or config is None:
        raise ConfigErrors(errors, source) from None  # pydantic's own text would quote values
    return config


def load(path: str | FilePath, env: Mapping[str, str]) -> Config:
    """Reads the file at `path`. Raises ConfigErrors, also if it can't be read."""
    try:
        with FilePath(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigErrors([ConfigError("", "", f"is larger than {MOST_BYTES >> 20} MiB")], str(path))
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigErrors([ConfigError("", "", f"can't be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigErrors([ConfigError("", "", "is not UTF-8 text")], str(path)) from None
    return parse(text, env, str(path))


def json_schema() -> str:
    """The JSON Schema of config.yaml, for editors. Kept in config.schema.json, with a line end after it."""
    return json.dumps(schemas.json_schema(Config), indent=2, ensure_ascii=False)
