"""config.yaml as one frozen `Config`, all errors found at once. [pure]"""

from controller.config.errors import (
    ConfigError,
    ConfigErrors,
    render,
)
from controller.config.loader import (
    Ari,
    Config,
    Limits,
    PerCaller,
    Trunk,
    json_schema,
    load,
    parse,
)
from controller.config.models.api import (
    Scope,
    Token,
)

__all__ = [
    "Ari",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "Limits",
    "PerCaller",
    "Scope",
    "Token",
    "Trunk",
    "json_schema",
    "load",
    "parse",
    "render",
]
