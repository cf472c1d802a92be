"""config.yaml as one frozen `Config`; all errors are found at once. [pure]"""

from controller.config.errors import ConfigError, ConfigErrors, render
from controller.config.loader import json_schema, load, parse
from controller.config.models.api import Scope, Token
from controller.config.models.root import Ari, Config, Limits, PerCaller
from controller.config.models.trunks import Trunk

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
