"""config.yaml as one frozen `Config`; all errors are found at once. [pure]"""

from controller.config.current import CurrentConfig
from controller.config.errors import ConfigError, ConfigErrors, render
from controller.config.loader import ConfigFile, json_schema, load, load_file, parse, parse_file
from controller.config.models.api import Scope, Token
from controller.config.models.root import Ari, Config, Limits, PerCaller
from controller.config.models.trunks import Trunk

__all__ = [
    "Ari",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "ConfigFile",
    "CurrentConfig",
    "Limits",
    "PerCaller",
    "Scope",
    "Token",
    "Trunk",
    "json_schema",
    "load",
    "load_file",
    "parse",
    "parse_file",
    "render",
]
