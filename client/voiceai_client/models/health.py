"""Answers, and parts of requests: health. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AlertAnswer(Model):
    type: str
    """A stable name, listed in docs/metrics.md."""
    severity: Literal["critical", "warning", "info"] | str
    """critical: calls cannot be handled, or data is lost. warning: this may happen soon. info: set by an operator."""
    subject: str | None
    """The name of the trunk, worker, node, task or folder. null: the controller itself."""
    message: str
    """What has happened."""
    action: str
    """What to do."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AlertList(Model):
    alerts: tuple[AlertAnswer, ...]
    """The most severe first. Empty: nothing needs attention."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Health(Model):
    status: Literal["ok"] = "ok"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Readiness(Model):
    ready: bool
    parts: Mapping[str, bool]
    """Each part that a call needs, and whether it is ready."""
    warnings: tuple[str, ...] = ()
    """Problems that do not stop calls and that voiceai tries to solve itself, such as one of several workers that
    does not start, or a worker that Asterisk cannot reach."""
