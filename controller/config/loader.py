"""Reads config.yaml into a frozen `Config`.

`load()` and `parse()` return a `Config` or raise `ConfigErrors` with all errors; `load_file()` and `parse_file()` also
what the file says word for word, of which configurations with other resources are made. `json_schema()` is the schema
for editors. The keys are in `models/`, the rules between them in `checks/`; `source` parses the file.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from controller.config import json_schema as schemas
from controller.config.checks.destinations import unreachable
from controller.config.checks.messages import problems_of
from controller.config.checks.rules import complete
from controller.config.errors import ConfigError, ConfigErrors, render
from controller.config.models.api import Scope, Token
from controller.config.models.root import Config
from controller.config.resources import SECTIONS, Content, Key, put_together, taken_from, unsafe, without
from controller.config.source import Source, filled, read

MOST_BYTES = 4 << 20
"""Of the config file. A longer one is a mistake, such as a device."""

__all__ = [
    "Config",
    "ConfigError",
    "ConfigErrors",
    "ConfigFile",
    "Scope",
    "Token",
    "json_schema",
    "load",
    "load_file",
    "parse",
    "parse_file",
    "render",
]


@dataclass(frozen=True)
class ConfigFile:
    """A config file that was read. `raw`: as it was written, before `${NAME}` was replaced. `config`: with
    `resources.source: store` it is without what is in the store, and so without agents."""

    config: Config
    raw: Mapping[str, Any] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    source: str

    @property
    def from_store(self) -> bool:
        return self.config.resources.source == "store"

    def whole(self) -> Config:
        """With its own resources, also if the store has others. Raises ConfigErrors."""
        return _checked(_document(self.raw, self.env), self.source)

    def with_resources(self, resources: Mapping[Key, Content], *, stored: bool = True) -> Config:
        """With these in place of its own. `stored`: they are, or are to be, in the store. Raises ConfigErrors, whose
        paths are those of the config, without lines."""
        errors = [each for key, content in resources.items() for each in unsafe(key, content, self._secrets)]
        if errors and stored:
            raise ConfigErrors(errors, "resources")
        return _checked(_document(put_together(self.raw, resources), self.env), "resources")

    def importable(self) -> dict[Key, Content]:
        """Its resources, to be kept in the store. Raises ConfigErrors."""
        taken = taken_from(self.raw)
        self.with_resources(taken)
        return taken

    @property
    def _secrets(self) -> tuple[str, ...]:
        return self.config.resources.secrets


def _document(data: Mapping[str, Any], env: Mapping[str, str]) -> Source:
    document = Source()
    document.data = filled(data, (), env, document)
    return document


def parse(text: str, env: Mapping[str, str], source: str = "config") -> Config:
    """`text` is YAML; `env` fills its `${NAME}`. `source` is its name in ConfigErrors, which it raises."""
    return parse_file(text, env, source).config


def parse_file(text: str, env: Mapping[str, str], source: str = "config") -> ConfigFile:
    """As `parse`, for who also needs the file's resources as they are written."""
    document = read(text, env)
    if document.data is None:
        raise ConfigErrors(document.errors or [ConfigError("", "", "is empty")], source)
    if _from_store(document.data):
        document.from_store = True
        document.data = without(document.data)
        document.errors = [each for each in document.errors if _SECTION.split(each.path)[0] not in SECTIONS]
    return ConfigFile(_checked(document, source), document.raw, dict(env), source)


_SECTION = re.compile(r"[.\[]")


def _from_store(data: Any) -> bool:
    resources = data.get("resources") if isinstance(data, dict) else None
    return isinstance(resources, dict) and resources.get("source") == "store"


def _checked(document: Source, source: str) -> Config:
    """Raises ConfigErrors."""
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
    return load_file(path, env).config


def load_file(path: str | FilePath, env: Mapping[str, str]) -> ConfigFile:
    """As `load`, for who also needs the file's resources as they are written."""
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
    return parse_file(text, env, str(path))


def json_schema() -> str:
    """The JSON Schema of config.yaml, for editors. Kept in config.schema.json, with a line end after it."""
    return json.dumps(schemas.json_schema(Config), indent=2, ensure_ascii=False)
