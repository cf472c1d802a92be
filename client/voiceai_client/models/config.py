"""Answers, and parts of requests: config. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConfigAnswer(Model):
    config: Mapping[str, Any]
    """As in config.yaml, with defaults. Secrets are replaced by stars."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Imported(Model):
    changed: tuple[str, ...]
    """`kind/name` of the changed resources."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReloadAnswer(Model):
    changed: tuple[str, ...]
    """Dotted keys that have changed and now apply."""
    restart: tuple[str, ...]
    """Dotted keys that have changed and apply after a restart."""
    ignored: tuple[str, ...]
    """Sections of the file that are ignored, because the database has them."""
