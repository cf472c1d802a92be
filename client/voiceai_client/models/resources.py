"""Answers, and parts of requests: resources. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ChangeAnswer(Model):
    path: str
    """Dotted; empty: the whole."""
    kind: str
    """added, removed or changed."""
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Checked(Model):
    """It could be published."""

    valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Measure(Model):
    """A mean over calls, and between which values it may well lie for all calls to come (95 % confidence interval)."""

    name: str
    """answered, transferred (shares of the calls, from 0 to 1), talked_s, turns, interruptions (of calls that were
    answered), first_frame_ms, cost."""
    calls: int
    """Of how many calls it is the mean."""
    mean: float | None
    low: float | None
    """null: too few calls to say, fewer than 30."""
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VersionFigures(Model):
    """Of all ended calls that an agent had with one of its versions."""

    version: int | None
    """null: not known."""
    calls: int
    outcomes: Mapping[str, int]
    """How many calls ended so."""
    mean_talked_s: float | None
    """Of calls that were answered."""
    turns: int
    interruptions: int
    """How often a caller spoke while the agent did."""
    transfers: int
    """Calls to somebody else that were begun."""
    first_frame_ms: int | None
    """The mean of the calls' medians: from the caller's end of speech to the agent's first sound."""
    cost: float
    """US dollars, all calls."""
    cost_per_call: float
    measures: tuple[Measure, ...]
    """To compare the versions with: if the intervals of two do not touch, they differ by more than chance explains."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ComparisonAnswer(Model):
    versions: tuple[VersionFigures, ...]
    """Newest first."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DiffAnswer(Model):
    changes: tuple[ChangeAnswer, ...]
    lines: tuple[str, ...]
    """A unified diff of both as YAML; each line begins with a blank, `+`, `-` or `@@`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DraftAnswer(Model):
    by: str
    at: datetime
    content: Mapping[str, Any] | tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DraftInfo(Model):
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VersionInfo(Model):
    version: int
    by: str
    """Who has published it; `file`: it was read from the config file."""
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VersionAnswer(VersionInfo):
    content: Mapping[str, Any] | tuple[Any, ...]
    """As in config.yaml. Secrets are references such as `${NAME}`, or stars."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrialAnswer(Model):
    version: int
    share: int
    """Of 100 new calls."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResourceAnswer(Model):
    kind: str
    name: str
    etag: str
    """For `If-Match`: names the state of published version and draft together."""
    published: VersionAnswer | None
    """null: only a draft."""
    draft: DraftAnswer | None
    trial: TrialAnswer | None
    """Another version of an agent, which gets a share of its calls."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResourceInfo(Model):
    kind: str
    name: str
    etag: str
    """For `If-Match`: names the state of published version and draft together."""
    published: VersionInfo | None
    """null: only a draft."""
    draft: DraftInfo | None
    trial: TrialAnswer | None
    """Another version of an agent, which gets a share of its calls."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResourcePage(Model):
    source: str
    """`file`: the config file has the resources, and nobody writes them here; `store`."""
    resources: tuple[ResourceInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ToolTried(Model):
    """What a call would have got. Values of secrets are stars wherever they stand."""

    ok: bool
    """What the model is told of it: it went well, or it failed."""
    output: str
    """The text that the model would read."""
    reason: str | None
    """Why it failed, as in the metric of tools' failures; `too_large`: the text is cut."""
    detail: str
    """The cause in words, for whoever sets the tool up."""
    status: int | None
    """Of the server's answer; null: there was none."""
    duration_ms: int
    method: str
    url: str | None
    """What was asked; null: nothing, because the arguments do not fit."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VersionPage(Model):
    versions: tuple[VersionInfo, ...]
    next: int | None
    """For the query's `before`: the page that follows; null on the last one."""
