"""Answers, and parts of requests: config. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConfigAnswer(Model):
    config: Mapping[str, Any]
    """As config.yaml, with defaults. Secrets are stars."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Imported(Model):
    changed: tuple[str, ...]
    """`kind/name` of what has changed, or would."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReloadAnswer(Model):
    changed: tuple[str, ...]
    """Dotted keys that differ and count from now on."""
    restart: tuple[str, ...]
    """Dotted keys that differ from what is in force and count after a restart only."""
    ignored: tuple[str, ...]
    """Sections of the file that the store has in its place."""
